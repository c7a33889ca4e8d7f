package resolver

import (
	"encoding/binary"
	"iter"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// reply is an answer before it is packed.
type response struct {
	rcode     uint16
	aa        bool
	answer    []dns.RR
	authority []dns.RR

	// additional gives RRsets that are good to have. It is only asked for as
	// many as there is room for. Their owners are names that stand in the
	// answer.
	additional iter.Seq[[]dns.RR]

	options []byte // of the OPT record, in wire form

	origin string // of the zone that the name is in, in wire form; for counting
}

// limits are what a client can take, and what it is told.
type limits struct {
	size    int    // of the reply, in octets
	udpSize uint16 // what we say that we can take
	setTC   bool
	ra      uint16 // flagRA, if we forward for the client
}

// slack is more than the longest record that we have. With that much room
// behind the limit, packing never fails for want of room, and the offset where
// a record ends says whether it fits.
const slack = 2048

// bufferSize is enough for the buffer of pack.
const bufferSize = dns.MaxMsgSize + slack

// minRR is the size of the smallest record that we have: a pointer for the
// owner, type, class, TTL, length, four octets of an address.
const minRR = 2 + 2 + 2 + 4 + 2 + 4

// pack writes the reply to a query into buf, which has bufferSize octets, and
// returns the message.
//
// Whole records only are left out. Of the answer the first ones that fit stay,
// TC is set when that is not all (RFC 2181, section 9), and so for the SOA
// record of a negative answer. Additional RRsets that do not fit are left out
// without a word: the client can ask for them. The OPT record always stays
// (RFC 6891, section 7).
//
// Each record is packed once, so cutting costs no more than not cutting.
func (r *response) pack(buf []byte, q *query, l limits) []byte {
	size := l.size
	if q.edns.present {
		size -= dnswire.OPTSize + len(r.options)
	}
	p := packer{buf: buf[:cap(buf)], off: dnswire.HeaderSize, size: size}
	var questions uint16
	if q.hasQuestion {
		p.question(q)
		questions = 1
	}
	var cut bool
	var answers, authorities, additionals int
	if answers = p.records(r.answer); answers < len(r.answer) {
		cut = true
	} else if authorities = p.records(r.authority); authorities < len(r.authority) {
		cut = true
	} else if r.additional != nil {
		additionals = p.rrsets(r.additional)
	}

	msg := p.buf[:p.off]
	if q.edns.present {
		msg = appendOPT(msg, l.udpSize, r.rcode, q.edns.do, r.options)
		additionals++
	}
	flags := q.flags&(dnswire.OpcodeMask|dnswire.FlagRD|dnswire.FlagCD) | dnswire.FlagQR | l.ra | r.rcode&0xF
	if r.aa {
		flags |= dnswire.FlagAA
	}
	if cut && l.setTC {
		flags |= dnswire.FlagTC
	}
	binary.BigEndian.PutUint16(msg, q.id)
	binary.BigEndian.PutUint16(msg[2:], flags)
	binary.BigEndian.PutUint16(msg[4:], questions)
	binary.BigEndian.PutUint16(msg[6:], uint16(answers))
	binary.BigEndian.PutUint16(msg[8:], uint16(authorities))
	binary.BigEndian.PutUint16(msg[10:], uint16(additionals))
	return msg
}

// packer appends records to a message as long as they fit.
type packer struct {
	buf   []byte
	off   int
	size  int            // where records must end
	names map[string]int // where names stand that can be pointed to
}

// question writes the question byte for byte as it came, since resolvers hide
// random bits in the case of its letters, and remembers its name.
func (p *packer) question(q *query) {
	p.names = map[string]int{}
	// Packing a name that was unpacked gives the same octets.
	p.off, _ = dns.PackDomainName(q.suffix(len(q.name)), p.buf, p.off, p.names, false)
	p.off = dnswire.HeaderSize + copy(p.buf[dnswire.HeaderSize:], q.name)
	p.off += copy(p.buf[p.off:], q.packet[p.off:p.off+4])
}

// one writes a record if it fits.
func (p *packer) record(rr dns.RR) bool {
	off, err := dns.PackRR(rr, p.buf, p.off, p.names, true)
	if err != nil || off > p.size {
		return false
	}
	p.off = off
	return true
}

// some writes records until one does not fit, and returns how many it wrote.
// It does not try the ones after it: short names would get into cut answers
// more often than long ones.
func (p *packer) records(rrs []dns.RR) int {
	for i, rr := range rrs {
		if !p.record(rr) {
			return i
		}
	}
	return len(rrs)
}

// sets writes the RRsets that fit whole (RFC 2181, section 9), and returns the
// number of records that it wrote. One that does not fit leaves no names
// behind that could be pointed to, as its owner stands in the answer.
func (p *packer) rrsets(sets iter.Seq[[]dns.RR]) int {
	count := 0
	for set := range sets {
		before := p.off
		if p.records(set) == len(set) {
			count += len(set)
		} else {
			p.off = before
		}
		if p.size-p.off < minRR {
			break
		}
	}
	return count
}
