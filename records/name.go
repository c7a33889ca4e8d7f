package records

import (
	"errors"
	"net/netip"
	"strings"

	"toponym/internal/dnswire"
)

// Name is a domain name in canonical wire form (RFC 4034, section 6.2): length
// bytes, labels in lower case, the zero byte of the root at the end. Two names
// are equal if and only if the strings are.
type Name string

// Limits of RFC 1035, section 2.3.4, in bytes.
const (
	maxLabel = 63
	maxName  = 255
)

// Errors of the functions that make names.
var (
	ErrLabelLength = errors.New("a label is empty or longer than 63 bytes")
	ErrNameLength  = errors.New("the name is longer than 255 bytes")
	ErrLabelBytes  = errors.New("a label contains characters that would need an escape in a zone file")
)

// Root is the name of the DNS root.
const Root Name = "\x00"

// The origins of reverse names.
const (
	ReverseIPv4 Name = dnswire.ReverseIPv4
	ReverseIPv6 Name = dnswire.ReverseIPv6
)

// ParseName reads a name in presentation form (RFC 1035, section 5.1), in upper
// or lower case, with or without the dot at the end. Its labels must not contain
// escapes, nor characters that would need one.
func ParseName(s string) (Name, error) {
	s = strings.TrimSuffix(s, ".")
	if s == "" {
		return Root, nil
	}
	b := make([]byte, 0, len(s)+2)
	for label := range strings.SplitSeq(s, ".") {
		if len(label) == 0 || len(label) > maxLabel {
			return "", ErrLabelLength
		}
		b = append(b, byte(len(label)))
		for i := range len(label) {
			if !needsNoEscape(label[i]) {
				return "", ErrLabelBytes
			}
			b = append(b, dnswire.LowerByte(label[i]))
		}
	}
	b = append(b, 0)
	if len(b) > maxName {
		return "", ErrNameLength
	}
	return Name(b), nil
}

// MustParseName is like [ParseName] but panics on an error. It is for constants.
func MustParseName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic("records: " + s + ": " + err.Error())
	}
	return n
}

// Join returns the name that consists of the labels, in lower case, followed by
// n. The error is [ErrLabelLength] or [ErrNameLength].
func (n Name) Join(labels ...string) (Name, error) {
	size := len(n)
	for _, l := range labels {
		size += 1 + len(l)
	}
	b := make([]byte, 0, size)
	for _, l := range labels {
		if len(l) == 0 || len(l) > maxLabel {
			return "", ErrLabelLength
		}
		b = append(b, byte(len(l)))
		for i := range len(l) {
			b = append(b, dnswire.LowerByte(l[i]))
		}
	}
	b = append(b, n...)
	if len(b) > maxName {
		return "", ErrNameLength
	}
	return Name(b), nil
}

// Parent returns n without its first label, and false for the root.
func (n Name) Parent() (Name, bool) {
	if n == Root || n == "" {
		return "", false
	}
	return n[1+int(n[0]):], true
}

// Under reports whether n is equal to or below origin.
func (n Name) Under(origin Name) bool {
	for len(n) > len(origin) {
		n = n[1+int(n[0]):]
	}
	return n == origin
}

// String returns the name in presentation form (RFC 1035, section 5.1), with the
// dot at the end and with special characters escaped.
func (n Name) String() string {
	return string(n.AppendTo(make([]byte, 0, 256)))
}

// AppendTo appends to b what String returns.
func (n Name) AppendTo(b []byte) []byte {
	if n == Root || n == "" {
		return append(b, '.')
	}
	for i := 0; i < len(n) && n[i] != 0; {
		end := i + 1 + int(n[i])
		for _, c := range []byte(n[i+1 : end]) {
			switch {
			case strings.IndexByte(`.\"'@;() $`, c) >= 0:
				b = append(b, '\\', c)
			case c <= ' ' || c > '~':
				b = append(b, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
			default:
				b = append(b, c)
			}
		}
		b = append(b, '.')
		i = end
	}
	return b
}

// needsNoEscape reports whether c stands for itself in presentation form.
func needsNoEscape(c byte) bool {
	return c > ' ' && c <= '~' && strings.IndexByte(`.\"'@;()$`, c) < 0
}

// isReverse reports whether a name stands for an address.
func (n Name) isReverse() bool { return n.Under(ReverseIPv4) || n.Under(ReverseIPv6) }

// ReverseName returns the name under in-addr.arpa or ip6.arpa that stands for an
// address (RFC 1035, section 3.5; RFC 3596, section 2.5).
func ReverseName(a netip.Addr) Name {
	const hex = "0123456789abcdef"
	var b []byte
	a = a.Unmap()
	if a.Is4() {
		q := a.As4()
		for i := 3; i >= 0; i-- {
			length := len(b)
			b = append(b, 0)
			if q[i] >= 100 {
				b = append(b, '0'+q[i]/100)
			}
			if q[i] >= 10 {
				b = append(b, '0'+q[i]/10%10)
			}
			b = append(b, '0'+q[i]%10)
			b[length] = byte(len(b) - length - 1)
		}
		return Name(b) + ReverseIPv4
	}
	q := a.As16()
	for i := 15; i >= 0; i-- {
		b = append(b, 1, hex[q[i]&15], 1, hex[q[i]>>4])
	}
	return Name(b) + ReverseIPv6
}

// appendLabels appends labels in wire form. The error is [ErrLabelLength]; b then
// ends with the labels before the bad one.
func appendLabels(b []byte, labels ...string) ([]byte, error) {
	for _, l := range labels {
		if len(l) == 0 || len(l) > maxLabel {
			return b, ErrLabelLength
		}
		b = append(b, byte(len(l)))
		b = append(b, l...)
	}
	return b, nil
}
