package upstream

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
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
	maxQuery = dnswire.HeaderSize + 255 + 4 + dnswire.OPTSize

	// udpSize is the size of replies that servers are asked to keep to, so that
	// they are not sent in fragments, which get lost and can be forged.
	udpSize = 1232
)

// appendQuery appends the query for a question. AD says that we understand it in
// the reply (RFC 6840, section 5.7).
func (q *Question) appendQuery(b []byte, id uint16, edns bool) []byte {
	flags := uint16(dnswire.FlagRD | dnswire.FlagAD)
	if q.CD {
		flags |= dnswire.FlagCD
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
	if len(msg) < dnswire.HeaderSize {
		return false
	}
	flags := binary.BigEndian.Uint16(msg[2:])
	if flags&dnswire.FlagQR == 0 || flags&dnswire.OpcodeMask != 0 {
		return false
	}
	if len(msg) == dnswire.HeaderSize && binary.BigEndian.Uint64(msg[4:]) == 0 {
		return retryable(rcode(msg))
	}
	return dnswire.HasQuestion(msg, q.Name, q.Type, q.Class)
}

func rcode(msg []byte) int      { return int(msg[3] & 0xF) }
func truncated(msg []byte) bool { return binary.BigEndian.Uint16(msg[2:])&dnswire.FlagTC != 0 }

// retryable reports whether another server may know better.
func retryable(rcode int) bool {
	switch rcode {
	case dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNotImplemented, dns.RcodeRefused:
		return true
	}
	return false
}
