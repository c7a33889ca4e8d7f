package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// plain returns the number of bytes of b, part of a string, that stand before
// the first quote, backslash or control character. It tests eight bytes at a
// time.
func plain(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, backslash := w^'"'*ones, w^'\\'*ones
		// The lowest marked byte is one of the three; a borrow may mark bytes
		// above it in error.
		mark := (quote-ones)&^quote | (backslash-ones)&^backslash | (w-' '*ones)&^w
		if mark &= tops; mark != 0 {
			return i + bits.TrailingZeros64(mark)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < ' ' {
			break
		}
	}
	return i
}

// skipString skips the rest of a string, behind its opening quote.
func (s *Scanner) skipString() error {
	for {
		s.pos += plain(s.buf[s.pos:s.end])
		if s.pos == s.end {
			if !s.fill() {
				return s.fail("a string without an end")
			}
			continue
		}
		switch s.buf[s.pos] {
		case '"':
			s.pos++
			return nil
		case '\\':
			if _, _, err := s.escape(); err != nil {
				return err
			}
		default:
			return s.fail("a control character in a string")
		}
	}
}

// String reads the string that comes next, which is valid until the next read.
// It returns nil, and no error, for a string of more than maxString bytes: such
// a string is skipped, so that it costs no memory.
func (s *Scanner) String() ([]byte, error) {
	if s.next() != '"' {
		return nil, s.fail("no string")
	}
	s.pos++
	// Most strings stand in the buffer as they are.
	if n := plain(s.buf[s.pos:s.end]); s.pos+n < s.end && s.buf[s.pos+n] == '"' {
		b := s.buf[s.pos : s.pos+n]
		s.pos += n + 1
		if n > s.maxString {
			return nil, nil
		}
		return b, nil
	}
	out := s.scratch[:0]
	for {
		n := plain(s.buf[s.pos:s.end])
		if len(out)+n > s.maxString {
			return nil, s.skipString()
		}
		out = append(out, s.buf[s.pos:s.pos+n]...)
		if s.pos += n; s.pos == s.end {
			if !s.fill() {
				return nil, s.fail("a string without an end")
			}
			continue
		}
		switch s.buf[s.pos] {
		case '"':
			s.pos++
			s.scratch = out
			return out, nil
		case '\\':
			r, unit, err := s.escape()
			if err != nil {
				return nil, err
			}
			if unit && utf16.IsSurrogate(r) {
				r = s.pair(r)
			}
			if len(out)+utf8.UTFMax > s.maxString {
				return nil, s.skipString()
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, s.fail("a control character in a string")
		}
	}
}

// escape reads an escape sequence. unit tells that r was written as \uXXXX, a
// unit of UTF-16, which may be half of a surrogate pair.
func (s *Scanner) escape() (r rune, unit bool, err error) {
	for s.end-s.pos < 2 {
		if !s.fill() {
			s.pos = s.end
			return 0, false, s.fail("a string without an end")
		}
	}
	c := s.buf[s.pos+1]
	switch c {
	case '"', '\\', '/':
		r = rune(c)
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	case 'u':
		r, err = s.unit()
		return r, true, err
	default:
		s.pos++
		return 0, false, s.fail("invalid escape in a string")
	}
	s.pos += 2
	return r, false, nil
}

// unit reads \uXXXX.
func (s *Scanner) unit() (rune, error) {
	for s.end-s.pos < 6 {
		if !s.fill() {
			s.pos = s.end
			return 0, s.fail("a string without an end")
		}
	}
	var r rune
	for i, c := range s.buf[s.pos+2 : s.pos+6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			s.pos += 2 + i
			return 0, s.fail("invalid escape in a string")
		}
		r = r<<4 | rune(c)
	}
	s.pos += 6
	return r, nil
}

// pair joins the first half of a surrogate pair with the second, if that comes
// next. A lone half becomes U+FFFD, as in encoding/json.
func (s *Scanner) pair(first rune) rune {
	for s.end-s.pos < 6 && s.fill() {
	}
	if s.end-s.pos < 6 || s.buf[s.pos] != '\\' || s.buf[s.pos+1] != 'u' {
		return utf8.RuneError
	}
	at := s.pos
	second, err := s.unit()
	if err != nil {
		return utf8.RuneError // s.err holds the error
	}
	r := utf16.DecodeRune(first, second)
	if r == utf8.RuneError {
		s.pos = at // second may begin a pair of its own
	}
	return r
}
