// Package jsonscan walks through a JSON document (RFC 8259) as it is read.
//
// It is for documents of which little is wanted: what is skipped is checked
// for its syntax and costs next to nothing, and no more than a few buffers are
// in memory, whatever the size of the document.
//
// It accepts what encoding/json accepts, and nothing else. Doubled names and
// strings that are not UTF-8 are accepted by both.
package jsonscan

import (
	"errors"
	"fmt"
	"io"
)

// SyntaxError says where a document is no JSON.
type SyntaxError struct {
	Offset  int64 // of the octet at fault, from the beginning of the document
	Octet   byte  // what stands there; 0 at the end
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid character %q at octet %d: %s", e.Octet, e.Offset, e.Problem)
}

// MaxDepth is how deep objects and arrays may stand in each other, as in
// encoding/json.
const MaxDepth = 10000

const (
	// bufferSize is what is read at a time. It grows for longer strings that
	// are wanted.
	bufferSize = 128 << 10
	// ahead is how much is in the buffer at least before a token is looked
	// at, unless the document ends: most tokens are shorter.
	ahead = 64
)

// Scanner reads a document. The methods read the value that comes next; after
// an error all give that error.
type Scanner struct {
	src    io.Reader
	buf    []byte
	pos    int   // of what comes next, in buf
	end    int   // of what was read into buf
	offset int64 // of buf[0] in the document
	eof    bool
	err    error

	scratch []byte
	depth   int
	objects [MaxDepth/64 + 1]uint64 // of the open objects and arrays, which are objects
}

// New returns a scanner of a document.
func New(r io.Reader) *Scanner { return &Scanner{src: r, buf: make([]byte, bufferSize)} }

// Reset makes s the scanner of another document, in the same memory.
func (s *Scanner) Reset(r io.Reader) {
	s.src, s.pos, s.end, s.offset, s.eof, s.err, s.depth = r, 0, 0, 0, false, nil, 0
}

// fill reads until more octets than before, from pos on, are in the buffer. It
// reports false at the end of the document and after an error.
func (s *Scanner) fill() bool {
	if s.eof || s.err != nil {
		return false
	}
	if s.pos > 0 {
		s.offset += int64(s.pos)
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.src.Read(s.buf[s.end:])
		s.end += n
		if err == io.EOF {
			s.eof = true
			return n > 0
		}
		if err != nil {
			s.err = err
			return false
		}
		if n > 0 {
			return true
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// fail ends the walk. Where the document was cut off, that is the reason.
func (s *Scanner) fail(problem string) error {
	if s.err == nil {
		if s.pos >= s.end && s.eof {
			s.err = io.ErrUnexpectedEOF
		} else {
			e := &SyntaxError{Offset: s.offset + int64(s.pos), Problem: problem}
			if s.pos < s.end {
				e.Octet = s.buf[s.pos]
			}
			s.err = e
		}
	}
	return s.err
}

// next skips white space and gives the octet that follows, without taking it.
// It is 0 at the end and after an error.
func (s *Scanner) next() byte {
	// Most tokens follow each other without white space.
	if s.pos < s.end-ahead {
		if c := s.buf[s.pos]; c > ' ' {
			return c
		}
	}
	return s.nextBehindSpace()
}

func (s *Scanner) nextBehindSpace() byte {
	for {
		for s.end-s.pos < ahead && s.fill() {
		}
		if s.err != nil || s.pos == s.end {
			return 0
		}
		switch c := s.buf[s.pos]; c {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return c
		}
	}
}

// Kind is what comes next: '{', '[', '"', 't', 'f', 'n', '0' for a number, or
// 0 where no value begins.
func (s *Scanner) Kind() byte {
	switch c := s.next(); {
	case c == '{', c == '[', c == '"', c == 't', c == 'f', c == 'n':
		return c
	case c == '-', '0' <= c && c <= '9':
		return '0'
	}
	return 0
}

// Object calls member for each member of the object that comes next. The name
// is good until member reads; it must read or skip the value.
func (s *Scanner) Object(member func(name []byte) error) error {
	if s.next() != '{' {
		return s.fail("no object")
	}
	if err := s.enter(); err != nil {
		return err
	}
	if s.next() == '}' {
		return s.leave()
	}
	for {
		if s.next() != '"' {
			return s.fail("no object member name")
		}
		name, err := s.name()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.pos++
		case '}':
			return s.leave()
		default:
			return s.fail("neither ',' nor '}' after a member")
		}
	}
}

// name reads a member's name and the colon behind it. The name stays where it
// is unless the buffer ends in between.
func (s *Scanner) name() ([]byte, error) {
	name, err := s.String()
	if err != nil {
		return nil, err
	}
	if s.pos < s.end && s.buf[s.pos] == ':' {
		s.pos++
		return name, nil
	}
	s.scratch = append(s.scratch[:0], name...)
	if s.next() != ':' {
		return nil, s.fail("no ':' after a name")
	}
	s.pos++
	return s.scratch, nil
}

// Array calls element before each element of the array that comes next, which
// it must read or skip.
func (s *Scanner) Array(element func() error) error {
	if s.next() != '[' {
		return s.fail("no array")
	}
	if err := s.enter(); err != nil {
		return err
	}
	if s.next() == ']' {
		return s.leave()
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch s.next() {
		case ',':
			s.pos++
		case ']':
			return s.leave()
		default:
			return s.fail("neither ',' nor ']' after an element")
		}
	}
}

func (s *Scanner) enter() error {
	if s.depth++; s.depth > MaxDepth {
		return s.fail("exceeded max depth")
	}
	s.pos++
	return nil
}

func (s *Scanner) leave() error {
	s.depth--
	s.pos++
	return nil
}

// End reads what may follow the value: white space and nothing else.
func (s *Scanner) End() error {
	if s.next() != 0 || s.pos < s.end {
		return s.fail("more follows after the value")
	}
	if s.err != nil && !errors.Is(s.err, io.EOF) {
		return s.err
	}
	return nil
}
