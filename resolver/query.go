package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// query is a request as it was read. Its slices point into the packet.
//
// Packets are parsed here rather than by a library for two reasons: parsing
// must not allocate, and responses depend on errors that libraries forgive,
// such as bytes behind the message, a question without a class, a second OPT
// record, an option that is longer than its record, or records behind a TSIG record.
type query struct {
	id    uint16
	flags uint16

	hasQuestion bool
	packet      []byte // the whole message, for names in it
	name        []byte // QNAME in wire form, as typed
	end         int    // offset behind the question
	qtype       uint16
	class       uint16
	tsig        int // offset of the TSIG record (RFC 8945, section 5.1); 0: none

	edns edns
}

func (q *query) opcode() int { return int(q.flags&dnswire.OpcodeMask) >> 11 }

// parse reads a packet. It reports false for packets that must not be answered:
// those without a whole header, and responses, as two servers could go on
// answering each other.
//
// For all others the rcode says whether the packet was well-formed. The query
// then holds what could be read, to be echoed.
func (q *query) parse(packet []byte) (rcode uint16, ok bool) {
	if len(packet) < dnswire.HeaderSize {
		return 0, false
	}
	q.packet = packet
	q.end = dnswire.HeaderSize
	q.id = binary.BigEndian.Uint16(packet)
	q.flags = binary.BigEndian.Uint16(packet[2:])
	if q.flags&dnswire.FlagQR != 0 {
		return 0, false
	}
	if !q.parseBody(packet) {
		rcode = dns.RcodeFormatError
	}
	return rcode, true
}

func (q *query) parseBody(packet []byte) bool {
	questions := binary.BigEndian.Uint16(packet[4:])
	records := int(binary.BigEndian.Uint16(packet[6:])) + int(binary.BigEndian.Uint16(packet[8:]))
	additional := int(binary.BigEndian.Uint16(packet[10:]))

	off := dnswire.HeaderSize
	switch questions {
	case 0:
	case 1:
		if off = q.parseQuestion(packet, off); off < 0 {
			return false
		}
	default: // RFC 9619
		return false
	}
	if records == 0 && q.edns.parsePlain(packet[off:], additional) {
		return true
	}
	// Records in the answer and authority sections have no meaning in any
	// query that is answered here, so they are skipped.
	for range records {
		r, next := parseRecord(packet, off)
		if next < 0 || r.rtype == dns.TypeOPT || r.rtype == dns.TypeTSIG {
			return false
		}
		off = next
	}
	for range additional {
		r, next := parseRecord(packet, off)
		if next < 0 || q.tsig != 0 { // a TSIG record is the last one
			return false
		}
		switch r.rtype {
		case dns.TypeOPT:
			if !q.edns.parse(r) {
				return false
			}
		case dns.TypeTSIG:
			q.tsig = off
		}
		off = next
	}
	return off == len(packet)
}

// parseQuestion reads a question and returns the offset behind it, or -1. A
// compression pointer is an error: there is no name before the question's.
func (q *query) parseQuestion(packet []byte, off int) int {
	end := dnswire.SkipQuestionName(packet, off)
	if end < 0 || end+4 > len(packet) {
		return -1
	}
	q.hasQuestion = true
	q.name = packet[off:end]
	q.qtype = binary.BigEndian.Uint16(packet[end:])
	q.class = binary.BigEndian.Uint16(packet[end+2:])
	q.end = end + 4
	return q.end
}

// suffix is the end of the name as typed, in presentation form. Its length is
// given in bytes of the wire form.
func (q *query) suffix(length int) string {
	s, _, err := dns.UnpackDomainName(q.packet, dnswire.HeaderSize+len(q.name)-length)
	if err != nil {
		return "." // not reached: the name was checked when it was parsed
	}
	return s
}

// record is a resource record of a request (RFC 1035, section 4.1.3).
type record struct {
	root  bool // the owner is the root
	rtype uint16
	class uint16
	ttl   uint32
	data  []byte
}

// parseRecord reads the record at off and returns the offset behind it, or -1.
func parseRecord(packet []byte, off int) (r record, next int) {
	start := off
	for {
		if off >= len(packet) {
			return r, -1
		}
		n := int(packet[off])
		off++
		if n == 0 {
			break
		}
		if n&0xC0 == 0xC0 { // a pointer ends a name
			off++
			break
		}
		if n > 63 {
			return r, -1
		}
		off += n
	}
	if off+10 > len(packet) {
		return r, -1
	}
	r.root = off == start+1
	r.rtype = binary.BigEndian.Uint16(packet[off:])
	r.class = binary.BigEndian.Uint16(packet[off+2:])
	r.ttl = binary.BigEndian.Uint32(packet[off+4:])
	size := int(binary.BigEndian.Uint16(packet[off+8:]))
	off += 10
	if off+size > len(packet) {
		return r, -1
	}
	r.data = packet[off : off+size]
	return r, off + size
}
