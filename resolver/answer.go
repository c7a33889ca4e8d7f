package resolver

import (
	"slices"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/zone"
)

// answer makes the response to a question from our zones, or from those of
// special-use names (RFC 1034, section 4.3.2). The name of the question is given
// in lower case too, and what the zone has for it.
//
// The arguments are not fields of one struct because the compiler would then
// assume that all of them live as long as a pending query that is made of one.
func (r *responder) answer(buf []byte, z *zone.Zone, c client, q *query, name, options []byte, found zone.Answer, result zone.Result) ([]byte, *pendingQuery) {
	origin := string(z.Origin(found))
	w := writer{buf: buf, z: z, order: ordering{unshuffled: r.unshuffled, limit: c.policy.answerLimit}}
	if c.policy.subnetFirst {
		subnet, ok := parseClientSubnet(&q.edns)
		if !ok {
			return r.emptyResponse(buf, q, c, dns.RcodeFormatError, origin, options), nil
		}
		if subnet.option != nil {
			options = subnet.appendEcho(options, result == zone.Success)
		}
		w.order.near = subnet.near(c.addr)
	}

	if r.preferZone != nil && result == zone.Success {
		w.order.zone = r.preferZone.nearZone(z, string(found.Node.Name), c.addr)
	}

	var special *specialZone
	switch {
	case q.qtype == dns.TypeAXFR, q.qtype == dns.TypeIXFR, result == zone.OutOfZone && r.transfers.InCatalog(name):
		return r.answerTransfer(buf, c, q, origin, options)
	case result == zone.OutOfZone:
		if special = r.specialZone(name, c); special == nil {
			return r.emptyResponse(buf, q, c, dns.RcodeRefused, origin, options), nil
		}
	case q.qtype == dns.TypeMAILA, q.qtype == dns.TypeMAILB, q.qtype == dns.TypeTKEY:
		return r.emptyResponse(buf, q, c, dns.RcodeNotImplemented, origin, options), nil
	case result == zone.NotReady:
		options = appendOption(options, dns.EDNS0EDE, []byte{0, byte(dns.ExtendedErrorCodeNotReady)})
		return r.emptyResponse(buf, q, c, dns.RcodeServerFailure, origin, options), nil
	case result == zone.Success && q.qtype != dns.TypeCNAME && q.qtype != dns.TypeANY && found.Node.CNAME() != "":
		return r.answerChain(buf, z, c, q, name, options)
	}

	size := r.size(q.edns.present, q.edns.udpSize, c)
	if q.edns.present {
		size -= dnswire.OPTSize + len(options)
	}
	w.begin(q, size)
	rcode := uint16(dns.RcodeSuccess)
	switch {
	case special != nil:
		rcode = special.write(&w, q, name)
	case result == zone.Success:
		w.positive(found, q, name, c.transport)
	default:
		if result == zone.NXDomain {
			rcode = dns.RcodeNameError
		}
		w.negative(q, found)
	}
	flags := r.flags(q, c) | dnswire.FlagAA
	if w.truncated && c.policy.setTC {
		flags |= dnswire.FlagTC
	}
	r.counters.add(c.transport, q.qtype, rcode, origin)
	if q.qtype == dns.TypeSOA && result == zone.Success {
		r.transfers.ObserveSOA(c.addr, c.transport == UDP, r.key(), r.session, name)
	}
	return w.finish(q, flags, rcode, c.policy.maxUDPSize, options), nil
}

// answerChain makes the response for a name with a CNAME record, or returns the
// query to be answered when the rest of its answer has been asked for.
func (r *responder) answerChain(buf []byte, z *zone.Zone, c client, q *query, name, options []byte) ([]byte, *pendingQuery) {
	f := q.forwarded(c, name, options)
	var forward *forwarder
	if r.forwards(c, q.flags, q.qtype) {
		forward = r.forward
	}
	return r.continueChain(buf, z, forward, f.clone(c), new(chain))
}

// positive writes the answer to the question for a name that owns records of the
// type.
func (w *writer) positive(found zone.Answer, q *query, name []byte, t Transport) {
	switch {
	case w.commonRecords(found, q.qtype, name, toQuestion):
	case q.qtype == dns.TypeANY && t == UDP:
		// One RRset answers ANY over UDP (RFC 8482, section 4.1): whole answers
		// would help to flood others. Clients that ask so most often want
		// addresses.
		w.rareRecords(found, found.Node.Types()[:1], name, toQuestion, q.suffix(len(q.name)))
	case q.qtype == dns.TypeANY:
		n := found.Node
		services := w.rareRecords(found, typesForANY(n), name, toQuestion, q.suffix(len(q.name)))
		w.addNames(n, q.qtype, map[*zone.Node]bool{n: true}, services)
	default:
		w.nodeRecords(found, q.qtype, name, toQuestion, q.suffix(len(q.name)))
	}
}

// nodeRecords writes the records of a type of the node that was found by a name
// in lower-case wire form, and the addresses of the names that they lead to. The
// message has the name at the owner pointer; text is its presentation form.
func (w *writer) nodeRecords(found zone.Answer, qtype uint16, name []byte, owner uint16, text string) {
	if !w.commonRecords(found, qtype, name, owner) {
		w.rareRecords(found, []uint16{qtype}, name, owner, text)
		w.addNames(found.Node, qtype, map[*zone.Node]bool{}, nil)
	}
}

// commonRecords is nodeRecords for the types that nearly all queries ask for. It
// reports false for others.
func (w *writer) commonRecords(found zone.Answer, qtype uint16, name []byte, owner uint16) bool {
	switch qtype {
	case dns.TypeA:
		w.answerA(found.Node, owner)
	case dns.TypeAAAA:
		w.answerAAAA(found.Node, owner)
	case dns.TypeSRV:
		a := w.answerSRV(found.Node, owner, name, w.z.AliasMatch(found))
		w.addSRVTargets(found.Node, &a, nil)
	default:
		return false
	}
	return true
}

// rareRecords writes the records of some types without the addresses of the names
// that they lead to. It returns where SRV records are, nil if it has written none.
func (w *writer) rareRecords(found zone.Answer, types []uint16, name []byte, owner uint16, text string) (services *srvAnswer) {
	for _, t := range types {
		if w.truncated {
			break
		}
		switch t {
		case dns.TypeA:
			w.answerA(found.Node, owner)
		case dns.TypeAAAA:
			w.answerAAAA(found.Node, owner)
		case dns.TypeSRV:
			a := w.answerSRV(found.Node, owner, name, w.z.AliasMatch(found))
			services = &a
		default:
			w.answerRRs(w.z.RRs(found.Node, text, t))
		}
	}
	return services
}

// typesForANY are the types of a node's records, the zone's own first.
func typesForANY(n *zone.Node) []uint16 {
	rank := func(t uint16) int {
		switch t {
		case dns.TypeSOA:
			return 0
		case dns.TypeNS:
			return 1
		}
		return 2
	}
	types := n.Types()
	slices.SortStableFunc(types, func(a, b uint16) int { return rank(a) - rank(b) })
	return types
}
