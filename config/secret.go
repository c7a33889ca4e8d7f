package config

import (
	"fmt"
	"io"
)

// Secret is a text that must not reach a log, a page or an error. Printing or
// encoding it gives stars; Reveal is the only way to the text. The exceptions
// are those of the standard library: package fmt calls no methods of unexported
// fields, and package json none of the keys of a map. So keep it in an exported
// field, and give what holds it a Format method, see formatPlain.
type Secret string

const stars = "******"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns stars, or "" when there is nothing to hide: whether a secret
// is set at all is what one wants to see when authentication fails.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return stars
}

// GoString is String in quotes.
func (s Secret) GoString() string { return fmt.Sprintf("%q", s.String()) }

// Format prints stars whatever the verb, %x and %d included.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' || verb == 'v' && f.Flag('#') {
		io.WriteString(f, s.GoString())
		return
	}
	io.WriteString(f, s.String())
}

// MarshalText returns stars.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON returns stars in quotes.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(s.GoString()), nil }

// formatPlain prints a value that has a Secret in it, given as a type without
// methods. Package fmt passes over all methods below a pointer for which a verb
// is wrong: without a Format method at the top, %s of a struct with a *Config
// in it would show the secret.
func formatPlain(f fmt.State, verb rune, v any) { fmt.Fprintf(f, fmt.FormatString(f, verb), v) }

// Format prints the fields, with stars for the secret.
func (c Credentials) Format(f fmt.State, verb rune) {
	type plain Credentials
	formatPlain(f, verb, plain(c))
}

// Format prints the fields, with stars for the secrets.
func (c Config) Format(f fmt.State, verb rune) {
	type plain Config
	formatPlain(f, verb, plain(c))
}

// Format prints String, or the fields for %#v, with stars for the password.
func (z ZooKeeper) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		type plain ZooKeeper
		formatPlain(f, verb, plain(z))
		return
	}
	formatPlain(f, verb, z.String())
}
