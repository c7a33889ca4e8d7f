package upstream

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// Question is what a server is asked. Recursion is always desired.
type Question struct {
	Name  []byte // in lower-case wire form
	Type  uint16
	Class uint16
	DO    bool // DNSSEC records are wanted (RFC 3225)
	CD    bool // signatures need not be checked (RFC 4035, section 3.2.2)
}

const (
	maxQuery = dnswire.HeaderSize + dnswire.MaxName + 4 + dnswire.OPTSize

	// udpSize is the size of responses, in bytes, that servers are asked not to
	// exceed over UDP. Larger ones may be sent in fragments, which get lost and
	// can be forged.
	udpSize = 1232
)

// appendQuery appends the query for a question. AD says that we understand that
// bit in the response (RFC 6840, section 5.7).
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

// answeredBy reports whether a message can be the response to the question. The id
// has been compared before.
//
// A server that cannot parse a query returns a header without a question. Such a
// response counts when it says that it is a failure.
func (q *Question) answeredBy(msg []byte) bool {
	if len(msg) < dnswire.HeaderSize {
		return false
	}
	flags := dnswire.Flags(msg)
	if flags&dnswire.FlagQR == 0 || flags&dnswire.OpcodeMask != 0 {
		return false
	}
	if len(msg) == dnswire.HeaderSize && binary.BigEndian.Uint64(msg[4:]) == 0 {
		return isFailure(rcodeOf(msg))
	}
	return dnswire.HasQuestion(msg, q.Name, q.Type, q.Class)
}
