package master

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
)

// No beginning of a state is a state.
func TestCutOffAnywhere(t *testing.T) {
	if got := lines(mustDecode(t, []byte(smallState))); !slices.Equal(got, smallLines) {
		t.Fatalf("the whole state: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(smallLines, "\n"))
	}
	for n := range len(smallState) {
		doc, err := decode(strings.NewReader(smallState[:n]), false)
		if doc != nil || err == nil || err.Error() != "the answer is cut off" {
			t.Fatalf("the first %d bytes: got %+v, %v, want that it is cut off", n, doc, err)
		}
	}
}

// An error of the connection is in the error of decode, which returns no part of
// the state.
func TestReadingFailsAnywhere(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{Port: 40001}, Err: syscall.ECONNRESET}
	for n := range len(smallState) {
		doc, err := decode(io.MultiReader(strings.NewReader(smallState[:n]), iotest.ErrReader(reset)), false)
		if doc != nil || !errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "40001") {
			t.Fatalf("after %d bytes: got %+v, %v, want ECONNRESET without the port", n, doc, err)
		}
	}
	// Also when all was read: a compressed answer is only checked at its end.
	doc, err := decode(io.MultiReader(strings.NewReader(smallState), iotest.ErrReader(reset)), false)
	if doc != nil || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after the last byte: got %+v, %v, want ECONNRESET", doc, err)
	}
}

