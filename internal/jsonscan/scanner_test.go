package jsonscan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

var documents = []string{
	`{}`, `[]`, `0`, `-0`, `1`, `12.5e-3`, `1E+9`, `-1.0`, `""`, `"a"`, `true`, `false`, `null`,
	` { "a" : [ 1 , 2 , { } ] , "b" : "c" } `, "\t\n\r 1 \n", `[[[[]]],[{}]]`, `{"a":{"b":{"c":[]}}}`,
	`"\"\\\/\b\f\n\r\t\u0041\ud83d\ude80\ud83d x \ude80\u00e9"`, `"é☃🚀"`, "\"\xff\xfe\"", "\"\x7f\"",
	`{"a":1,"a":2}`, `[1,2,3]`, strings.Repeat("[", 500) + strings.Repeat("]", 500),
	`"` + strings.Repeat("x", 70) + `"`, `"` + strings.Repeat(`\n`, 70) + `"`, strings.Repeat("1", 100),
	// Not JSON.
	``, ` `, `{`, `[`, `"`, `"\`, `"\u12`, `"\u123g"`, `"\x"`, "\"\n\"", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `[1,]`, `[,]`, `[1 2]`,
	`{"a" 1}`, `{"a":1 "b":2}`, `{1:2}`, `]`, `}`, `[}`, `{]`, `[1}`, `{"a":1]`, `01`, `-`, `1.`, `.1`, `1e`, `1e+`, `+1`, `--1`, `0x1`,
	`tru`, `truE`, `nul`, `fals`, `True`, `1 2`, `{} {}`, `[]]`, "\ufeff{}", `'a'`, `NaN`, `<html>`, "1\x00", "\x00", strings.Repeat("[", 20000),
}

// walk skips a whole document.
func walk(r io.Reader) error {
	s := New(r, 1<<20)
	if err := s.Skip(); err != nil {
		return err
	}
	return s.End()
}

func TestSkipAcceptsWhatEncodingJSONDoes(t *testing.T) {
	for _, d := range documents {
		want := json.Valid([]byte(d))
		for how, r := range map[string]io.Reader{
			"at once":         strings.NewReader(d),
			"byte by byte":    iotest.OneByteReader(strings.NewReader(d)),
			"end with data":   iotest.DataErrReader(strings.NewReader(d)),
			"in small pieces": iotest.HalfReader(strings.NewReader(d)),
		} {
			if err := walk(r); (err == nil) != want {
				t.Errorf("%.60q %s: %v, want valid %v", d, how, err, want)
			}
		}
	}
}

// value decodes into what encoding/json gives, with the scanner's methods.
func value(s *Scanner) (any, error) {
	switch s.Kind() {
	case '{':
		m := map[string]any{}
		err := s.Object(func(name []byte) error {
			n := string(name)
			v, err := value(s)
			m[n] = v
			return err
		})
		return m, err
	case '[':
		l := []any{}
		err := s.Array(func() error {
			v, err := value(s)
			l = append(l, v)
			return err
		})
		return l, err
	case '"':
		b, err := s.String()
		return string(b), err
	case '0':
		return s.Number()
	case 't':
		return true, s.Skip()
	case 'f':
		return false, s.Skip()
	}
	return nil, s.Skip()
}

