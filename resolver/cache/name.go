package cache

import "encoding/binary"

const (
	headerSize = 12
	maxName    = 255
)

// skipName checks the name at off and returns the offset behind it, or -1.
//
// Pointers must lead backwards, to behind the header (RFC 1035, section 4.1.4),
// so every name ends.
func skipName(msg []byte, off int) int {
	end, length := -1, 0
	limit := off // what pointers must stay below
	for {
		if off >= len(msg) {
			return -1
		}
		n := int(msg[off])
		switch {
		case n == 0:
			if end < 0 {
				end = off + 1
			}
			return end
		case n <= 63:
			off += 1 + n
			if length += 1 + n; length >= maxName {
				return -1
			}
		case n >= 0xC0:
			if off+2 > len(msg) {
				return -1
			}
			to := int(binary.BigEndian.Uint16(msg[off:]) & 0x3FFF)
			if to >= limit || to < headerSize {
				return -1
			}
			if end < 0 {
				end = off + 2
			}
			off, limit = to, to
		default:
			return -1
		}
	}
}

// appendName appends a name that skipName has checked, in lower case and without
// pointers.
func appendName(b, msg []byte, off int) []byte {
	for {
		n := int(msg[off])
		switch {
		case n == 0:
			return append(b, 0)
		case n >= 0xC0:
			off = int(binary.BigEndian.Uint16(msg[off:]) & 0x3FFF)
		default:
			for _, c := range msg[off : off+1+n] { // length octets are below 'A'
				if 'A' <= c && c <= 'Z' {
					c += 'a' - 'A'
				}
				b = append(b, c)
			}
			off += 1 + n
		}
	}
}

// EqualQuestion reports whether a message has one question, with that name in
// lower-case wire form, type and class. The name's case does not count (RFC
// 4343).
func EqualQuestion(msg, name []byte, qtype, class uint16) bool {
	end := headerSize + len(name)
	if len(msg) < end+4 || binary.BigEndian.Uint16(msg[4:]) != 1 ||
		binary.BigEndian.Uint16(msg[end:]) != qtype || binary.BigEndian.Uint16(msg[end+2:]) != class {
		return false
	}
	for i, c := range msg[headerSize:end] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
