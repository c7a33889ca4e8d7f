package marathon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Settings are the flags of a Marathon that say how definitions are read.
type Settings struct {
	// DefaultNetworkName is --default_network_name: the container network of apps
	// that do not name one. Without it they are refused.
	DefaultNetworkName string
}

// Parse reads an app definition in either form. Relative ids are relative to the
// root group. The error is an *Invalid for a definition that Marathon refuses, or a
// *Malformed for data that is not JSON.
func Parse(data []byte, s Settings) (*App, error) {
	return parseIn(data, s, pathID{absolute: true})
}

// parseIn reads a definition whose relative ids are relative to base.
func parseIn(data []byte, s Settings, base pathID) (*App, error) {
	d := definition{App: defaults()}
	if err := decode(data, &d); err != nil {
		return nil, err
	}
	return d.app(s, base)
}

// decode reads JSON as Marathon does: members that are null count as absent, of
// duplicate members the last one counts, and 1.0 is an integer.
func decode(data []byte, v any) error {
	clean, err := cleaned(data)
	if err != nil {
		return &Malformed{Message: invalidJSON, Details: syntaxProblem(data, err)}
	}
	if err := json.Unmarshal(clean, v); err != nil {
		return decodingError(err)
	}
	return nil
}

// syntaxProblem describes an error of the decoder with its line and column.
func syntaxProblem(data []byte, err error) string {
	var e *jsontext.SyntacticError
	if !errors.As(err, &e) || e.ByteOffset > int64(len(data)) {
		return err.Error()
	}
	before := data[:e.ByteOffset]
	return fmt.Sprintf("line %d, column %d: %v", 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'), e.Err)
}

// cleaned returns JSON without null members and all but the last of duplicate
// members, and with integers for numbers such as 1.0.
func cleaned(data []byte) ([]byte, error) {
	in := jsontext.NewDecoder(bytes.NewReader(data), jsontext.AllowDuplicateNames(true))
	out, err := appendCleaned(nil, in)
	if err != nil {
		return nil, err
	}
	if _, err := in.ReadToken(); err != io.EOF {
		if err == nil {
			err = errors.New("there is more than one value")
		}
		return nil, err
	}
	return out, nil
}

// maxDepth bounds the nesting. Only groups can nest without limit.
const maxDepth = 256

// appendCleaned appends the next value to b.
func appendCleaned(b []byte, in *jsontext.Decoder) ([]byte, error) {
	if in.StackDepth() > maxDepth {
		return nil, errors.New("nested too deep")
	}
	switch in.PeekKind() {
	case '{':
		return appendObject(b, in)
	case '[':
		if _, err := in.ReadToken(); err != nil {
			return nil, err
		}
		b = append(b, '[')
		for n := 0; in.PeekKind() != ']'; n++ {
			if n > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendCleaned(b, in); err != nil {
				return nil, err
			}
		}
		_, err := in.ReadToken()
		return append(b, ']'), err
	}
	v, err := in.ReadValue()
	if err != nil {
		return nil, err
	}
	if v.Kind() == '0' {
		return append(b, wholeNumber(v)...), nil
	}
	return append(b, v...), nil
}

func appendObject(b []byte, in *jsontext.Decoder) ([]byte, error) {
	if _, err := in.ReadToken(); err != nil {
		return nil, err
	}
	var names []string
	members := map[string][]byte{}
	for in.PeekKind() != '}' {
		name, err := in.ReadValue()
		if err != nil {
			return nil, err
		}
		key := string(name)
		if plain, err := jsontext.AppendUnquote(nil, name); err == nil { // "a" and "\u0061" are the same
			quoted, _ := jsontext.AppendQuote(nil, plain)
			key = string(quoted)
		}
		value, err := appendCleaned(nil, in)
		if err != nil {
			return nil, err
		}
		if _, ok := members[key]; !ok {
			names = append(names, key)
		}
		members[key] = value
	}
	b = append(b, '{')
	first := true
	for _, name := range names {
		if string(members[name]) == "null" {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, name...), ':'), members[name]...)
	}
	_, err := in.ReadToken()
	return append(b, '}'), err
}

// wholeNumber returns a number as an integer if it is one.
func wholeNumber(v jsontext.Value) []byte {
	if !bytes.ContainsAny(v, ".eE") {
		return v
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return v
	}
	return strconv.AppendInt(nil, int64(f), 10)
}

// decodingError returns Marathon's error for a value of the wrong type.
func decodingError(err error) error {
	var s *json.SemanticError
	if !errors.As(err, &s) {
		return &Malformed{Message: invalidJSON, Details: err.Error()}
	}
	var f violations
	f.add(marathonPath(string(s.JSONPointer)), expected(s))
	return f.err(invalidJSON)
}

func expected(s *json.SemanticError) string {
	if s.GoType == nil {
		return "error.invalid"
	}
	switch s.GoType.Kind() {
	case reflect.String:
		return "error.expected.jsstring"
	case reflect.Bool:
		return "error.expected.jsboolean"
	case reflect.Slice, reflect.Array:
		return "error.expected.jsarray"
	case reflect.Struct, reflect.Map:
		return "error.expected.jsobject"
	case reflect.Float64, reflect.Int, reflect.Uint16:
		switch {
		case s.JSONKind != '0':
			return "error.expected.jsnumber"
		case bytes.ContainsAny(s.JSONValue, ".eE"):
			return "error.expected.int"
		case bytes.HasPrefix(s.JSONValue, []byte("-")):
			return "error.min"
		default:
			return "error.max"
		}
	}
	return "error.invalid"
}

// marathonPath turns "/networks/0/mode" into "/networks(0)/mode".
func marathonPath(pointer string) string {
	if pointer == "" {
		return "/"
	}
	var b strings.Builder
	for segment := range strings.SplitSeq(pointer[1:], "/") {
		if _, err := strconv.ParseUint(segment, 10, 32); err == nil {
			b.WriteString("(" + segment + ")")
			continue
		}
		b.WriteString("/" + segment)
	}
	return b.String()
}
