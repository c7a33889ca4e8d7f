package master

import (
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// reader walks through a JSON document. What has another type than the one
// asked for is skipped and counts as absent: masters and frameworks of ten
// years have put all kinds of things into a state.
type reader struct {
	dec    *jsontext.Decoder
	intern map[string]string
	buf    []byte
}

func newReader(r io.Reader) *reader {
	return &reader{
		// Checks for doubled names cost a map per object, and strings that
		// are not UTF-8 harm nobody: names keep ASCII only.
		dec:    jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		intern: map[string]string{},
	}
}

// object calls field for each member of the object that comes next. The key is
// the member's name with its quotes, good until the next read; field must read
// or skip the value.
func (r *reader) object(field func(key []byte) error) error {
	if r.dec.PeekKind() != '{' {
		return r.dec.SkipValue()
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for r.dec.PeekKind() == '"' {
		key, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// array calls element before each element of the array that comes next.
func (r *reader) array(element func() error) error {
	if r.dec.PeekKind() != '[' {
		return r.dec.SkipValue()
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return err
	}
	for {
		switch r.dec.PeekKind() {
		case ']', 0:
			_, err := r.dec.ReadToken()
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

func (r *reader) skip() error { return r.dec.SkipValue() }

// bytes reads a string into the reader's buffer, good until the next read.
func (r *reader) bytes() ([]byte, error) {
	if r.dec.PeekKind() != '"' {
		return nil, r.dec.SkipValue()
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	// Most strings have nothing to unescape.
	inner := v[1 : len(v)-1]
	for _, c := range inner {
		if c == '\\' {
			// The decoder has checked the syntax; what is left to complain
			// of, such as half a surrogate pair, becomes U+FFFD.
			r.buf, _ = jsontext.AppendUnquote(r.buf[:0], v)
			return r.buf, nil
		}
	}
	return inner, nil
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
		known = string(b)
		r.intern[known] = known
	}
	*s = known
	return nil
}

// number reads a number; anything else leaves ok false.
func (r *reader) number() (n float64, ok bool, err error) {
	if r.dec.PeekKind() != '0' {
		return 0, false, r.dec.SkipValue()
	}
	v, err := r.dec.ReadValue()
	if err != nil {
		return 0, false, err
	}
	n, perr := strconv.ParseFloat(string(v), 64)
	if perr != nil { // out of range, such as 1e999: n is infinite
		return 0, false, nil
	}
	return n, true, nil
}