// A network cuts an answer as it likes.
func TestPiecesDoNotMatter(t *testing.T) {
	for name, pieces := range map[string]func(io.Reader) io.Reader{
		"single bytes":             iotest.OneByteReader,
		"halves":                   iotest.HalfReader,
		"the end with the last":    iotest.DataErrReader,
		"single bytes and the end": func(r io.Reader) io.Reader { return iotest.DataErrReader(iotest.OneByteReader(r)) },
	} {
		for _, file := range fixtures(t) {
			body := fixture(t, file)
			doc, err := decode(pieces(bytes.NewReader(body)), false)
			if err != nil || !slices.Equal(lines(doc), lines(mustDecode(t, body))) {
				t.Errorf("%s in %s: got another state (error %v), want the same", file, name, err)
			}
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	tests := []struct{ what, body, err string }{
		{"nothing", "", "cut off"},
		{"white space", " \r\n\t", "cut off"},
		{"a page in HTML", "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "invalid character '<'"},
		{"text", "No leader elected", "invalid character"},
		{"an array", "[]", "it is not an object"},
		{"an array with a state", "[" + smallState + "]", "it is not an object"},
		{"null", "null", "it is not an object"},
		{"a string", `"x"`, "it is not an object"},
		{"a number", "17", "it is not an object"},
		{"true", "true", "it is not an object"},
		{"half a word", "nul", "cut off"},
		{"two states", smallState + smallState, "more follows"},
		{"two states on lines", smallState + "\n" + smallState, "more follows"},
		{"a comma behind", smallState + ",", "invalid character"},
		{"a page behind", smallState + "\n<html>", "invalid character"},
		{"zeros behind", smallState + "\x00", "invalid character"},
		{"half a string behind", smallState + `"`, "more follows"},
		{"a byte order mark", "\ufeff" + smallState, "invalid character"},
		{"UTF-16", "{\x00\"\x00p\x00", "invalid character"},
		{"gzip", "\x1f\x8b\x08\x00", "invalid character"},
		{"a record of the API", "121\n{}", "it is not an object"},

		{"a comma too many", `{"slaves": [],}`, "invalid character"},
		{"a comma too many in a list", `{"slaves": [{},]}`, "invalid character"},
		{"a comma too few", `{"slaves": [] "frameworks": []}`, "invalid character"},
		{"a colon too few", `{"slaves" []}`, "invalid character"},
		{"no value", `{"slaves": }`, "invalid character"},
		{"a key without quotes", `{slaves: []}`, "invalid character"},
		{"a number for a key", `{1: []}`, "object member name"},
		{"null for a key", `{"slaves": [{null: 1}]}`, "object member name"},
		{"single quotes", `{'slaves': []}`, "invalid character"},
		{"a comment", `{/* none */}`, "invalid character"},
		{"brackets that do not match", `{"slaves": [}]`, "invalid character"},
		{"a bracket too many", `{"slaves": []]}`, "invalid character"},
		{"bad syntax in what is skipped", `{"flags": {"a": [1, 2, tru]}}`, "invalid character"},
		{"a number as no JSON has it", `{"version": 01}`, "invalid character"},
		{"NaN", `{"version": NaN}`, "invalid character"},
		{"a line break in a string", "{\"version\": \"a\nb\"}", "invalid character"},
		{"an escape that is none", `{"version": "\x41"}`, "invalid escape"},
		{"half an escape", `{"pid": "\u12"}`, "invalid escape"},
		{"nested beyond measure", `{"x": ` + strings.Repeat("[", 1_000_000), "exceeded max depth"},
		{"objects nested beyond measure", `{"x": ` + strings.Repeat(`{"x": `, 1_000_000), "exceeded max depth"},
	}
	for _, tt := range tests {
		doc, err := decode(strings.NewReader(tt.body), false)
		if doc != nil || err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, want an error with %q", tt.what, err, tt.err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("%s: got an error of %d bytes, want at most 300: %.400s", tt.what, len(err.Error()), err)
		}
	}
}

func TestOddBodiesThatAreAccepted(t *testing.T) {
	tests := []struct {
		what, body string
		want       string // the last line
	}{
		{"an empty object", `{}`, `leader - answered by -`},
		{"empty lists", `{"slaves": [], "frameworks": []}`, `leader - answered by -`},
		{"white space around", " \r\n\t{}\n\n", `leader - answered by -`},
		{"a number that no float holds", `{"x": 1e99999, "y": -` + strings.Repeat("9", 10_000) + `, "pid": "m@h:1"}`, `leader - answered by m@h:1`},
		{"nested, but not beyond measure", `{"x": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `, "pid": "m@h:1"}`, `leader - answered by m@h:1`},
		{"bytes that are no UTF-8", "{\"x\": \"\xff\", \"slaves\": [{\"id\": \"S\xff\"}]}", "agent S\xff \"\" -"},
		{"bytes that are no UTF-8, and an escape", "{\"slaves\": [{\"id\": \"\\u0053\xff\"}]}", "agent S\xff \"\" -"},
		{"lone surrogates", `{"slaves": [{"id": "\ud83d\ude00\ud83d", "hostname": "\ude00"}]}`, "agent 😀\ufffd \"\ufffd\" -"},
		{"a zero in a string", `{"slaves": [{"id": "a\u0000b"}]}`, "agent a\x00b \"\" -"},
		{"ports beyond 65535", `{"frameworks": [{"id": "F", "tasks": [{"id": "t", "discovery": {"ports": {"ports": [
			{"number": 65535}, {"number": 65536}, {"number": 1e999}, {"number": 99999999999999999999}, {"number": 0.5}, {"number": -0}, {"number": 8e1}]}}}]}]}`,
			`task F/t "" on   as "" 65535/""/ 0/""/ 80/""/`},
		{"an empty id", `{"slaves": [{"id": ""}], "frameworks": [{"id": "", "tasks": [{"id": "t"}]}, {"id": "F", "tasks": [{"id": ""}, {}]}]}`, `framework F "" "" -`},
	}
	for _, tt := range tests {
		doc, err := decode(strings.NewReader(tt.body), false)
		if err != nil {
			t.Errorf("%s: got %v, want no error", tt.what, err)
			continue
		}
		if l := lines(doc); l[len(l)-1] != tt.want {
			t.Errorf("%s: %q, want %q", tt.what, l[len(l)-1], tt.want)
		}
	}
}

// Masters change the order of tasks from answer to answer; the log must have an
// issue once.
func TestSameIssuesInAnotherOrderAreTheSame(t *testing.T) {
	tasks := []string{`{"id": "a", "resources": {"ports": "x"}}`, `{"id": "b", "resources": {"ports": "y"}}`, `{"id": "c"}`}
	body := func() []byte {
		return []byte(`{"frameworks": [{"id": "F", "tasks": [` + strings.Join(tasks, ",") + `]}]}`)
	}
	one := mustDecode(t, body()).issues
	slices.Reverse(tasks)
	if other := mustDecode(t, body()).issues; one != other || one.count != 2 {
		t.Errorf("got %+v and, in another order, %+v, want the same with 2 issues", one, other)
	}
}
