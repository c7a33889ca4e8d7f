package cache

import (
	"encoding/binary"
	"slices"
)

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

// names are where the labels of a message's names stand.
type names struct {
	at [128]uint16
	n  int
}

// name is skipName for a name of the message. One whose pointers lead to
// anything but a label of an earlier name makes the message untidy: they would
// lead elsewhere when a TTL changes.
func (s *scanned) name(msg []byte, off int) int {
	end := skipName(msg, off)
	if end < 0 || s.names == nil || s.names.add(msg, off) {
		return end
	}
	s.tidy = false
	return end
}

// add takes in a name. It reports false when its pointer leads astray, or when
// there are too many to be kept.
func (ns *names) add(msg []byte, off int) bool {
	for {
		n := int(msg[off])
		switch {
		case n == 0:
			return true
		case n >= 0xC0:
			to := binary.BigEndian.Uint16(msg[off:]) & 0x3FFF
			return to == headerSize || slices.Contains(ns.at[:ns.n], to)
		case ns.n == len(ns.at):
			return false
		}
		ns.at[ns.n] = uint16(off)
		ns.n++
		off += 1 + n
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
