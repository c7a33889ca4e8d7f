// Package jsonscan reads a JSON document (RFC 8259) as a stream.
//
// It is made for documents of which little is needed, such as the state of a
// Mesos master: skipping a value checks its syntax and allocates nothing, and
// memory is bounded by one buffer and the longest string that the caller
// accepts, whatever the document holds.
//
// It accepts exactly the documents that encoding/json accepts, including
// duplicate member names and strings that are not valid UTF-8.
package jsonscan

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// SyntaxError says where a document stops being JSON.
type SyntaxError struct {
	Offset  int64 // of the offending byte, from the beginning of the document
	Byte    byte  // the offending byte; 0 at the end of the document
	Problem string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid character %q at byte %d: %s", e.Byte, e.Offset, e.Problem)
}

// MaxDepth is the deepest nesting of objects and arrays that is accepted, the
// same as in encoding/json.
const MaxDepth = 10000

const (
	// bufferSize is the number of bytes read at a time.
	bufferSize = 128 << 10
	// ahead is the number of bytes that are buffered before a token is read,
	// unless the document ends. Most tokens are shorter.
	ahead = 64
)

// Scanner reads a document. Each method reads the value that comes next; after
// an error all of them return that error.
type Scanner struct {
	src    io.Reader
	buf    []byte
	pos    int   // of the next byte, in buf
	end    int   // of the bytes read, in buf
	offset int64 // of buf[0], in the document
	eof    bool
	err    error

	maxString int
	scratch   []byte // a string or number that does not stand in buf as it is; at most maxString long
	depth     int
	objects   [MaxDepth/64 + 1]uint64 // bit per open object or array: whether it is an object
}

// New returns a scanner of the document that r holds. Strings longer than
// maxString bytes are skipped, see [Scanner.String].
func New(r io.Reader, maxString int) *Scanner {
	return &Scanner{src: r, buf: make([]byte, bufferSize), maxString: maxString, scratch: make([]byte, 0, ahead)}
}

// Reset makes s read another document, with the same buffers and limit.
func (s *Scanner) Reset(r io.Reader) {
	s.src, s.pos, s.end, s.offset, s.eof, s.err, s.depth = r, 0, 0, 0, false, nil, 0
}

// MaxUnread is the most that a scanner has read of a document and not yet scanned, in
// bytes.
const MaxUnread = bufferSize

// Offset returns where the scanner is in the document, in bytes.
func (s *Scanner) Offset() int64 { return s.offset + int64(s.pos) }

// Depth returns the number of objects and arrays that the scanner is in.
func (s *Scanner) Depth() int { return s.depth }

// Rest returns the rest of the document: what has been read of it, which is valid until the
// next read, and what has not.
func (s *Scanner) Rest() (read []byte, unread io.Reader) {
	if unread = s.src; s.eof {
		unread = strings.NewReader("")
	}
	return s.buf[s.pos:s.end], unread
}

// Continue makes s go on at another place of the same document, which is as deep in objects
// and arrays. r holds the document from there on.
func (s *Scanner) Continue(r io.Reader, offset int64) {
	s.src, s.pos, s.end, s.offset, s.eof = r, 0, 0, offset, false
}

// ResetPart makes s read a part of a document, with the same limit. It begins at an offset
// in the document, and within a number of objects and arrays. s must not be used for
// readers any more.
func (s *Scanner) ResetPart(part []byte, offset int64, depth int) {
	s.buf, s.pos, s.end, s.offset, s.depth, s.eof, s.err = part, 0, len(part), offset, depth, true, nil
}

// More goes from one element of an array to the next. It returns false, and stays there, at
// the end of the array. Callers of [Scanner.Array] do not need it.
func (s *Scanner) More() (bool, error) {
	switch s.next() {
	case ',':
		s.pos++
		return true, nil
	case ']':
		return false, nil
	}
	return false, s.fail("neither ',' nor ']' after an element")
}

// fill reads more bytes behind those that are buffered from pos on. It returns
// false at the end of the document and after an error. No caller keeps more
// than [ahead] bytes in the buffer, so there is always room.
func (s *Scanner) fill() bool {
	if s.eof || s.err != nil {
		return false
	}
	if s.pos > 0 {
		s.offset += int64(s.pos)
		s.end = copy(s.buf, s.buf[s.pos:s.end])
		s.pos = 0
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

// fail keeps and returns the error of a malformed or truncated document.
func (s *Scanner) fail(problem string) error {
	if s.err == nil {
		if s.pos >= s.end && s.eof {
			s.err = io.ErrUnexpectedEOF
		} else {
			e := &SyntaxError{Offset: s.offset + int64(s.pos), Problem: problem}
			if s.pos < s.end {
				e.Byte = s.buf[s.pos]
			}
			s.err = e
		}
	}
	return s.err
}

// next skips white space and returns the byte that follows, without consuming
// it. It returns 0 at the end and after an error.
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

// Kind tells which value comes next: '{', '[', '"', 't', 'f', 'n', '0' for a
// number, or 0 where no value begins.
func (s *Scanner) Kind() byte {
	switch c := s.next(); {
	case c == '{', c == '[', c == '"', c == 't', c == 'f', c == 'n':
		return c
	case c == '-', '0' <= c && c <= '9':
		return '0'
	}
	return 0
}

// Object calls member for each member of the object that comes next. member
// must read or skip the value; name is valid until it does so. A name longer
// than the limit is passed as nil.
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

// name reads a member's name and the colon behind it. Without white space in
// between, the name is not copied.
func (s *Scanner) name() ([]byte, error) {
	name, err := s.String()
	if err != nil {
		return nil, err
	}
	if s.pos < s.end && s.buf[s.pos] == ':' {
		s.pos++
		return name, nil
	}
	if name != nil { // next may move what is buffered
		s.scratch = append(s.scratch[:0], name...)
		name = s.scratch
	}
	if s.next() != ':' {
		return nil, s.fail("no ':' after a name")
	}
	s.pos++
	return name, nil
}

// Array calls element once for each element of the array that comes next.
// element must read or skip it.
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
		more, err := s.More()
		if err != nil {
			return err
		}
		if !more {
			return s.leave()
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

// End reads to the end of the document, where only white space may follow.
func (s *Scanner) End() error {
	if s.next() != 0 || s.pos < s.end {
		return s.fail("more follows after the value")
	}
	if s.err != nil && !errors.Is(s.err, io.EOF) {
		return s.err
	}
	return nil
}
