package resolver

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/dchest/siphash"
	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// rates limits the replies over UDP to each network of clients, so that nobody
// can have us send floods to somebody in whose name he asks (response rate
// limiting). A client that has shown a cookie of ours, or asks over TCP, is who
// it says it is.
//
// Networks share a table of a fixed size. Two that meet in it share a limit.
type rateLimiter struct {
	exempt prefixList
	cost   int64 // nanoseconds that a reply costs
	k0, k1 uint64
	start  time.Time
	slots  [rateSlots]atomic.Int64 // when what was sent will have been paid for
	slip   atomic.Uint32

	dropped, slipped atomic.Uint64
}

const (
	rateSlots = 1 << 14
	rateBurst = int64(time.Second) // what may be sent at once, in time

	// Networks that count as one client, in bits.
	rateIPv4 = 24
	rateIPv6 = 56

	// slipEvery is how many replies beyond the limit are dropped for one that
	// has TC set and nothing else: a client that is real asks over TCP then.
	slipEvery = 2
)

// newRates is nil when there is no limit.
func newRateLimiter(perSecond int, exempt []netip.Prefix) *rateLimiter {
	if perSecond <= 0 {
		return nil
	}
	r := &rateLimiter{exempt: newPrefixList(exempt), cost: int64(time.Second) / int64(perSecond), start: time.Now()}
	var secret [16]byte
	rand.Read(secret[:])
	r.k0, r.k1 = binary.LittleEndian.Uint64(secret[:]), binary.LittleEndian.Uint64(secret[8:])
	return r
}

// over counts a reply to a client, and reports whether it is one too many.
func (r *rateLimiter) exceeded(c client) bool {
	if r == nil || c.transport != UDP || c.addr.IsLoopback() || r.exempt.contains(c.addr) {
		return false
	}
	slot := &r.slots[r.network(c.addr)%rateSlots]
	now := int64(time.Since(r.start))
	for {
		paid := slot.Load()
		next := max(paid, now) + r.cost
		if next-now > rateBurst {
			return true
		}
		if slot.CompareAndSwap(paid, next) {
			return false
		}
	}
}

func (r *rateLimiter) network(a netip.Addr) uint64 {
	var b [8]byte
	if a.Is4() {
		binary.BigEndian.PutUint32(b[:], bits4(a)>>(32-rateIPv4))
	} else {
		binary.BigEndian.PutUint64(b[:], bits6(a)[0]>>(64-rateIPv6)|1<<63)
	}
	return siphash.Hash(r.k0, r.k1, b[:])
}

// slips reports whether a reply beyond the limit is one that slips through, cut.
func (r *rateLimiter) slips() bool {
	if r.slip.Add(1)%slipEvery == 0 {
		r.slipped.Add(1)
		return true
	}
	r.dropped.Add(1)
	return false
}

// overLimit is the reply to a query when the client's network has had its share:
// the usual one when a cookie shows who asks, else none, or one that has nothing
// but TC set and a cookie for who wants one, to come back with.
func (r *responder) respondOverLimit(buf []byte, packet []byte, c client) (msg []byte, known bool) {
	q, rcode, ok := parse(packet)
	if !ok {
		return nil, false
	}
	if data, ok := q.edns.option(dnsCookie); ok && rcode == 0 && r.cookies.valid(data, c.addr) {
		return nil, true
	}
	if !r.rateLimiter.slips() {
		return nil, false
	}
	m := response{rcode: rcode}
	if options, ok := r.cookies.cookie(&q, c.addr, nil); ok && rcode == dns.RcodeSuccess {
		m.options = options
	}
	l := r.limits(&q, c)
	msg = m.pack(buf, &q, l)
	msg[2] |= dnswire.FlagTC >> 8
	return msg, false
}
