package records

import (
	"hash/maphash"
	"net/netip"
)

// entry finds or makes the entry of a name that stands in a buffer.
func (s *Set) entry(name []byte) *entry {
	recent := &s.recent[maphash.Bytes(s.seed, name)%uint64(len(s.recent))]
	if *recent != nil && (*recent).name == Name(name) {
		return *recent
	}
	e := s.names[Name(name)]
	if e == nil {
		e = &entry{name: Name(name), data: &nothing}
		s.names[e.name] = e
		if s.order != nil {
			s.order = append(s.order, e)
		}
	}
	*recent = e
	return e
}

// nothing is the data of names that are new.
var nothing Data

// known is the name as the set keeps it, so that it is kept once.
func (s *Set) known(name []byte) Name {
	if e := s.names[Name(name)]; e != nil {
		return e.name
	}
	return Name(name)
}

// adding is the sink that counts one more owner of each record.
type adding Set

func (s *adding) addr(name []byte, a netip.Addr) {
	e := (*Set)(s).entry(name)
	if a.Is4() {
		listA.add((*Set)(s), e, s.moreA, a.As4())
	} else {
		listAAAA.add((*Set)(s), e, s.moreAAAA, a.As16())
	}
}

func (s *adding) srv(name []byte, d SRV) {
	listSRV.add((*Set)(s), (*Set)(s).entry(name), s.moreSRV, d)
}

func (s *adding) ptr(a netip.Addr, target Name) {
	listPTR.add((*Set)(s), (*Set)(s).entry([]byte(ReverseName(a))), s.morePTR, target)
}

func (s *adding) ttl(name []byte, seconds uint32) {
	e := (*Set)(s).entry(name)
	(*Set)(s).setTTL(e, (*Set)(s).wish(e.name, seconds))
}

func (s *adding) target(name []byte) Name { return (*Set)(s).known(name) }
func (s *adding) omit(o Omission)         { s.omitted = append(s.omitted, o) }

// appending is the sink that fills an empty set. The lists are in no order
// until they are settled; after that, it is as adding.
type appending Set

func (s *appending) addr(name []byte, a netip.Addr) {
	switch e := (*Set)(s).entry(name); {
	case !(*Set)(s).fill(e):
		(*adding)(s).addr(name, a)
	case a.Is4():
		e.data.A = append(e.data.A, a.As4())
	default:
		e.data.AAAA = append(e.data.AAAA, a.As16())
	}
}

func (s *appending) srv(name []byte, d SRV) {
	if e := (*Set)(s).entry(name); (*Set)(s).fill(e) {
		e.data.SRV = append(e.data.SRV, d)
	} else {
		(*adding)(s).srv(name, d)
	}
}

func (s *appending) ptr(a netip.Addr, target Name) {
	if e := (*Set)(s).entry([]byte(ReverseName(a))); (*Set)(s).fill(e) {
		e.data.PTR = append(e.data.PTR, target)
	} else {
		(*adding)(s).ptr(a, target)
	}
}

func (s *appending) ttl(name []byte, seconds uint32) { (*adding)(s).ttl(name, seconds) }

func (s *appending) target(name []byte) Name { return (*Set)(s).known(name) }
func (s *appending) omit(o Omission)         { s.omitted = append(s.omitted, o) }

// removing is the sink that counts one owner less.
type removing Set

func (s *removing) addr(name []byte, a netip.Addr) {
	e := s.names[Name(name)]
	switch {
	case e == nil:
	case a.Is4():
		listA.remove((*Set)(s), e, s.moreA, a.As4())
	default:
		listAAAA.remove((*Set)(s), e, s.moreAAAA, a.As16())
	}
}

func (s *removing) srv(name []byte, d SRV) {
	if e := s.names[Name(name)]; e != nil {
		listSRV.remove((*Set)(s), e, s.moreSRV, d)
	}
}

func (s *removing) ptr(a netip.Addr, target Name) {
	if e := s.names[ReverseName(a)]; e != nil {
		listPTR.remove((*Set)(s), e, s.morePTR, target)
	}
}

func (s *removing) ttl(name []byte, seconds uint32) {
	if e := s.names[Name(name)]; e != nil {
		(*Set)(s).setTTL(e, (*Set)(s).unwish(e.name, seconds))
	}
}

func (s *removing) target(name []byte) Name { return (*Set)(s).known(name) }
func (s *removing) omit(Omission)           {}

// quiet is the sink of those who only want to know names.
type quiet struct{}

func (quiet) addr([]byte, netip.Addr) {}
func (quiet) srv([]byte, SRV)         {}
func (quiet) ptr(netip.Addr, Name)    {}
func (quiet) ttl([]byte, uint32)      {}
func (quiet) target(name []byte) Name { return Name(name) }
func (quiet) omit(Omission)           {}
