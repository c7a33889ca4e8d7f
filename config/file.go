package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/viper"
)

// SyntaxError is the error of a file that is not valid in its format. It shows
// no more of the content than one character, because the line may hold a secret.
type SyntaxError struct {
	File         string
	Line, Column int    // from 1; 0 where the decoder does not say
	Format       string // json, yaml or toml
	Problem      string
}

// Error returns file:line:column: problem.
func (e *SyntaxError) Error() string {
	at := e.File
	if e.Line > 0 {
		at += ":" + strconv.Itoa(e.Line)
		if e.Column > 0 {
			at += ":" + strconv.Itoa(e.Column)
		}
	}
	return fmt.Sprintf("%s: not valid %s: %s", at, strings.ToUpper(e.Format), e.Problem)
}

// pipePatience is how long a pipe, such as /dev/stdin, may keep its reader
// waiting in all.
const pipePatience = 10 * time.Second

// readLimited reads a file of at most limit bytes. Its error is without the path,
// which is shown beside it. A pipe cannot hold up a reload or the end of the
// process for ever.
func readLimited(file string, limit int64) ([]byte, error) {
	return readPatiently(file, limit, pipePatience)
}

// readPatiently is readLimited with another patience.
func readPatiently(file string, limit int64, patience time.Duration) ([]byte, error) {
	// Without O_NONBLOCK, opening a named pipe waits for a writer, and no signal
	// ends that.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrPermission) {
		// Whoever starts the service can read the file, and wonders who cannot.
		return nil, fmt.Errorf("%w for the user with uid %d", withoutPath(err), os.Geteuid())
	}
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close()
	_ = f.SetReadDeadline(time.Now().Add(patience)) // regular files have no deadline, and need none
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("it is a pipe whose writer has not ended within %v", patience)
	case err == nil && int64(len(data)) > limit:
		err = fmt.Errorf("it is larger than %d KiB", limit>>10)
	case err == nil && len(data) == 0 && isPipe(f):
		err = errors.New("it is a pipe to which nothing is written")
	}
	return data, withoutPath(err)
}

func isPipe(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// withoutPath returns an error of the file system without its path.
func withoutPath(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// formatOf returns the format that the name of a file stands for. Mesos-DNS reads
// JSON under any name.
func formatOf(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".yaml", ".yml":
		return "yaml"
	case ".toml":
		return "toml"
	}
	return "json"
}

// decode reads a file with the decoders of viper. Keys stay as they are written.
// Keys that differ in case only are errors, because viper would use either.
func decode(file string, data []byte, errs *Errors) (map[string]any, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // a byte order mark, from editors on Windows
	format := formatOf(file)
	decoder, err := viper.NewCodecRegistry().Decoder(format)
	if err != nil {
		return nil, err
	}
	doc := map[string]any{}
	if err := decoder.Decode(data, doc); err != nil {
		return nil, syntaxError(file, format, data, err)
	}
	if format == "json" {
		newJSONDuplicates(data, errs).value()
	} else {
		mapDuplicates(doc, "", errs)
	}
	return doc, nil
}

var (
	yamlLine = regexp.MustCompile(`line (\d+)`)
	snippet  = regexp.MustCompile("(?s)[`'\"].*[`'\"]")
	// punctuation matches what the YAML decoder expected: ',' or ']'
	punctuation = regexp.MustCompile(`^'[^\w\s]'( or '[^\w\s]')*$`)
)

func syntaxError(file, format string, data []byte, err error) error {
	e := &SyntaxError{File: file, Format: format}
	// Everything that the message cites is between its first and last quote.
	e.Problem = snippet.ReplaceAllStringFunc(firstLine(err.Error()), func(cited string) string {
		if punctuation.MatchString(cited) {
			return cited
		}
		return "…"
	})
	e.Problem = strings.TrimPrefix(e.Problem, format+": ")

	var (
		syntax     *json.SyntaxError
		mismatch   *json.UnmarshalTypeError
		positioned interface{ Position() (row, column int) } // of the TOML decoder
	)
	switch {
	case errors.As(err, &syntax):
		e.Line, e.Column = lineColumn(data, syntax.Offset)
		e.Problem = jsonProblem(data, syntax)
	case errors.As(err, &mismatch):
		e.Line, e.Column = lineColumn(data, mismatch.Offset)
		e.Problem = "not an object of settings"
		if strings.HasPrefix(mismatch.Value, "number") && len(mismatch.Value) > len("number") {
			e.Problem = "a number is out of range"
		}
	case errors.As(err, &positioned):
		e.Line, e.Column = positioned.Position()
	default:
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
			e.Line, _ = strconv.Atoi(m[1])
			e.Problem = strings.TrimPrefix(e.Problem, m[0]+": ")
		}
	}
	return e
}

