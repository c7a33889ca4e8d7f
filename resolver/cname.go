package resolver

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/zone"
)

// maxChain is how many CNAME records of our zones, and parts of other servers'
// answers, are followed for one answer. A client that wants more can ask for the
// name where the answer ends.
const maxChain = 8

// chain is an answer that CNAME records lead from one name to the next: within
// our zones, out of them to names that are forwarded, and back in. It is made in
// two steps. Plan finds the parts, and the part that has to be asked for, if one
// is missing; it is called again when that has arrived. Write puts the parts
// together.
//
// Each part that was asked for is in the cache by itself, so it serves all
// chains that lead there, and a part that is ours is always as the zone is now.
type chain struct {
	z       *zone.Zone // that the parts are of
	parts   []chainPart
	fetched []chainPart // by key: what was asked for on behalf of this query
	end     chainEnd
}

// chainPart is one part: a name in one of our zones, with what the zone has for
// it, or the answer of another server.
type chainPart struct {
	name string // in lower-case wire form, that the part begins with

	found  zone.Answer
	result zone.Result

	key   cache.Key // of the entry
	entry *cache.Entry
	age   cache.Age
}

// chainEnd is what the last part of a chain is.
type chainEnd uint8

const (
	chainComplete   chainEnd = iota // the part where the question is answered
	chainStops                      // a name that is not ours and not forwarded, a loop, or one part too many
	chainNotReady                   // a name of ours before there is a state
	chainUnanswered                 // a failure of other servers
)

// chainQuestion is what a chain is followed for.
type chainQuestion struct {
	qtype  uint16
	do, cd bool
}

// plan follows the chain from a name in lower-case wire form. Without a forwarder
// it stays in our zones. If a part has to be asked for, its key is returned.
func (c *chain) plan(z *zone.Zone, f *forwarder, name []byte, q chainQuestion) (missing cache.Key) {
	c.z, c.parts, c.end = z, c.parts[:0], chainStops
	next := string(name)
	for len(c.parts) <= maxChain && !slices.ContainsFunc(c.parts, func(p chainPart) bool { return p.name == next }) {
		p := chainPart{name: next}
		p.found, p.result = z.Lookup([]byte(next), q.qtype)
		switch outside := p.result == zone.OutOfZone; {
		case outside && (f == nil || f.answeredHere([]byte(next), q.qtype)):
			return nil
		case outside:
			p.key = cache.AppendKey([]byte(next), q.qtype, dns.ClassINET, q.do, q.cd)
			if !c.fetch(&p, f) {
				return p.key
			}
			if p.entry.Failed() {
				c.parts = append(c.parts, p)
				c.end = chainUnanswered
				return nil
			}
			next = string(p.entry.Next())
		case p.result == zone.NotReady:
			c.end = chainNotReady
			return nil
		case p.result == zone.Success && q.qtype != dns.TypeCNAME && q.qtype != dns.TypeANY:
			next = string(p.found.Node.CNAME())
		default:
			next = ""
		}
		c.parts = append(c.parts, p)
		if next == "" {
			c.end = chainComplete
			return nil
		}
	}
	return nil
}

// fetch finds the entry of a part: one that was asked for, else one of the cache.
func (c *chain) fetch(p *chainPart, f *forwarder) bool {
	for _, have := range c.fetched {
		if string(have.key) == string(p.key) {
			p.entry, p.age = have.entry, have.age
			return true
		}
	}
	found := f.cache.Get(p.key)
	p.entry, p.age = found.Entry, found.Age
	if found.Prefetch {
		f.prefetch(p.key)
	}
	return p.entry != nil
}

