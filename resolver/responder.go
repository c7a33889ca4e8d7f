package resolver

import (
	"math/rand/v2"
	"net/netip"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/zone"
)

// client is who asks, and over what.
type client struct {
	addr      netip.Addr // without the form of an IPv4 address in IPv6
	transport Transport
}

// responder says what the answer to a query is. It does no I/O and may be used
// by many goroutines.
type responder struct {
	maxUDPSize  uint16
	setTC       bool
	subnetFirst bool
	shuffle     func(n int, swap func(i, j int))
	cookies     *cookies
	rateLimiter *rateLimiter // nil: no limit
	counters    *workerCounters

	// For names that are not ours; nil when they are refused.
	forward *forwarder
	cache   *cache.Cache // of the forwarder
	allowed prefixList   // clients that others are asked for
	raFlag  uint16       // flagRA, or 0 when these are not told

	customOrder bool // everything of ours takes the plain path
	keepOrder   bool // records stay in the order of the zone
}

func newResponder(o Options) *responder {
	r := &responder{
		maxUDPSize:  o.MaxUDPSize,
		setTC:       o.SetTruncateBit,
		subnetFirst: o.ResolvSubnetFirst,
		shuffle:     o.Shuffle,
		cookies:     newCookies(),
		rateLimiter: newRateLimiter(o.RateLimit, o.RateExempt),
		counters:    newWorkerCounters(nil),
		// What is rare is the plain path's: an order of somebody else's
		// making is.
		customOrder: o.ResolvSubnetFirst || o.Shuffle != nil,
		keepOrder:   o.keepOrder,
	}
	switch {
	case o.Shuffle != nil:
	case o.keepOrder:
		r.shuffle = func(int, func(i, j int)) {}
	default:
		r.shuffle = rand.Shuffle
	}
	return r
}

// worker is the same responder with counts of its own.
func (r *responder) worker(c *workerCounters) *responder {
	w := *r
	w.counters = c
	return &w
}

// respond makes the reply to a packet in buf, which has bufferSize octets. It
// is nil for packets that must not be answered, and for those that are answered
// later: these it gives to be handed to the forwarder, with the way back. With
// both, nobody waits for the later answer.
func (r *responder) respond(buf []byte, z *zone.Zone, c client, packet []byte) ([]byte, *pendingQuery) {
	if r.rateLimiter.exceeded(c) {
		if msg, known := r.respondOverLimit(buf, packet, c); !known {
			return msg, nil
		}
	}
	if msg, l := r.fastPath(buf, z, c, packet); msg != nil || l != nil {
		return msg, l
	}
	return r.messagePath(buf, z, c, packet)
}

// plain makes the reply by way of messages. It can answer everything.
func (r *responder) messagePath(buf []byte, z *zone.Zone, c client, packet []byte) ([]byte, *pendingQuery) {
	q, rcode, ok := parse(packet)
	if !ok {
		return nil, nil
	}
	var m response
	l := r.limits(&q, c)
	switch {
	case q.opcode() != dns.OpcodeQuery:
		// What follows the header of an opcode that we do not know may be
		// anything, so nothing in it is wrong, and nothing is echoed but
		// the OPT record, if one was found (RFC 8906, section 8.1.4).
		q.hasQuestion, q.qtype = false, 0
		m.rcode = dns.RcodeNotImplemented
	case rcode != dns.RcodeSuccess:
		m.rcode = rcode
	case q.edns.version > 0:
		m.rcode = dns.RcodeBadVers
	default:
		var key [cache.MaxKey]byte
		if a, ok := r.forwardable(&q, c, z, key[:0]); ok {
			return r.answerForwarded(buf, &a, c)
		}
		m = r.answer(&q, c, z, l)
	}
	msg := m.pack(buf, &q, l)
	r.counters.add(c.transport, q.qtype, m.rcode, m.origin)
	return msg, nil
}

// maxUDPPayload is what fits in the largest IPv4 packet.
const maxUDPPayload = 65535 - 20 - 8

// limits are what the reply to a query may have and say.
func (r *responder) limits(q *query, c client) limits {
	return limits{size: r.size(q.edns.present, q.edns.udpSize, c), udpSize: r.maxUDPSize, setTC: r.setTC, ra: r.recursionAvailable(c)}
}

