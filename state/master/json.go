package master

import (
	"io"
	"math"

	"toponym/internal/jsonscan"
)

// reader walks through a JSON document. What has another type than the one
// asked for is skipped and counts as absent: masters and frameworks of ten
// years have put all kinds of things into a state.
type reader struct {
	*jsonscan.Scanner
	intern map[string]string
}

// maxInterned bounds what is kept of the strings of a stream, which may go on
// for months.
const maxInterned = 1 << 18

// maxText bounds, in bytes, each string of a document that is read. The longest
// useful one lists the ports of a task: 64 KiB hold more than 4,000 ranges.
const maxText = 64 << 10

func newReader(r io.Reader) *reader {
	return &reader{Scanner: jsonscan.New(r, maxText), intern: map[string]string{}}
}

// object calls field for each member of the object that comes next. The key is
// good until the next read; field must read or skip the value.
func (r *reader) object(field func(key []byte) error) error {
	if r.Kind() != '{' {
		return r.Skip()
	}
	return r.Object(field)
}

// array calls element before each element of the array that comes next.
func (r *reader) array(element func() error) error {
	if r.Kind() != '[' {
		return r.Skip()
	}
	return r.Array(element)
}

func (r *reader) skip() error { return r.Skip() }

// bytes reads a string, good until the next read. It is nil for anything else.
func (r *reader) bytes() ([]byte, error) {
	if r.Kind() != '"' {
		return nil, r.Skip()
	}
	return r.String()
}

// unique reads a string that stands once in a document, such as a task's id.
func (r *reader) unique(s *string) error {
	b, err := r.bytes()
	if err == nil && b != nil {
		*s = string(b)
	}
	return err
}

// common reads a string that stands often in a document, and keeps it once.
func (r *reader) common(s *string) error {
	b, err := r.bytes()
	if err != nil || b == nil {
		return err
	}
	known, ok := r.intern[string(b)]
	if !ok {
		if len(r.intern) >= maxInterned {
			clear(r.intern)
		}
		known = string(b)
		r.intern[known] = known
	}
	*s = known
	return nil
}

// identifier reads an id, which is a string in a state and an object with a
// value in the operator API.
func (r *reader) identifier(read func(*string) error, id *string) error {
	if r.Kind() != '{' {
		return read(id)
	}
	return r.Object(func(key []byte) error {
		if string(key) == "value" {
			return read(id)
		}
		return r.Skip()
	})
}

// number reads a number. Anything else leaves ok false, and so does one that is
// out of range, such as 1e999.
func (r *reader) number() (n float64, ok bool, err error) {
	if r.Kind() != '0' {
		return 0, false, r.Skip()
	}
	if n, err = r.Number(); err != nil || math.IsInf(n, 0) {
		return 0, false, err
	}
	return n, true, nil
}
