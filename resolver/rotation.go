package resolver

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
)

// ordering decides in which order a response lists the records of an RRset, so
// that clients that use the first one are spread over all of them.
type ordering struct {
	unshuffled bool         // records stay in the order of the zone
	near       netip.Prefix // addresses in it come first; invalid if none do
	zone       *nearZone    // instances in it come first; nil if none do
	limit      int          // addresses of each type in an answer; 0: all
}

// rotation is a random order of n things that needs no memory on the heap.
//
// A few things are shuffled. Many are visited from a random start in steps of one
// random length: each is equally likely to be first, and the order of the others
// differs from response to response. The cost does not depend on the number of
// things.
type rotation struct {
	n, start, step uint32
	shuffled       bool // order has the places
	order          [maxShuffled]uint8
	places         *[]uint32 // the places if there are more and some go first; else nil
}

const maxShuffled = 32

// rotate makes r, which is zero, an order of n things.
func (o *ordering) rotate(r *rotation, n int) {
	r.n, r.step = uint32(n), 1
	if n < 2 || o.unshuffled {
		return
	}
	random := rand.Uint64()
	if n == 2 {
		r.start = uint32(random & 1)
		return
	}
	if n <= maxShuffled {
		r.shuffled = true
		for i := range n {
			r.order[i] = uint8(i)
		}
		for i := uint32(n - 1); i > 0; i-- {
			random = random*6364136223846793005 + 1442695040888963407
			j := uint32((random >> 32) * uint64(i+1) >> 32)
			r.order[i], r.order[j] = r.order[j], r.order[i]
		}
		return
	}
	r.start = uint32((random >> 32) * uint64(n) >> 32)
	r.step = 1 + uint32(uint64(uint32(random))*uint64(n-1)>>32)
	for gcd(r.step, r.n) != 1 {
		r.step++ // n+1 is among the next ones and is coprime to n
	}
}

// at returns the place of the i-th thing.
func (r *rotation) at(i int) int {
	switch {
	case r.shuffled:
		return int(r.order[i])
	case r.places != nil:
		return int((*r.places)[i])
	}
	return int((uint64(r.start) + uint64(i)*uint64(r.step)) % uint64(r.n))
}

func gcd(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// limited returns how many of so many addresses an answer has.
func (o *ordering) limited(n int) int {
	if o.limit > 0 {
		return min(n, o.limit)
	}
	return n
}

// ipv4 makes r, which is zero, an order of IPv4 addresses of which the first
// count are used.
func (o *ordering) ipv4(r *rotation, addrs [][4]byte, count int) {
	o.rotate(r, len(addrs))
	if len(addrs) > 1 && o.zone != nil {
		r.moveFirst(count, func(i int) bool { return o.zone.hasIPv4(addrs[i]) })
		return
	}
	if len(addrs) < 2 || !o.near.IsValid() || !o.near.Addr().Is4() {
		return
	}
	mask := ^uint32(0) << (32 - o.near.Bits())
	network := bits4(o.near.Addr()) & mask
	r.moveFirst(count, func(i int) bool { return binary.BigEndian.Uint32(addrs[i][:])&mask == network })
}

// ipv6 is the same for IPv6 addresses.
func (o *ordering) ipv6(r *rotation, addrs [][16]byte, count int) {
	o.rotate(r, len(addrs))
	if len(addrs) > 1 && o.zone != nil {
		r.moveFirst(count, func(i int) bool { return o.zone.hasIPv6(addrs[i]) })
		return
	}
	if len(addrs) < 2 || !o.near.IsValid() || o.near.Addr().Is4() {
		return
	}
	r.moveFirst(count, func(i int) bool { return o.near.Contains(netip.AddrFrom16(addrs[i])) })
}

// moveFirst moves the chosen things to the front, and keeps the order within both
// groups. Only the first count places are computed.
func (r *rotation) moveFirst(count int, chosen func(i int) bool) {
	next := rotation{n: r.n, shuffled: r.n <= maxShuffled}
	if !next.shuffled {
		places := make([]uint32, 0, count)
		next.places = &places
	}
	made := 0
	for _, want := range [...]bool{true, false} {
		for i := 0; i < int(r.n) && made < count; i++ {
			at := r.at(i)
			if chosen(at) != want {
				continue
			}
			if next.shuffled {
				next.order[made] = uint8(at)
			} else {
				*next.places = append(*next.places, uint32(at))
			}
			made++
		}
	}
	*r = next
}