// answer is the reply to a well-formed query, with the options that belong in
// its OPT record.
func (r *responder) answer(q *query, c client, z *zone.Zone, l limits) response {
	options, ok := r.cookies.cookie(q, c.addr, nil)
	if !ok {
		return response{rcode: dns.RcodeFormatError}
	}
	if !q.hasQuestion {
		// A client that wants nothing but a server cookie asks no question
		// (RFC 7873, section 5.4).
		if len(options) == 0 {
			return response{rcode: dns.RcodeFormatError}
		}
		return response{options: options}
	}
	o := order{shuffle: r.shuffle, most: l.size/minRR + 1}
	var s subnet
	if r.subnetFirst {
		if s, ok = parseSubnet(&q.edns); !ok {
			return response{rcode: dns.RcodeFormatError, options: options}
		}
		o.near = s.nearPrefix(c.addr)
	}
	m, result := lookUp(q, c.transport, z, o)
	if result == zone.OutOfZone && m.rcode == dns.RcodeRefused && r.forward != nil && q.class == dns.ClassINET && r.allowed.contains(c.addr) {
		var key [dnswire.MaxName]byte
		name := q.lowerName(&key)
		if special := r.forward.special.find(name); special != nil && r.forward.zone(name) == nil {
			m = special.reply(q, name)
		}
	}
	if s.option != nil {
		options = appendOption(options, dns.EDNS0SUBNET, s.echo(result == zone.Success))
	}
	if result == zone.NotReady {
		options = appendOption(options, dns.EDNS0EDE, []byte{0, byte(dns.ExtendedErrorCodeNotReady)})
	}
	m.options = options
	return m
}

// lookUp finds what the zone says to a question (RFC 1034, section 4.3.2).
func lookUp(q *query, t Transport, z *zone.Zone, o order) (m response, result zone.Result) {
	switch q.qtype {
	case dns.TypeOPT, dns.TypeTSIG: // parts of messages, never of zones
		return response{rcode: dns.RcodeFormatError}, result
	}
	if q.class != dns.ClassINET {
		// Class ANY among them: there is nothing in any other class, and
		// nobody but scanners asks so.
		return response{rcode: dns.RcodeRefused}, result
	}
	var key [dnswire.MaxName]byte
	found, result := z.Lookup(q.lowerName(&key), q.qtype)
	if result == zone.OutOfZone {
		// Names of others that nobody else is asked for, or not for this
		// client.
		return response{rcode: dns.RcodeRefused}, result
	}
	switch q.qtype {
	case dns.TypeAXFR, dns.TypeIXFR, dns.TypeMAILA, dns.TypeMAILB, dns.TypeTKEY:
		// REFUSED would say that another client might get the zone (RFC
		// 5936, section 2.2.1): we cannot do these for anybody.
		return response{rcode: dns.RcodeNotImplemented, origin: string(z.Origin(found))}, result
	}
	switch result {
	case zone.NotReady:
		m.rcode = dns.RcodeServerFailure
	case zone.NXDomain, zone.NoData:
		if result == zone.NXDomain {
			m.rcode = dns.RcodeNameError
		}
		soa := z.SOA(found)
		soa.Hdr.Name = q.suffix(z.ApexLen(found))
		m.aa, m.authority = true, []dns.RR{soa}
	case zone.Success:
		m = positive(q, t, z, found, o)
	}
	m.origin = string(z.Origin(found))
	return m, result
}

// positive is the reply for a name that owns records of the type.
func positive(q *query, t Transport, z *zone.Zone, found zone.Answer, o order) response {
	qtype := q.qtype
	minimal := qtype == dns.TypeANY && t == UDP
	if minimal {
		// One RRset answers ANY over UDP (RFC 8482, section 4.1), where
		// whole answers would serve those who send floods to others. Who
		// asks so most often wants addresses.
		qtype = found.Node.Types()[0]
	}
	if found.Node.CNAME() != "" && qtype != dns.TypeCNAME && qtype != dns.TypeANY {
		return followCNAME(q, z, found.Node, o)
	}
	n := o.node(found.Node, qtype)
	called := q.aliasNames(z.AliasMatch(found))
	m := response{aa: true, answer: z.RRs(n, q.suffix(len(q.name)), qtype)}
	called.targets(m.answer, n)
	if !minimal {
		m.additional = additional(z, n, qtype, o, called)
	}
	return m
}
