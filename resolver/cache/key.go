package cache

import (
	"encoding/binary"

	"toponym/internal/dnswire"
)

// Key identifies a question: the name in lower-case wire form, the type, the class,
// and the flags that change what a server answers. It is made by [AppendKey] alone.
type Key []byte

// Bits of the last byte of a key.
const (
	keyDO = 1 << iota
	keyCD
)

// KeyTail is how many bytes a key has behind the name.
const KeyTail = 5

// MaxKey is the size of the longest key, in bytes (RFC 1035, section 2.3.4).
const MaxKey = dnswire.MaxName + KeyTail

// AppendKey makes a key in b, which holds the name. DO is the flag of RFC 3225, and CD
// that of RFC 4035.
func AppendKey(b []byte, qtype, class uint16, do, cd bool) Key {
	b = binary.BigEndian.AppendUint16(b, qtype)
	b = binary.BigEndian.AppendUint16(b, class)
	var flags byte
	if do {
		flags |= keyDO
	}
	if cd {
		flags |= keyCD
	}
	return append(b, flags)
}

// Name is the name in lower-case wire form.
func (k Key) Name() []byte { return k[:len(k)-KeyTail] }

// Type is the QTYPE.
func (k Key) Type() uint16 { return binary.BigEndian.Uint16(k[len(k)-KeyTail:]) }

// Class is the QCLASS.
func (k Key) Class() uint16 { return binary.BigEndian.Uint16(k[len(k)-KeyTail+2:]) }

// DO reports whether DNSSEC records are wanted.
func (k Key) DO() bool { return k[len(k)-1]&keyDO != 0 }

// CD reports whether the upstream server need not check signatures.
func (k Key) CD() bool { return k[len(k)-1]&keyCD != 0 }