func sameAsEncodingJSON(t *testing.T, d []byte, r io.Reader) {
	t.Helper()
	s := New(r, 1<<20)
	got, err := value(s)
	if err == nil {
		err = s.End()
	}
	if valid := json.Valid(d); (err == nil) != valid {
		t.Fatalf("%.80q: %v, want valid %v", d, err, valid)
	}
	var want any
	if err != nil || json.Unmarshal(d, &want) != nil {
		return // numbers out of range are no error here
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	// encoding/json replaces what is no UTF-8 on the way in, we do not.
	if a = bytes.ReplaceAll(a, []byte(`\ufffd`), []byte("\ufffd")); !bytes.Equal(a, b) {
		t.Fatalf("%.80q: got %s, want %s", d, a, b)
	}
}

func TestValuesAreThoseOfEncodingJSON(t *testing.T) {
	for _, d := range documents {
		if strings.Count(d, "[") > 10000 {
			continue
		}
		sameAsEncodingJSON(t, []byte(d), strings.NewReader(d))
		sameAsEncodingJSON(t, []byte(d), iotest.OneByteReader(strings.NewReader(d)))
	}
}

func TestTokensMayCrossTheEndOfTheBufferAnywhere(t *testing.T) {
	doc := `{"name":"va\u00e9\ud83d\ude80lue","n":-12.5e3,"list":[true,false,null,"x"],"o":{}}`
	for pad := bufferSize - len(doc) - 8; pad < bufferSize+8; pad++ {
		d := strings.Repeat(" ", pad) + doc
		sameAsEncodingJSON(t, []byte(d), strings.NewReader(d))
		if err := walk(strings.NewReader(d)); err != nil {
			t.Fatalf("%d: %v", pad, err)
		}
	}
}

func TestStringsLongerThanTheBufferAreRead(t *testing.T) {
	long := strings.Repeat("0123456789", bufferSize/3)
	for _, d := range []string{`["` + long + `", "b"]`, `{"` + long + `":1}`, `["` + long + `\n` + long + `"]`} {
		sameAsEncodingJSON(t, []byte(d), strings.NewReader(d))
	}
}

func TestATruncatedDocumentIsAnUnexpectedEOF(t *testing.T) {
	doc := ` {"a": [1.5, true, "b\u0041"], "c": null} `
	for i := range len(doc) - 2 {
		if err := walk(strings.NewReader(doc[:i])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: got error %v, want io.ErrUnexpectedEOF", doc[:i], err)
		}
	}
}

func TestErrorsOfTheReaderAreReturned(t *testing.T) {
	broken := errors.New("broken")
	doc := `{"a": [1, true, "b"], "c": null}`
	for i := range len(doc) {
		r := io.MultiReader(strings.NewReader(doc[:i]), iotest.ErrReader(broken))
		if err := walk(r); !errors.Is(err, broken) {
			t.Errorf("after %q: got error %v, want that of the reader", doc[:i], err)
		}
	}
	if err := walk(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got error %v, want that of the reader", err)
	}
}

func TestSyntaxErrorsSayWhere(t *testing.T) {
	for doc, want := range map[string]int64{`[1,]`: 3, `{"a":x}`: 5, "\"a\nb\"": 2, `[1] 2`: 4, `"\q"`: 2, `"\u12x4"`: 5, `-x`: 1} {
		var e *SyntaxError
		if err := walk(strings.NewReader(doc)); !errors.As(err, &e) || e.Offset != want {
			t.Errorf("%q: got error %v, want one at offset %d", doc, err, want)
		}
	}
}

func TestSkippingAllocatesNothingPerElement(t *testing.T) {
	element := `{"text":"` + strings.Repeat("abc ", 100) + `","n":[1,2,3]},`
	read := func(n int) float64 {
		d := "[" + strings.Repeat(element, n) + "0]"
		return testing.AllocsPerRun(2, func() {
			if err := walk(strings.NewReader(d)); err != nil {
				t.Fatal(err)
			}
		})
	}
	if small, large := read(10), read(10000); large > small+2 {
		t.Errorf("got %v allocations for 10,000 elements, want those for 10: %v", large, small)
	}
}

// huge gives prefix, n times 'x' and suffix, and holds no more than a piece.
func huge(prefix string, piece string, n int, suffix string) io.Reader {
	parts := []io.Reader{strings.NewReader(prefix)}
	for range n {
		parts = append(parts, strings.NewReader(piece))
	}
	return io.MultiReader(append(parts, strings.NewReader(suffix))...)
}

func TestStringsBeyondTheLimitAreSkipped(t *testing.T) {
	const limit = 100
	for _, tt := range []struct {
		doc  string
		want string // "<skipped>" for nil
	}{
		{`"` + strings.Repeat("x", limit) + `"`, strings.Repeat("x", limit)},
		{`"` + strings.Repeat("x", limit+1) + `"`, "<skipped>"},
		{`"` + strings.Repeat("x", bufferSize) + `"`, "<skipped>"},
		{`"\n` + strings.Repeat("x", limit) + `"`, "<skipped>"},
		{`"` + strings.Repeat(`\n`, limit+1) + `"`, "<skipped>"},
		{`"` + strings.Repeat(`\u00e9`, limit) + `"`, "<skipped>"},
		{`""`, ""},
		{`"\n"`, "\n"},
	} {
		for _, r := range []io.Reader{strings.NewReader(tt.doc + ` "next"`), iotest.OneByteReader(strings.NewReader(tt.doc + ` "next"`))} {
			s := New(r, limit)
			b, err := s.String()
			got := string(b)
			if b == nil {
				got = "<skipped>"
			}
			if err != nil || got != tt.want {
				t.Errorf("%.20q (%d bytes): got %.20q, error %v, want %.20q", tt.doc, len(tt.doc), got, err, tt.want)
			}
			if next, err := s.String(); err != nil || string(next) != "next" {
				t.Errorf("behind %.20q: got %q, error %v, want \"next\"", tt.doc, next, err)
			}
		}
	}
}

func TestNamesAndNumbersBeyondTheLimitAreNotKept(t *testing.T) {
	const limit = 100
	long := strings.Repeat("1", limit+1)
	s := New(strings.NewReader(`{"`+long+`" : `+long+`, "b": 2}`), limit)
	var got []string
	err := s.Object(func(name []byte) error {
		key := string(name)
		n, err := s.Number()
		got = append(got, fmt.Sprintf("%q=%v", key, n))
		return err
	})
	if want := []string{`""=+Inf`, `"b"=2`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, error %v, want %v", got, err, want)
	}
}

// A document of any size must cost no more memory than its reader allows for.
func TestMemoryIsBoundedWhateverTheDocumentHolds(t *testing.T) {
	const pieces = 4096
	piece := strings.Repeat("1", 4096)
	for what, doc := range map[string]func() io.Reader{
		"a string":              func() io.Reader { return huge(`"`, piece, pieces, `"`) },
		"a string with escapes": func() io.Reader { return huge(`"`, strings.Repeat(`\n`, 2048), pieces, `"`) },
		"a number":              func() io.Reader { return huge("1", piece, pieces, "") },
		"a name":                func() io.Reader { return huge(`{"`, piece, pieces, `": 1}`) },
		"white space":           func() io.Reader { return huge("[", strings.Repeat(" ", 4096), pieces, "]") },
	} {
		r := doc()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		s := New(r, 4096)
		_, err := value(s)
		if err == nil {
			err = s.End()
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; err != nil || got > 1<<20 {
			t.Errorf("%s of 16 MB: allocated %d bytes, error %v, want at most 1 MiB and none", what, got, err)
		}
	}
}

func FuzzScanner(f *testing.F) {
	for _, d := range documents {
		f.Add([]byte(d))
	}
	f.Fuzz(func(t *testing.T, d []byte) {
		want := json.Valid(d)
		if err := walk(bytes.NewReader(d)); (err == nil) != want {
			t.Fatalf("%q: %v, want valid %v", d, err, want)
		}
		if err := walk(iotest.OneByteReader(bytes.NewReader(d))); (err == nil) != want {
			t.Fatalf("%q byte by byte: %v, want valid %v", d, err, want)
		}
		if len(d) < 5000 {
			sameAsEncodingJSON(t, d, bytes.NewReader(d))
		}
	})
}

func BenchmarkSkip(b *testing.B) {
	var doc bytes.Buffer
	doc.WriteByte('[')
	for i := range 2000 {
		doc.WriteString(`{"id":"task.` + strconv.Itoa(i) + `","cpus":0.5,"mem":128.0,"labels":[{"key":"a","value":"some text"}],"ok":true},`)
	}
	doc.WriteString("0]")
	b.SetBytes(int64(doc.Len()))
	for b.Loop() {
		if err := walk(bytes.NewReader(doc.Bytes())); err != nil {
			b.Fatal(err)
		}
	}
}
