package api

import (
	"strings"

	"toponym/records"
)

// compareText orders names as strings.Compare orders their text, without
// making it: a million names would be many megabytes of it.
//
// Label by label, the longer of two labels that begin alike has an octet where
// the other has its dot. Octets that text escapes are taken as they are; the
// order is a total one all the same.
func compareText(a, b records.Name) int {
	for {
		n, m := int(a[0]), int(b[0])
		switch {
		case n == 0 && m == 0:
			return 0
		case n == 0:
			return -1
		case m == 0:
			return 1
		}
		both := 1 + min(n, m)
		if c := strings.Compare(string(a[1:both]), string(b[1:both])); c != 0 {
			return c
		}
		switch {
		case n < m:
			return dotBefore(b[both])
		case n > m:
			return -dotBefore(a[both])
		}
		a, b = a[both:], b[both:]
	}
}

// dotBefore compares a dot with an octet of a label, which is never equal.
func dotBefore(c byte) int {
	if c < '.' {
		return 1
	}
	return -1
}
