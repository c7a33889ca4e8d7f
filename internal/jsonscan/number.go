package jsonscan

import (
	"math"
	"strconv"
)

// Number reads the number that comes next, as the nearest float64. It is
// infinite when the number is out of range, or written with more than
// maxString characters.
func (s *Scanner) Number() (float64, error) {
	if s.Kind() != '0' {
		return 0, s.fail("no number")
	}
	s.scratch = s.scratch[:0]
	if err := s.number(true); err != nil {
		return 0, err
	}
	if len(s.scratch) > s.maxString {
		return math.Inf(1), nil
	}
	n, _ := strconv.ParseFloat(string(s.scratch), 64) // out of range is ±Inf
	return n, nil
}

// skipNumber skips the number that comes next. Its fast path takes numbers
// without an exponent that stand in the buffer as a whole.
func (s *Scanner) skipNumber() error {
	if s.pos >= s.end-ahead {
		return s.number(false)
	}
	b := s.buf[s.pos : s.pos+ahead]
	i, dots := 1, 0
	for ; i < ahead; i++ {
		if c := b[i]; c == '.' {
			dots++
		} else if !isDigit(c) {
			break
		}
	}
	first, last, behind := b[0], b[i-1], b[min(i, ahead-1)]
	if i == ahead || dots > 1 || !isDigit(first) || !isDigit(last) || behind|0x20 == 'e' ||
		first == '0' && i > 1 && b[1] != '.' {
		return s.number(false)
	}
	s.pos += i
	return nil
}

// number reads a number by the grammar of RFC 8259, section 6. With keep, its
// text is in s.scratch afterwards, cut behind maxString characters.
func (s *Scanner) number(keep bool) error {
	consume := func() {
		if keep && len(s.scratch) <= s.maxString {
			s.scratch = append(s.scratch, s.buf[s.pos])
		}
		s.pos++
	}
	if s.at() == '-' {
		consume()
	}
	switch c := s.at(); {
	case c == '0':
		consume()
	case '1' <= c && c <= '9':
		for isDigit(s.at()) {
			consume()
		}
	default:
		return s.fail("no digit in a number")
	}
	if s.at() == '.' {
		consume()
		if !isDigit(s.at()) {
			return s.fail("no digit in a number")
		}
		for isDigit(s.at()) {
			consume()
		}
	}
	if c := s.at(); c == 'e' || c == 'E' {
		consume()
		if c := s.at(); c == '+' || c == '-' {
			consume()
		}
		if !isDigit(s.at()) {
			return s.fail("no digit in a number")
		}
		for isDigit(s.at()) {
			consume()
		}
	}
	if s.err != nil {
		return s.err
	}
	return nil
}

// at returns the next byte, which may be white space, without consuming it. It
// returns 0 at the end.
func (s *Scanner) at() byte {
	if s.pos < s.end || s.fill() {
		return s.buf[s.pos]
	}
	return 0
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
