package dnswire

import "encoding/binary"

// The origins of reverse names, in wire form (RFC 1035, section 3.5; RFC 3596,
// section 2.5).
const (
	ReverseIPv4 = "\x07in-addr\x04arpa\x00"
	ReverseIPv6 = "\x03ip6\x04arpa\x00"
)

// IsBelow reports whether a name is a subdomain of an origin, and not the origin
// itself. Both are in lower-case wire form. Equal bytes at the end are not enough:
// they may begin within a label.
func IsBelow(name []byte, origin string) bool {
	start := len(name) - len(origin)
	if start <= 0 || string(name[start:]) != origin {
		return false
	}
	off := 0
	for off < start {
		off += 1 + int(name[off])
	}
	return off == start
}

// SkipName checks the name at off and returns the offset behind it, or -1.
//
// Compression pointers must lead backwards and behind the header (RFC 1035,
// section 4.1.4), so every name ends.
func SkipName(msg []byte, off int) int {
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
		case n <= MaxLabel:
			off += 1 + n
			if length += 1 + n; length >= MaxName {
				return -1
			}
		case isPointer(n):
			if off+2 > len(msg) {
				return -1
			}
			to := pointer(msg, off)
			if to >= limit || to < HeaderSize {
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

// SkipQuestionName checks the name of a question at off and returns the offset
// behind it, or -1. Such a name has nothing before it to point to, so it must not
// be compressed.
func SkipQuestionName(msg []byte, off int) int {
	end := off
	for {
		if end >= len(msg) {
			return -1
		}
		n := int(msg[end])
		end++
		if n == 0 {
			return end
		}
		if n > MaxLabel || end+n-off >= MaxName {
			return -1
		}
		end += n
	}
}

func isPointer(n int) bool { return n >= 0xC0 }

// pointer is where the compression pointer at off leads to.
func pointer(msg []byte, off int) int {
	return int(binary.BigEndian.Uint16(msg[off:]) & 0x3FFF)
}

// AppendName appends the name at off, which SkipName must have accepted, in lower
// case and without compression.
func AppendName(b, msg []byte, off int) []byte {
	for {
		n := int(msg[off])
		switch {
		case n == 0:
			return append(b, 0)
		case isPointer(n):
			off = pointer(msg, off)
		default:
			at := len(b)
			b = append(b, msg[off:off+1+n]...)
			ToLower(b[at:])
			off += 1 + n
		}
	}
}

// LowerByte is a byte of a name in lower case (RFC 4343). Length bytes are below
// 'A', so they stay as they are.
func LowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// ToLower changes a name in uncompressed wire form to lower case, eight bytes at a
// time.
func ToLower(name []byte) {
	i := 0
	for ; i+8 <= len(name); i += 8 {
		lower8(name[i:])
	}
	if i == len(name) {
		return
	}
	if len(name) >= 8 {
		lower8(name[len(name)-8:])
		return
	}
	for ; i < len(name); i++ {
		name[i] = LowerByte(name[i])
	}
}

// lower8 changes the first eight bytes to lower case.
func lower8(b []byte) {
	const (
		tops = 0x8080808080808080
		ones = 0x0101010101010101
	)
	w := binary.LittleEndian.Uint64(b)
	low := w &^ tops
	fromA := low + (0x80-'A')*ones    // the top bit is set from 'A' on
	afterZ := low + (0x80-'Z'-1)*ones // and here behind 'Z'
	upper := fromA &^ afterZ &^ w & tops
	binary.LittleEndian.PutUint64(b, w|upper>>2)
}

// EqualLower reports whether a name equals one in lower case, whatever the case of
// its own letters (RFC 4343). Both are in uncompressed wire form.
func EqualLower(name, lower []byte) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if LowerByte(c) != lower[i] {
			return false
		}
	}
	return true
}
