package resolver

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/zone"
)

// What is asked most is answered here without an allocation: A, AAAA and SRV,
// and the negative answers for all ordinary types. Everything else, and all
// that is out of the ordinary in a request, is handed over to the plain path,
// which works with messages. Both give the same answer: a test compares them.

// question is a request of the ordinary kind, as it was read.
type question struct {
	name  []byte // in the packet, as typed
	qtype uint16
	end   int // of the question in the packet
	edns  bool
	do    bool
	size  uint16 // of the OPT record
}

// ordinary reads a request. It reports false for all that the plain path
// should look at: what is malformed, and what is rare.
func parseOrdinary(packet []byte, key *[keySize]byte) (q question, ok bool) {
	const min = dnswire.HeaderSize + 1 + 4
	if len(packet) < min || len(packet) > maxOrdinary {
		return q, false
	}
	flags := binary.BigEndian.Uint16(packet[2:])
	if flags&(dnswire.FlagQR|dnswire.OpcodeMask) != 0 ||
		binary.BigEndian.Uint32(packet[4:]) != 1<<16 || // one question, no answer
		binary.BigEndian.Uint32(packet[8:]) > 1 { // no authority, at most one additional
		return q, false
	}
	end := dnswire.SkipQuestionName(packet, dnswire.HeaderSize)
	if end < 0 || end+4 > len(packet) {
		return q, false
	}
	q.name = packet[dnswire.HeaderSize:end]
	q.qtype = binary.BigEndian.Uint16(packet[end:])
	if binary.BigEndian.Uint16(packet[end+2:]) != dns.ClassINET {
		return q, false
	}
	q.end = end + 4
	if packet[11] == 0 {
		if q.end != len(packet) {
			return q, false
		}
	} else if !q.opt(packet[q.end:]) {
		return q, false
	}
	dnswire.ToLower(key[:copy(key[:], q.name)])
	return q, true
}

// maxOrdinary is more than any ordinary request has.
const maxOrdinary = 512

// opt reads an OPT record without options, which is all that ordinary requests
// have behind the question.
func (q *question) opt(b []byte) bool {
	if len(b) != dnswire.OPTSize || b[0] != 0 || binary.BigEndian.Uint16(b[1:]) != dns.TypeOPT ||
		b[6] != 0 || b[9] != 0 || b[10] != 0 {
		return false
	}
	q.edns, q.do, q.size = true, b[7]&0x80 != 0, binary.BigEndian.Uint16(b[3:])
	return true
}

// keySize is that of a name and what the cache adds to it.
const keySize = cache.MaxKey

// fast answers an ordinary request in buf, or says that the answer follows
// later. It gives neither when the plain path should.
func (r *responder) fastPath(buf []byte, z *zone.Zone, c client, packet []byte) ([]byte, *pendingQuery) {
	if r.customOrder && r.forward == nil {
		return nil, nil
	}
	var key [keySize]byte
	q, ok := parseOrdinary(packet, &key)
	if !ok || q.qtype >= 128 || q.qtype == dns.TypeOPT {
		return nil, nil
	}
	found, result := z.Lookup(key[:len(q.name)], q.qtype)
	if r.forward != nil && (result == zone.OutOfZone || result == zone.NXDomain && dnswire.IsReverse(key[:len(q.name)])) {
		return r.fastForward(buf, c, packet, &q, key[:len(q.name)])
	}
	if r.customOrder {
		return nil, nil
	}

	w := writer{buf: buf, off: q.end, size: r.size(q.edns, q.size, c)}
	if q.edns {
		w.size -= dnswire.OPTSize
	}
	copy(buf, packet[:q.end])
	var rcode uint16
	switch result {
	case zone.NXDomain:
		rcode = dns.RcodeNameError
		ok = w.negative(z, q.name, found)
	case zone.NoData:
		ok = w.negative(z, q.name, found)
	case zone.Success:
		switch q.qtype {
		case dns.TypeA:
			n := found.Node
			writeAddrs4(&w, n.A, z.TTLOf(n, dns.TypeA), r.rotation(len(n.A)))
			ok = len(n.A) > 0 // or there is a CNAME record
		case dns.TypeAAAA:
			n := found.Node
			writeAddrs6(&w, n.AAAA, z.TTLOf(n, dns.TypeAAAA), r.rotation(len(n.AAAA)))
			ok = len(n.AAAA) > 0
		case dns.TypeSRV:
			ok = w.srvRecords(z, found, key[:len(q.name)], r)
		default:
			ok = false
		}
	default:
		ok = false
	}
	if !ok {
		return nil, nil
	}

	msg := buf[:w.off]
	if q.edns {
		msg = appendOPT(msg, r.maxUDPSize, rcode, q.do, nil)
		w.additional++
	}
	flags := binary.BigEndian.Uint16(packet[2:])&(dnswire.FlagRD|dnswire.FlagCD) | dnswire.FlagQR | dnswire.FlagAA | r.recursionAvailable(c) | rcode
	if w.cut && r.setTC {
		flags |= dnswire.FlagTC
	}
	binary.BigEndian.PutUint16(msg[2:], flags)
	binary.BigEndian.PutUint16(msg[6:], uint16(w.answers))
	binary.BigEndian.PutUint16(msg[8:], uint16(w.authority))
	binary.BigEndian.PutUint16(msg[10:], uint16(w.additional))
	r.counters.add(c.transport, q.qtype, rcode, string(z.Origin(found)))
	return msg, nil
}

// fastOutside answers an ordinary request for a name that is not ours, or says
// that the answer follows later. It gives neither when the plain path should.
func (r *responder) fastForward(buf []byte, c client, packet []byte, q *question, name []byte) ([]byte, *pendingQuery) {
	flags := binary.BigEndian.Uint16(packet[2:])
	if flags&dnswire.FlagRD == 0 || q.qtype == dns.TypeHINFO || !r.allowed.contains(c.addr) {
		return nil, nil
	}
	a := forwardQuery{
		client:   c,
		id:       binary.BigEndian.Uint16(packet),
		flags:    flags,
		question: packet[dnswire.HeaderSize:q.end],
		// There is room for the tail behind the longest name.
		key:  cache.AppendKey(name, q.qtype, dns.ClassINET, q.do, flags&dnswire.FlagCD != 0),
		edns: q.edns,
		do:   q.do,
		size: q.size,
	}
	if found := r.cache.Get(a.key); found.Entry != nil {
		return r.respondFromCache(buf, &a, found)
	}
	if maybeSpecial(name) {
		return nil, nil // answered here, as a rule
	}
	return nil, a.clone(c)
}

// size is what a reply may have (RFC 6891, section 6.2.5). Nothing fragments
// between a client and a server on the same machine, so there a client gets
// what it asks for.
func (r *responder) size(edns bool, size uint16, c client) int {
	switch {
	case c.transport == TCP:
		return dns.MaxMsgSize - 1 // its length is sent in 16 bits
	case !edns:
		return minUDPSize
	case c.addr.IsLoopback():
		return min(max(int(size), minUDPSize), maxUDPPayload)
	}
	return int(min(max(size, minUDPSize), r.maxUDPSize))
}
