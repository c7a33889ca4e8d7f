package resolver

import (
	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/zone"
)

// offer has names that are not ours forwarded.
func (r *responder) enableForwarding(f *forwarder) {
	r.forward, r.cache, r.allowed = f, f.cache, newPrefixList(f.o.AllowedClients)
	if f.o.RecursionAvailable {
		r.raFlag = dnswire.FlagRA
	}
}

// raFor is flagRA for clients that others are asked for.
func (r *responder) recursionAvailable(c client) uint16 {
	if r.raFlag == 0 || !r.allowed.contains(c.addr) {
		return 0
	}
	return r.raFlag
}

// asksOutside reports whether a query is one that others are asked, for a client
// that this is done for. The cache's key is made in a buffer of the caller.
//
// A query without RD wants what we know by ourselves, and what others have asked
// before is nobody's business: it is refused.
func (r *responder) forwardable(q *query, c client, z *zone.Zone, key []byte) (a forwardQuery, ok bool) {
	if r.forward == nil || !q.hasQuestion || q.class != dns.ClassINET || q.flags&dnswire.FlagRD == 0 || !r.allowed.contains(c.addr) {
		return a, false
	}
	switch q.qtype {
	case dns.TypeOPT, dns.TypeTSIG, dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB, dns.TypeTKEY:
		return a, false
	}
	var name [dnswire.MaxName]byte
	key = append(key, q.lowerName(&name)...)
	if inOurZones(z, key) {
		return a, false
	}
	if r.forward.zone(key) == nil && r.forward.special.find(key) != nil {
		return a, false
	}
	if q.qtype == dns.TypeHINFO && r.forward.client.IsLoopProbe(key) {
		return a, false
	}
	options, ok := r.cookies.cookie(q, c.addr, nil)
	if !ok {
		return a, false
	}
	return forwardQuery{
		client:   c,
		id:       q.id,
		flags:    q.flags,
		question: q.packet[dnswire.HeaderSize : dnswire.HeaderSize+len(q.name)+4],
		key:      cache.AppendKey(key, q.qtype, q.class, q.edns.do, q.flags&dnswire.FlagCD != 0),
		edns:     q.edns.present,
		do:       q.edns.do,
		size:     q.edns.udpSize,
		options:  options,
	}, true
}
