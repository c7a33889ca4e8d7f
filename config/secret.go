package config

import (
	"fmt"
	"io"
)

// Secret is a text that must not appear in logs, pages or errors. It is printed
// and encoded as stars; only Reveal returns the text. Two gaps are those of the
// standard library: package fmt calls no methods of unexported fields, and
// package json none of map keys. So keep a Secret in an exported field, and give
// the type around it a Format method, see formatPlain.
type Secret string

const stars = "******"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns stars, or "" for an empty secret: when authentication fails,
// it helps to see whether there is one.
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

// formatPlain prints v, which contains a Secret and has a type without methods.
// Package fmt calls no methods below a pointer that does not fit the verb, so
// without a Format method at the top, %s of a struct with a *Config in it would
// show the secret.
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
