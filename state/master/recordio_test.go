package master

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// framed puts records one behind the other as the operator API does.
func framed(records ...string) string {
	var b strings.Builder
	for _, r := range records {
		fmt.Fprintf(&b, "%d\n%s", len(r), r)
	}
	return b.String()
}

// records reads all records of a stream, and why there are no more.
func records(r io.Reader, max int64) (got []string, err error) {
	s := newRecordIO(r, max)
	for {
		if err := s.next(); err != nil {
			return got, err
		}
		b, err := io.ReadAll(s)
		if err != nil {
			return got, err
		}
		got = append(got, string(b))
	}
}

func TestRecordIOReadsRecordsOnly(t *testing.T) {
	large := strings.Repeat("x", 200_000)
	tests := []struct {
		what, stream string
		want         []string
		err          string
	}{
		{"none", "", nil, "EOF"},
		{"two", framed("ab", "c"), []string{"ab", "c"}, "EOF"},
		{"an empty one", framed("", "c"), []string{"", "c"}, "EOF"},
		{"newlines and digits inside", framed("1\n2\n", "3"), []string{"1\n2\n", "3"}, "EOF"},
		{"one larger than the buffer", framed(large, "c"), []string{large, "c"}, "EOF"},
		{"zeros in front", "002\nab", []string{"ab"}, "EOF"},
		{"cut off in a record", "5\nab", nil, "unexpected EOF"},
		{"cut off before a record", "5\n", nil, "unexpected EOF"},
		{"cut off in a length", framed("ab") + "5", []string{"ab"}, "unexpected EOF"},
		{"JSON without lengths", `{"type":"HEARTBEAT"}`, nil, `no length of a record: '{' after 0 digits`},
		{"a length without digits", "\nab", nil, `no length of a record: '\n' after 0 digits`},
		{"a sign", "-1\nab", nil, `no length of a record: '-' after 0 digits`},
		{"Windows", "2\r\nab", nil, `no length of a record: '\r' after 1 digits`},
		{"too many digits", strings.Repeat("1", 30), nil, "no length of a record: '1' after 19 digits"},
		{"more than fits", "9999999999999999999\n", nil, "larger than stateMaxBytes = 300000"},
		{"larger than allowed", "300001\nab", nil, "larger than stateMaxBytes = 300000"},
	}
	for _, tt := range tests {
		for how, r := range map[string]io.Reader{
			"at once":         strings.NewReader(tt.stream),
			"octet by octet":  iotest.OneByteReader(strings.NewReader(tt.stream)),
			"in halves":       iotest.HalfReader(strings.NewReader(tt.stream)),
			"with its end":    iotest.DataErrReader(strings.NewReader(tt.stream)),
			"with time-outs":  io.MultiReader(strings.NewReader(tt.stream)),
			"in small chunks": io.MultiReader(strings.NewReader(tt.stream[:len(tt.stream)/3]), strings.NewReader(tt.stream[len(tt.stream)/3:])),
		} {
			got, err := records(r, 300_000)
			if fmt.Sprint(got) != fmt.Sprint(tt.want) || err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s, %s: got %.80q, %v, want %.80q, %q", tt.what, how, got, err, tt.want, tt.err)
			}
		}
	}
}

// What is left of a record is skipped by next.
func TestRecordsThatAreNotReadToTheirEnd(t *testing.T) {
	s := newRecordIO(strings.NewReader(framed("abcdef", "x")), 10)
	if err := s.next(); err != nil {
		t.Fatal(err)
	}
	s.Read(make([]byte, 2))
	if err := s.next(); err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(s); string(b) != "x" {
		t.Errorf("got %q, want x", b)
	}
}

func FuzzRecordIO(f *testing.F) {
	f.Add([]byte(framed("ab", "")), int64(10))
	f.Add([]byte("19\n{\"type\":\"HEARTBEAT\"}"), int64(100))
	f.Add([]byte("99999999999999999999"), int64(1))
	f.Fuzz(func(t *testing.T, stream []byte, max int64) {
		got, err := records(bytes.NewReader(stream), max)
		again, err2 := records(iotest.OneByteReader(bytes.NewReader(stream)), max)
		if fmt.Sprint(got) != fmt.Sprint(again) || (err == nil) != (err2 == nil) || errors.Is(err, io.EOF) != errors.Is(err2, io.EOF) {
			t.Fatalf("got %q and %v, want as in other pieces %q and %v", got, err, again, err2)
		}
		if err == io.EOF && len(stream) > 0 && len(got) == 0 {
			t.Fatal("bytes that are no record: got io.EOF, want an error")
		}
		for _, r := range got {
			if int64(len(r)) > max {
				t.Fatalf("got a record of %d bytes, want at most %d", len(r), max)
			}
		}
	})
}
