package zone

import (
	"cmp"
	"slices"
	"time"

	"toponym/records"
)

// SerialFunc returns the SOA serial of an origin's next version, whose content
// differs from that of the version with the previous serial. previous is 0 for
// an origin that had no version yet.
type SerialFunc func(origin records.Name, previous uint32) uint32

// SameSerial gives every version of every origin one serial, for tests and for
// zones that nobody compares with others.
func SameSerial(serial uint32) SerialFunc {
	return func(records.Name, uint32) uint32 { return serial }
}

// SerialAfter reports whether a serial is newer than another one (RFC 1982,
// section 3.2). Of two that are 2^31 apart neither is.
func SerialAfter(serial, other uint32) bool {
	return serial != other && serial-other < 1<<31
}

// NewerSerial is the newer of two serials, where 0 stands for none.
func NewerSerial(a, b uint32) uint32 {
	if a == 0 || b != 0 && SerialAfter(b, a) {
		return b
	}
	return a
}

// NextSerial is the serial of a version that follows another: the time in
// seconds since 1970, so that serials grow over restarts, but always newer than
// the previous one. It is never 0, which stands for none.
func NextSerial(previous uint32, now time.Time) uint32 {
	if previous == 0 {
		return max(uint32(now.Unix()), 1) // which need not be newer than 1, from 2038 on
	}
	next := previous + 1
	if next == 0 {
		next = 1
	}
	return NewerSerial(next, uint32(now.Unix()))
}

// FindSerial finds the element with a serial in a list with growing serials, none of
// which is newer than end. One search does, as serials lie at most 2^31 apart (RFC 1982).
func FindSerial[T any](list []T, serial, end uint32, of func(T) uint32) (index int, found bool) {
	return slices.BinarySearchFunc(list, end-serial, func(t T, distance uint32) int {
		return cmp.Compare(distance, end-of(t))
	})
}
