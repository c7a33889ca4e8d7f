package resolver

import "math/rand/v2"

// picker gives n things in a random order, without memory of its own on the
// heap.
//
// A few things are shuffled. Many are walked through from a random one in
// random steps of one length: each is as likely the first, and which one
// follows which differs from reply to reply.
type rotation struct {
	n, start, step uint32
	few            bool
	order          [fewThings]uint8
}

const fewThings = 32

// pick makes the order for n things of one reply.
func (r *responder) rotation(n int) (p rotation) {
	p.n, p.step = uint32(n), 1
	if n < 2 || r.keepOrder {
		return p
	}
	random := rand.Uint64()
	if n == 2 {
		p.start = uint32(random & 1)
		return p
	}
	if n <= fewThings {
		p.few = true
		for i := range n {
			p.order[i] = uint8(i)
		}
		for i := uint32(n - 1); i > 0; i-- {
			random = random*6364136223846793005 + 1442695040888963407
			j := uint32((random >> 32) * uint64(i+1) >> 32)
			p.order[i], p.order[j] = p.order[j], p.order[i]
		}
		return p
	}
	p.start = uint32((random >> 32) * uint64(n) >> 32)
	p.step = 1 + uint32(uint64(uint32(random))*uint64(n-1)>>32)
	for gcd(p.step, p.n) != 1 {
		p.step++ // n+1 is among the next ones and is coprime to n
	}
	return p
}

// at is the place of the i-th thing.
func (p *rotation) at(i int) int {
	if p.few {
		return int(p.order[i])
	}
	return int((uint64(p.start) + uint64(i)*uint64(p.step)) % uint64(p.n))
}

func gcd(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
