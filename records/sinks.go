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
		e = &entry{name: Name(name), data: s.newData(), own: ^kind(0)}
		s.names[e.name] = e
	}
	*recent = e
	return e
}

// touch notes that an entry's records changed from what they were before.
func (s *Set) touch(e *entry, before *Data) {
	if e.dirty {
		return
	}
	if before == e.data {
		before = &nothing // the entry is new: its data was changed in place
	}
	e.dirty = true
	s.dirty = append(s.dirty, dirty{e, before})
	s.appended++
}

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
	before := e.data
	if a.Is4() && listA.add(e, s.moreA, &s.spare.a, a.As4()) ||
		!a.Is4() && listAAAA.add(e, s.moreAAAA, &s.spare.aaaa, a.As16()) {
		(*Set)(s).touch(e, before)
	}
}

func (s *adding) srv(name []byte, d SRV) {
	e := (*Set)(s).entry(name)
	before := e.data
	if listSRV.add(e, s.moreSRV, &s.spare.srv, d) {
		(*Set)(s).touch(e, before)
	}
}

func (s *adding) ptr(a netip.Addr, target Name) {
	e := (*Set)(s).entry([]byte(ReverseName(a)))
	before := e.data
	if listPTR.add(e, s.morePTR, &s.spare.ptr, target) {
		(*Set)(s).touch(e, before)
	}
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
	e := (*Set)(s).entry(name)
	switch {
	case e.settled:
		(*adding)(s).addr(name, a)
		return
	case a.Is4():
		e.data.A = append(e.data.A, a.As4())
	default:
		e.data.AAAA = append(e.data.AAAA, a.As16())
	}
	(*Set)(s).touch(e, e.data)
}

func (s *appending) srv(name []byte, d SRV) {
	e := (*Set)(s).entry(name)
	if e.settled {
		(*adding)(s).srv(name, d)
		return
	}
	e.data.SRV = append(e.data.SRV, d)
	(*Set)(s).touch(e, e.data)
}

func (s *appending) ptr(a netip.Addr, target Name) {
	e := (*Set)(s).entry([]byte(ReverseName(a)))
	if e.settled {
		(*adding)(s).ptr(a, target)
		return
	}
	e.data.PTR = append(e.data.PTR, target)
	(*Set)(s).touch(e, e.data)
}

func (s *appending) ttl(name []byte, seconds uint32) { (*adding)(s).ttl(name, seconds) }

func (s *appending) target(name []byte) Name { return (*Set)(s).known(name) }
func (s *appending) omit(o Omission)         { s.omitted = append(s.omitted, o) }

// removing is the sink that counts one owner less.
type removing Set

func (s *removing) addr(name []byte, a netip.Addr) {
	e := s.names[Name(name)]
	if e == nil {
		return
	}
	before := e.data
	if a.Is4() && listA.remove(e, s.moreA, &s.spare.a, a.As4()) ||
		!a.Is4() && listAAAA.remove(e, s.moreAAAA, &s.spare.aaaa, a.As16()) {
		(*Set)(s).touch(e, before)
	}
}

func (s *removing) srv(name []byte, d SRV) {
	e := s.names[Name(name)]
	if e == nil {
		return
	}
	before := e.data
	if listSRV.remove(e, s.moreSRV, &s.spare.srv, d) {
		(*Set)(s).touch(e, before)
	}
}

func (s *removing) ptr(a netip.Addr, target Name) {
	e := s.names[ReverseName(a)]
	if e == nil {
		return
	}
	before := e.data
	if listPTR.remove(e, s.morePTR, &s.spare.ptr, target) {
		(*Set)(s).touch(e, before)
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