// writeChain makes the response to a query of a chain that was planned.
func (r *responder) writeChain(buf []byte, client client, f *forwardQuery, c *chain) []byte {
	q := query{
		id: f.id, flags: f.flags, hasQuestion: true, packet: buf, name: f.question[:len(f.question)-4], end: dnswire.HeaderSize + len(f.question),
		qtype: f.key.Type(), class: dns.ClassINET, edns: edns{present: f.edns, do: f.do, udpSize: f.size, padded: f.padded},
	}
	copy(buf[dnswire.HeaderSize:], f.question)
	var flags, rcode uint16
	var origin string
	if c.parts[0].entry == nil {
		flags, origin = dnswire.FlagAA, string(c.z.Origin(c.parts[0].found))
	}
	switch c.end {
	case chainNotReady:
		return r.emptyResponse(buf, &q, client, dns.RcodeServerFailure, origin, f.options)
	case chainUnanswered:
		return r.emptyResponse(buf, &q, client, uint16(c.parts[len(c.parts)-1].entry.Rcode), origin, f.options)
	}
	options := f.options
	if f.edns && slices.ContainsFunc(c.parts, func(p chainPart) bool { return p.age.Stale }) {
		options = appendStaleAnswer(slices.Clip(options))
	}
	w := writer{buf: buf, z: c.z, order: ordering{unshuffled: r.unshuffled, limit: client.policy.answerLimit}}
	if client.policy.subnetFirst {
		w.order.near = nearTo(client.addr, f.options)
	}
	size := r.size(f.edns, f.size, client)
	if f.edns {
		size -= dnswire.OPTSize + len(options)
	}
	w.begin(&q, size)
	owner := uint16(toQuestion)
	for i, p := range c.parts {
		last := i == len(c.parts)-1 && c.end == chainComplete
		var text string
		if i == 0 {
			text = q.suffix(len(q.name))
		} else {
			text = wireText(p.name)
		}
		switch {
		case p.entry != nil:
			owner = w.entry(&p, text, last)
			if last {
				rcode = uint16(p.entry.Rcode)
			}
		case !last:
			owner = w.cname(c.z.RRs(p.found.Node, text, dns.TypeCNAME), wireText(string(p.found.Node.CNAME())))
		case p.result == zone.Success:
			w.nodeRecords(p.found, q.qtype, []byte(p.name), owner, text)
		default:
			if p.result == zone.NXDomain {
				rcode = dns.RcodeNameError
			}
			soa := c.z.SOA(p.found)
			soa.Hdr.Name = wireText(p.name[len(p.name)-c.z.ApexLen(p.found):])
			w.authorityRR(soa)
		}
		if w.truncated {
			break
		}
	}
	flags |= r.flags(&q, client)
	if w.truncated && client.policy.setTC {
		flags |= dnswire.FlagTC
	}
	r.counters.add(client.transport, q.qtype, rcode, origin)
	return w.finish(&q, flags, rcode, client.policy.maxUDPSize, options)
}

// wireText is the presentation form of a name in wire form.
func wireText(name string) string {
	s, _, err := dns.UnpackDomainName([]byte(name), 0)
	if err != nil {
		return "." // not reached: the name comes from a message or the zone
	}
	return s
}

// cname writes records of the answer, and returns a pointer to the name that is next in
// the chain: the target of one of them.
func (w *writer) cname(rrs []dns.RR, next string) (owner uint16) {
	for _, rr := range rrs {
		start := w.off
		if !w.rr(rr) {
			w.truncated = true
			return owner
		}
		w.answers++
		if c, ok := rr.(*dns.CNAME); ok && strings.EqualFold(c.Target, next) {
			at := rdataOffset(w.buf, start)
			if at > maxPointer {
				w.truncated = true
				return owner
			}
			owner = pointer | uint16(at)
		}
	}
	return owner
}

// rdataOffset is the offset of the data of the record at an offset.
func rdataOffset(msg []byte, at int) int {
	for msg[at] != 0 && msg[at]&0xC0 == 0 {
		at += 1 + int(msg[at])
	}
	if msg[at] == 0 {
		at--
	}
	return at + fixedSize
}

// unpackEntry unpacks the records of an entry. A message that is truncated lacks some.
func unpackEntry(k cache.Key, e *cache.Entry, age cache.Age) (m dns.Msg, truncated bool) {
	buf := messageBuffers.Get().(*messageBuffer)
	defer messageBuffers.Put(buf)
	clear(buf[:dnswire.HeaderSize])
	n := dnswire.HeaderSize + copy(buf[dnswire.HeaderSize:], k.Name())
	binary.BigEndian.PutUint16(buf[n:], k.Type())
	binary.BigEndian.PutUint16(buf[n+2:], k.Class())
	written := e.Write(buf[:], n+4, dns.MaxMsgSize-1, age)
	buf[5] = 1
	for i, count := range written.Counts {
		binary.BigEndian.PutUint16(buf[6+2*i:], count)
	}
	if err := m.Unpack(buf[:written.End]); err != nil {
		return dns.Msg{Question: []dns.Question{{Name: wireText(string(k.Name()))}}}, true // not reached: the message was checked when it was read
	}
	return m, written.Truncated
}

// entry writes the records of an entry behind those before it: its names have to
// be compressed again. Of an entry that is not the last of a chain only the answer
// counts.
func (w *writer) entry(p *chainPart, text string, last bool) (owner uint16) {
	m, truncated := unpackEntry(p.key, p.entry, p.age)
	for _, rr := range m.Answer {
		if rr.Header().Name == m.Question[0].Name {
			rr.Header().Name = text // in the case of the question
		}
	}
	next := ""
	if !last {
		next = wireText(string(p.entry.Next()))
	}
	owner = w.cname(m.Answer, next)
	w.truncated = w.truncated || truncated
	if last {
		for _, rr := range m.Ns {
			if w.truncated {
				break
			}
			w.authorityRR(rr)
		}
	}
	return owner
}
