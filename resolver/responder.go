package resolver

import (
	"net/netip"
	"sync/atomic"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/resolver/transfer"
	"toponym/zone"
)

// client is the sender of a query, the transport it uses, and how it is answered.
type client struct {
	addr      netip.Addr // an IPv4-mapped IPv6 address is stored as IPv4
	transport Transport
	padded    bool // the response is to be padded

	// policy is that of the moment when the query came: an answer never mixes the
	// options from before a change with those from after it. It is nil before respond.
	policy *policy
}

// responder makes the response to a query. It does no I/O and may be used by
// many goroutines.
type responder struct {
	policies   *atomic.Pointer[policy] // shared by all copies
	preferZone *ZonePreference         // nil if there is none
	unshuffled bool                    // records stay in the order of the zone; for tests
	cookies    *cookies
	limited    *rateLimitCounts
	counters   *workerCounters
	transfers  *transfer.Server
	session    *transfer.Session      // of the one connection over TLS that this copy is for; nil for others
	signed     *transfer.Verification // of the one query that this copy is for; nil for others

	// What forwarding needs; nil and zero when it is off.
	forward *forwarder
	cache   *cache.Cache // of the forwarder
}

func newResponder(o Options) *responder {
	r := &responder{
		policies:   new(atomic.Pointer[policy]),
		preferZone: o.PreferZone,
		unshuffled: o.unshuffled,
		cookies:    newCookies(),
		limited:    new(rateLimitCounts),
		counters:   newWorkerCounters(nil),
		transfers:  o.Transfers,
	}
	if r.transfers == nil {
		r.transfers = transfer.New(transfer.Options{Log: o.Log})
	}
	r.policies.Store(newPolicy(o, nil))
	return r
}

// enableForwarding makes the responder forward queries for names outside our zones.
func (r *responder) enableForwarding(f *forwarder) {
	r.forward, r.cache = f, f.cache
}

// policy returns the options of the moment.
func (r *responder) policy() *policy { return r.policies.Load() }

// worker returns a copy of the responder with its own counters.
func (r *responder) worker(c *workerCounters) *responder {
	w := *r
	w.counters = c
	return &w
}

// respond makes the response to a packet in buf, which has bufferSize bytes. It
// is nil for packets that must not be answered, and for queries that have to be
// forwarded: those are returned, for the forwarder to answer. If it returns
// both a response and a query, the forwarder's answer only refreshes the cache.
//
// A response is made in these steps, each of which may be the last:
//
//  1. The rate limiter decides whether the client gets a response.
//  2. The packet is parsed. Malformed packets, opcodes other than QUERY and EDNS
//     versions above 0 get their errors.
//  3. A TSIG record is checked, and the response to what is before it signed.
//  4. The name is looked up in the zone.
//  5. A name outside our zones is taken from the cache, or forwarded.
//  6. The answer is written. That to a query for a zone transfer over TCP is a
//     stream: the query is returned, for the connection to write.
//
// In the steady state there are no allocations for the types A, AAAA and SRV, for
// negative answers and for answers from the cache.
func (r *responder) respond(buf []byte, z *zone.Zone, c client, packet []byte) ([]byte, *pendingQuery) {
	if c.policy == nil {
		c.policy = r.policy()
	}
	limited := r.signed == nil && c.policy.rateLimiter.exceeded(c) // a signed query has been counted
	var q query
	rcode, ok := q.parse(packet)
	if !ok {
		return nil, nil
	}
	if limited {
		if msg, allowed := r.respondOverLimit(buf, &q, rcode, c); !allowed {
			return msg, nil
		}
	}
	if c.transport == TLS && q.tsig == 0 && r.signed == nil {
		c.padded = q.edns.wantsPadding()
	}
	if q.tsig != 0 && rcode == dns.RcodeSuccess {
		return r.respondSigned(buf, z, c, packet, q.tsig)
	}
	switch {
	case q.opcode() != dns.OpcodeQuery:
		// What follows the header of an unknown opcode may be anything, and so
		// may the flags. Nothing is echoed but the OPT record, if one was found
		// (RFC 8906, section 8.1.4).
		q.hasQuestion, q.qtype, q.flags = false, 0, q.flags&dnswire.OpcodeMask
		return r.respondError(buf, &q, client{transport: c.transport, policy: c.policy}, dns.RcodeNotImplemented, nil), nil
	case rcode != dns.RcodeSuccess:
		return r.respondError(buf, &q, c, rcode, nil), nil
	case q.edns.version > 0:
		return r.respondError(buf, &q, c, dns.RcodeBadVers, nil), nil
	}

	var optionSpace [maxOptions]byte
	options, ok := r.cookies.appendCookie(optionSpace[:0], &q, c.addr)
	switch {
	case !ok:
		return r.respondError(buf, &q, c, dns.RcodeFormatError, nil), nil
	case !q.hasQuestion && len(options) > 0:
		// A query without a question only asks for a server cookie (RFC 7873,
		// section 5.4).
		return r.respondError(buf, &q, c, dns.RcodeSuccess, options), nil
	case !q.hasQuestion, q.qtype == dns.TypeOPT, q.qtype == dns.TypeTSIG: // OPT and TSIG are parts of messages, never of zones
		return r.respondError(buf, &q, c, dns.RcodeFormatError, options), nil
	}
	return r.resolve(buf, z, c, &q, options)
}

