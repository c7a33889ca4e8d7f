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

// rateLimiter limits the responses over UDP to each network of clients (response
// rate limiting), so that the server is of little use for flooding a victim at a
// forged address. Clients that use TCP, or show a cookie of this server, prove
// their address and are not limited.
//
// Networks share a table of a fixed size. Two that meet in it share a limit.
type rateLimiter struct {
	exempt prefixList
	cost   int64 // nanoseconds of its share that a response costs a network
	k0, k1 uint64
	start  time.Time
	slots  [rateSlots]atomic.Int64 // when what was sent will have been paid for
}

// rateLimitCounts count the responses above the limit.
type rateLimitCounts struct {
	slip             atomic.Uint32
	dropped, slipped atomic.Uint64
}

const (
	rateSlots = 1 << 14
	rateBurst = int64(time.Second) // what may be sent at once, in time

	// Networks that count as one client, in bits.
	rateIPv4 = 24
	rateIPv6 = 56

	// slipEvery is of how many responses above the limit one is sent after all,
	// truncated and without records: a real client then asks over TCP.
	slipEvery = 2
)

// newRateLimiter returns nil when there is no limit.
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

// exceeded counts a response to a client, and reports whether it is above the
// limit.
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

// slips reports whether a response above the limit is one of those that are sent
// truncated.
func (r *rateLimitCounts) slips() bool {
	if r.slip.Add(1)%slipEvery == 0 {
		r.slipped.Add(1)
		return true
	}
	r.dropped.Add(1)
	return false
}

// respondOverLimit decides on a query that is above the limit. It is allowed if a
// cookie proves the client's address. Else there is no response, or one that is
// truncated, with a cookie for a client that wants one.
func (r *responder) respondOverLimit(buf []byte, q *query, rcode uint16, c client) (msg []byte, allowed bool) {
	if cookie, ok := q.edns.option(dns.EDNS0COOKIE); ok && rcode == 0 && r.cookies.valid(cookie, c.addr) {
		return nil, true
	}
	if !r.limited.slips() {
		return nil, false
	}
	var options []byte
	if rcode == dns.RcodeSuccess {
		options, _ = r.cookies.appendCookie(nil, q, c.addr)
	}
	w := writer{buf: buf}
	w.begin(q, bufferSize)
	return w.finish(q, r.flags(q, c)|dnswire.FlagTC, rcode, c.policy.maxUDPSize, options), false
}