// jsonProblem names the commonest mistakes in JSON, and leaves others to the decoder,
// which cites one character.
func jsonProblem(data []byte, err *json.SyntaxError) string {
	text := err.Error()
	at := int(err.Offset) - 1
	if at < 0 || at >= len(data) || !strings.HasPrefix(text, "invalid character") {
		return text
	}
	c := data[at]
	before := bytes.TrimRight(data[:at], " \t\r\n")
	value := strings.HasSuffix(text, "looking for beginning of value") || strings.HasSuffix(text, "looking for beginning of object key string")
	between := strings.HasSuffix(text, "after object key:value pair") || strings.HasSuffix(text, "after array element")
	switch {
	case !value && !between:
	case c == '#', c == '/' && at+1 < len(data) && (data[at+1] == '/' || data[at+1] == '*'):
		return "a comment: JSON has none, YAML and TOML do"
	case value && c == '\'':
		return "a single quote: JSON wants double quotes"
	case value && (c == '}' || c == ']') && bytes.HasSuffix(before, []byte(",")):
		return fmt.Sprintf("a comma before %c", c)
	case between && (c == '"' || c == '{' || c == '['):
		return fmt.Sprintf("no comma before %c", c)
	}
	return text
}

func firstLine(s string) string {
	// the YAML decoder lists what it could not unmarshal below a heading
	s = strings.Replace(s, "unmarshal errors:\n  ", "", 1)
	s, _, _ = strings.Cut(s, "\n")
	return s
}

// lineColumn returns the position of the n-th byte, from 1.
func lineColumn(data []byte, n int64) (line, column int) {
	before := data[:max(0, min(int(n), len(data))-1)]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

// jsonDuplicates looks for keys that stand twice in an object, which the decoder
// accepts. It takes linear time, however many there are and however deep they stand.
type jsonDuplicates struct {
	data []byte
	dec  *json.Decoder
	path []string // keys of the objects around, as errors show them
	errs *Errors

	// The lines before counted are known: errors come in the order of the file.
	counted, lines, lineStart int
}

func newJSONDuplicates(data []byte, errs *Errors) *jsonDuplicates {
	return &jsonDuplicates{data: data, dec: json.NewDecoder(bytes.NewReader(data)), errs: errs}
}

// value reads one value, known to be well-formed.
func (d *jsonDuplicates) value() {
	token, err := d.dec.Token()
	if err != nil {
		return
	}
	switch token {
	case json.Delim('['):
		for d.dec.More() {
			d.value()
		}
	case json.Delim('{'):
		seen := map[string]bool{}
		for d.dec.More() {
			before := int(d.dec.InputOffset())
			name, err := d.dec.Token()
			if err != nil {
				return
			}
			key, _ := name.(string)
			if folded := strings.ToLower(key); seen[folded] {
				line, column := d.position(before + bytes.IndexByte(d.data[before:], '"'))
				rejectDuplicate(strings.Join(append(d.path, ""), "."), key, fmt.Sprintf(", again at line %d, column %d", line, column), d.errs)
			} else {
				seen[folded] = true
			}
			d.path = append(d.path, quoteKey(key))
			d.value()
			d.path = d.path[:len(d.path)-1]
		}
	default:
		return
	}
	d.dec.Token() // the closing bracket
}

// position returns the line and column of a byte, from 1. It must not be before that
// of the last call.
func (d *jsonDuplicates) position(offset int) (line, column int) {
	between := d.data[d.counted:offset]
	d.lines += bytes.Count(between, []byte("\n"))
	if last := bytes.LastIndexByte(between, '\n'); last >= 0 {
		d.lineStart = d.counted + last + 1
	}
	d.counted = offset
	return d.lines + 1, offset - d.lineStart + 1
}

// mapDuplicates does the same for decoders that reject identical keys.
func mapDuplicates(doc map[string]any, prefix string, errs *Errors) {
	seen := map[string]bool{}
	for _, key := range sortedKeys(doc) {
		if folded := strings.ToLower(key); seen[folded] {
			rejectDuplicate(prefix, key, "", errs)
		} else {
			seen[folded] = true
		}
		if inner, ok := doc[key].(map[string]any); ok {
			mapDuplicates(inner, prefix+key+".", errs)
		}
	}
}

// rejectDuplicate adds the error of a key that is given twice.
func rejectDuplicate(prefix, key, where string, errs *Errors) {
	*errs = append(*errs, Error{Key: prefix + quoteKey(key), Problem: "is given twice" + where, Want: "each key once; case does not count"})
}

// quoteKey quotes a key that could forge lines of the log.
func quoteKey(key string) string {
	if quoted := strconv.Quote(key); quoted != `"`+key+`"` {
		return quoted
	}
	return key
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
