package records

import "math/bits"

// minShared is how many data the candidates of a set are at least.
const minShared = 1024

// share gives the data that another name has already where it is the same:
// each task of an agent has the agent's address under one of its names, an app
// the same ports by TCP and UDP, and on either side of its names, and a view
// mostly what the domain has. Data is not changed once it was given out, so
// names can share it.
//
// It looks at one candidate only, which some equal data has replaced or not. The
// names of an app come one after the other, so that mostly finds it.
func (s *Set) share(d *Data) *Data {
	if same := s.shared(d); same != nil {
		return same
	}
	if len(d.PTR) == 0 {
		s.same[d.hash()%uint64(len(s.same))] = d
	}
	return d
}

// shared is the data of another name that is the same, or nil.
func (s *Set) shared(d *Data) *Data {
	if len(d.PTR) > 0 {
		return nil
	}
	if same := s.same[d.hash()%uint64(len(s.same))]; same != nil && same.Equal(d) {
		return same
	}
	return nil
}

// hash mixes a few things in which data differ.
func (d *Data) hash() uint64 {
	h := uint64(len(d.A))<<40 | uint64(len(d.AAAA))<<20 | uint64(len(d.SRV))
	mix := func(v uint64) { h = bits.RotateLeft64((h^v)*0x9e3779b97f4a7c15, 29) }
	if n := len(d.A); n > 0 {
		first, last := d.A[0], d.A[n-1]
		mix(uint64(first[0])<<24 | uint64(first[1])<<16 | uint64(first[2])<<8 | uint64(first[3]))
		mix(uint64(last[0])<<24 | uint64(last[1])<<16 | uint64(last[2])<<8 | uint64(last[3]))
	}
	if n := len(d.AAAA); n > 0 {
		for _, b := range d.AAAA[n-1] {
			mix(uint64(b))
		}
	}
	if n := len(d.SRV); n > 0 {
		first, last := &d.SRV[0], &d.SRV[n-1]
		mix(uint64(first.Port)<<16 | uint64(last.Port))
		for i := range min(len(first.Target), 32) {
			mix(uint64(first.Target[i]))
		}
	}
	return h
}
