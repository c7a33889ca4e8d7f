package upstream

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// Question is what a server is asked. Recursion is wanted always.
type Question struct {
	Name  []byte // wire form, in lower case
	Type  uint16
	Class uint16
	DO    bool // records of DNSSEC too (RFC 3225)
	CD    bool // signatures need not be checked (RFC 4035, section 3.2.2)
}

const (
	headerSize = 12
	optSize    = 11
	maxQuery   = headerSize + 255 + 4 + optSize

	// udpSize is the size of replies that servers are asked to keep to, so that
	// they are not sent in fragments, which get lost and can be forged.
	udpSize = 1232
)

// Bits of the header's second word (RFC 1035, section 4.1.1; RFC 4035, section
// 3.2).
const (
	flagQR     = 1 << 15
	opcodeMask = 0xF << 11
	flagTC     = 1 << 9
	flagRD     = 1 << 8
	flagAD     = 1 << 5
	flagCD     = 1 << 4
)

// appendQuery appends the query for a question. AD says that we understand it in
// the reply (RFC 6840, section 5.7).
func (q *Question) appendQuery(b []byte, id uint16, edns bool) []byte {
	flags := uint16(flagRD | flagAD)
	if q.CD {
		flags |= flagCD
	}
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, flags)
	b = append(b, 0, 1, 0, 0, 0, 0, 0, 0)
	if edns {
		b[len(b)-1] = 1
	}
	b = append(b, q.Name...)
	b = binary.BigEndian.AppendUint16(b, q.Type)
	b = binary.BigEndian.AppendUint16(b, q.Class)
	if !edns {
		return b
	}
	b = append(b, 0, 0, byte(dns.TypeOPT))
	b = binary.BigEndian.AppendUint16(b, udpSize)
	b = append(b, 0, 0)
	var do byte
	if q.DO {
		do = 0x80
	}
	return append(b, do, 0, 0, 0)
}

// answers reports whether a message can be the reply to the question. The id has
// been compared.
//
// Servers that cannot read a query say so without its question. There is nothing
// in such a reply that could be wrong.
func (q *Question) answers(msg []byte) bool {
	if len(msg) < headerSize {
		return false
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	if flags&flagQR == 0 || flags&opcodeMask != 0 {
		return false
	}
	if len(msg) == headerSize && binary.BigEndian.Uint64(msg[4:]) == 0 {
		return retryable(rcode(msg))
	}
	end := headerSize + len(q.Name)
	if len(msg) < end+4 || binary.BigEndian.Uint16(msg[4:]) != 1 ||
		binary.BigEndian.Uint16(msg[end:]) != q.Type || binary.BigEndian.Uint16(msg[end+2:]) != q.Class {
		return false
	}
	for i, c := range msg[headerSize:end] {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != q.Name[i] {
			return false
		}
	}
	return true
}

func rcode(msg []byte) int      { return int(msg[3] & 0xF) }
func truncated(msg []byte) bool { return binary.BigEndian.Uint16(msg[2:])&flagTC != 0 }

// retryable reports whether another server may know better.
func retryable(rcode int) bool {
	switch rcode {
	case dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNotImplemented, dns.RcodeRefused:
		return true
	}
	return false
}
