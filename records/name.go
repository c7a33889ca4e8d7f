package records

import (
	"errors"
	"strings"
)

// Name is a domain name in its canonical wire form (RFC 4034, section 6.2):
// length octets, labels in lower case, the root's zero octet at the end. Two
// names are equal exactly when the strings are.
type Name string

// Limits of RFC 1035, section 2.3.4.
const (
	maxLabel = 63
	maxName  = 255
)

// Errors of the functions that make names.
var (
	ErrLabelLength = errors.New("a label is empty or longer than 63 octets")
	ErrNameLength  = errors.New("the name is longer than 255 octets")
	ErrLabelBytes  = errors.New("a label holds octets that a name cannot be typed with")
)

// Root is the name of the root.
const Root Name = "\x00"

// ParseName reads a name in presentation form whose labels hold no escapes,
// with or without the dot at the end, in upper or lower case.
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
			if !typeable(label[i]) {
				return "", ErrLabelBytes
			}
			b = append(b, lower(label[i]))
		}
	}
	b = append(b, 0)
	if len(b) > maxName {
		return "", ErrNameLength
	}
	return Name(b), nil
}

// MustParseName is ParseName for names that are known to be good, such as
// constants in tests. It panics on others.
func MustParseName(s string) Name {
	n, err := ParseName(s)
	if err != nil {
		panic("records: " + s + ": " + err.Error())
	}
	return n
}

// Join puts labels in front of a name. Each label goes in as it stands, in
// lower case.
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
			b = append(b, lower(l[i]))
		}
	}
	b = append(b, n...)
	if len(b) > maxName {
		return "", ErrNameLength
	}
	return Name(b), nil
}

// Parent is the name without its first label; the root has none.
func (n Name) Parent() (Name, bool) {
	if n == Root || n == "" {
		return "", false
	}
	return n[1+int(n[0]):], true
}

// Under reports whether n is at or below origin.
func (n Name) Under(origin Name) bool {
	for len(n) > len(origin) {
		n = n[1+int(n[0]):]
	}
	return n == origin
}

// String is the name in presentation form (RFC 1035, section 5.1), with the
// dot at the end. Octets that have a meaning there are escaped.
func (n Name) String() string {
	return string(n.AppendTo(make([]byte, 0, 256)))
}

// AppendTo appends the name in presentation form, as String gives it.
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

// typeable reports whether an octet stands for itself in presentation form.
func typeable(c byte) bool {
	return c > ' ' && c <= '~' && strings.IndexByte(`.\"'@;()$`, c) < 0
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