// resolve makes the response to a well-formed query with a question.
func (r *responder) resolve(buf []byte, z *zone.Zone, c client, q *query, options []byte) ([]byte, *pendingQuery) {
	var key [cache.MaxKey]byte // with room for the rest of the cache's key
	name := key[:copy(key[:], q.name)]
	dnswire.ToLower(name)

	if q.class != dns.ClassINET {
		// There is nothing in any other class. Only scanners ask for class ANY.
		return r.emptyResponse(buf, q, c, dns.RcodeRefused, "", options), nil
	}
	found, result := z.Lookup(name, q.qtype)
	if result == zone.OutOfZone && r.forwards(c, q.flags, q.qtype) {
		f := q.forwarded(c, name, options)
		if cached := r.cache.Get(f.key); cached.Entry != nil {
			return r.respondFromCache(buf, z, c, &f, cached)
		}
		if !r.forward.answeredHere(name, q.qtype) && !r.transfers.InCatalog(name) {
			return nil, f.clone(c)
		}
	}
	return r.answer(buf, z, c, q, name, options, found, result)
}

// flags returns the flags of a response that are copied from the query or depend on
// the client (RFC 1035, section 4.1.1).
func (r *responder) flags(q *query, c client) uint16 {
	return q.flags&(dnswire.OpcodeMask|dnswire.FlagRD|dnswire.FlagCD) | r.recursionAvailable(c)
}

// recursionAvailable returns dnswire.FlagRA for clients whose queries are forwarded.
func (r *responder) recursionAvailable(c client) uint16 {
	if c.policy.raFlag == 0 || !c.policy.allowed.contains(c.addr) {
		return 0
	}
	return c.policy.raFlag
}

// maxUDPPayload is the size of a message that fills the largest IPv4 packet.
const maxUDPPayload = 65535 - 20 - 8

// size returns the maximum size of a response, given the size that the client
// announces with EDNS (RFC 6891, section 6.2.5), less the TSIG record. Nothing fragments between a
// client and a server on the same machine, so there a client gets what it asks
// for.
func (r *responder) size(edns bool, size uint16, c client) int {
	signature := r.signatureSize()
	switch {
	case c.transport != UDP:
		return dns.MaxMsgSize - 1 - signature // its length is sent in 16 bits
	case !edns:
		return minUDPSize - signature
	case c.addr.IsLoopback():
		return min(max(int(size), minUDPSize), maxUDPPayload) - signature
	}
	return int(min(max(size, minUDPSize), c.policy.maxUDPSize)) - signature
}

// respondError makes a response without records to a query for none of our zones.
func (r *responder) respondError(buf []byte, q *query, c client, rcode uint16, options []byte) []byte {
	return r.emptyResponse(buf, q, c, rcode, "", options)
}

// emptyResponse makes a response without records, and counts it for the zone of an
// origin.
func (r *responder) emptyResponse(buf []byte, q *query, c client, rcode uint16, origin string, options []byte) []byte {
	w := writer{buf: buf}
	w.begin(q, bufferSize)
	r.counters.add(c.transport, q.qtype, rcode, origin)
	return w.finish(q, r.flags(q, c), rcode, c.policy.maxUDPSize, options)
}
