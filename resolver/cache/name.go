package cache

import (
	"encoding/binary"
	"slices"

	"toponym/internal/dnswire"
)

// names are where the labels of a message's names stand.
type names struct {
	at [128]uint16
	n  int
}

// name is skipName for a name of the message. One whose pointers lead to
// anything but a label of an earlier name makes the message untidy: they would
// lead elsewhere when a TTL changes.
func (s *scanned) name(msg []byte, off int) int {
	end := dnswire.SkipName(msg, off)
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
			return to == dnswire.HeaderSize || slices.Contains(ns.at[:ns.n], to)
		case ns.n == len(ns.at):
			return false
		}
		ns.at[ns.n] = uint16(off)
		ns.n++
		off += 1 + n
	}
}
