package notify

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// appendRequest appends a NOTIFY request for the zone that a SOA record belongs to
// (RFC 1996, section 3.7). The record is in the answer section, unless the message
// would then be longer than every host accepts: it is only a hint.
func appendRequest(b []byte, id uint16, soa *zone.Record) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, dns.OpcodeNotify<<11|dnswire.FlagAA)
	b = append(b, 0, 1, 0, 0, 0, 0, 0, 0) // QDCOUNT is 1
	b = append(b, soa.Owner...)
	b = binary.BigEndian.AppendUint16(b, dns.TypeSOA)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	const ownerPointer, fixed = 0xC000 | dnswire.HeaderSize, 2 + 2 + 2 + 4 + 2
	if len(b)-start+fixed+len(soa.Data) > dns.MinMsgSize {
		return b
	}
	b[start+7] = 1 // ANCOUNT
	b = binary.BigEndian.AppendUint16(b, ownerPointer)
	b = binary.BigEndian.AppendUint16(b, dns.TypeSOA)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	b = binary.BigEndian.AppendUint32(b, soa.TTL)
	b = binary.BigEndian.AppendUint16(b, uint16(len(soa.Data)))
	return append(b, soa.Data...)
}

// isResponse reports whether a packet can be the response to a NOTIFY request:
// its id and its rest tell to which.
func isResponse(msg []byte) bool {
	const mask, want = dnswire.FlagQR | dnswire.OpcodeMask | dnswire.FlagTC, dnswire.FlagQR | dns.OpcodeNotify<<11
	return len(msg) >= dnswire.HeaderSize && dnswire.Flags(msg)&mask == want
}

// answers reports whether a response is about a zone. Servers that do not
// understand a request may leave out the question.
func answers(msg, zone []byte) bool {
	if dnswire.Questions(msg) == 0 {
		return rcodeOf(msg) != dns.RcodeSuccess
	}
	return dnswire.HasQuestion(msg, zone, dns.TypeSOA, dns.ClassINET)
}

// rcodeOf is the RCODE of a response.
func rcodeOf(msg []byte) int { return int(dnswire.Flags(msg) & dnswire.RcodeMask) }
