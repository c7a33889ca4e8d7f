package records

import (
	"net/netip"

	"toponym/internal/names"
)

// recordWriter receives the records that a generator makes. Buffers that hold
// names are reused after the call.
type recordWriter interface {
	addr(name []byte, a netip.Addr, from addrSource)
	srv(name []byte, target Name, d SRV) // the target has the id of d
	ptr(a netip.Addr, p PTR, from addrSource)
	ttl(name []byte, seconds uint32) // requests a TTL for a name that has records of the same owner
	target(name []byte) numberedName // returns a lasting copy of a name, for SRV and PTR data
	omit(Omission)
}

// numberedName is a name with the id that a writer knows it by. Those that are not about
// the records of a set know none.
type numberedName struct {
	Name
	id names.ID
}

// refInc adds one owner to each record.
type refInc struct{ *Set }

func (w refInc) addr(name []byte, a netip.Addr, _ addrSource) {
	e := w.entryFor(name)
	if a.Is4() {
		recordsA.add(w.Set, e, a.As4())
	} else {
		recordsAAAA.add(w.Set, e, a.As16())
	}
}

func (w refInc) srv(name []byte, _ Name, d SRV) { recordsSRV.add(w.Set, w.entryFor(name), d) }

func (w refInc) ptr(a netip.Addr, p PTR, _ addrSource) {
	recordsPTR.add(w.Set, w.entryFor(names.Bytes(ReverseName(a))), p)
}

func (w refInc) ttl(name []byte, seconds uint32) {
	e := w.entryFor(name)
	w.setTTL(e, w.ttlRequests.add(e.id, seconds))
}

func (w refInc) target(name []byte) numberedName { return w.numbered(name) }

func (w refInc) omit(o Omission) {
	if _, ok := o.Reason.(AgentNetworkError); ok { // one for all tasks of the framework
		if _, reported := w.omittedNetworks[o]; reported || len(w.omittedNetworks) >= maxOmissions {
			return
		}
		w.omittedNetworks[o] = struct{}{}
	}
	if len(w.omitted) < maxOmissions {
		w.omitted = append(w.omitted, o)
	}
}

// refDec removes one owner from each record.
type refDec struct{ *Set }

func (w refDec) addr(name []byte, a netip.Addr, _ addrSource) {
	e := w.entry(name)
	switch {
	case e == nil:
	case a.Is4():
		recordsA.remove(w.Set, e, a.As4())
	default:
		recordsAAAA.remove(w.Set, e, a.As16())
	}
}

func (w refDec) srv(name []byte, _ Name, d SRV) {
	if e := w.entry(name); e != nil {
		recordsSRV.remove(w.Set, e, d)
	}
}

func (w refDec) ptr(a netip.Addr, p PTR, _ addrSource) {
	if e := w.entry(names.Bytes(ReverseName(a))); e != nil {
		recordsPTR.remove(w.Set, e, p)
	}
}

func (w refDec) ttl(name []byte, seconds uint32) {
	if e := w.entry(name); e != nil {
		w.setTTL(e, w.ttlRequests.remove(e.id, seconds))
	}
}

func (w refDec) target(name []byte) numberedName { return w.numbered(name) }
func (w refDec) omit(Omission)                   {}

// discard drops all records. It is the writer of callers that only need names.
type discard struct{}

func (discard) addr([]byte, netip.Addr, addrSource) {}
func (discard) srv([]byte, Name, SRV)               {}
func (discard) ptr(netip.Addr, PTR, addrSource)     {}
func (discard) ttl([]byte, uint32)                  {}
func (discard) target(name []byte) numberedName     { return numberedName{Name: Name(name)} }
func (discard) omit(Omission)                       {}

// entryFor returns the entry of a name, and makes one if necessary.
func (s *Set) entryFor(name []byte) *entry { return s.entryOf(s.names.Intern(name)) }

// entryOf returns the entry of the name with an id, and makes one if necessary.
func (s *Set) entryOf(id names.ID) *entry {
	e := s.entries.Grow(id)
	if e.data == nil {
		*e = entry{data: &noData, id: id}
		s.names.Hold(id)
		s.size++
	}
	return e
}

// entry returns the entry of a name, nil if the set does not have it.
func (s *Set) entry(name []byte) *entry {
	id, ok := s.names.Find(name)
	if !ok || int(id) >= s.entries.Cap() {
		return nil
	}
	if e := s.entries.At(id); e.data != nil {
		return e
	}
	return nil
}

// name returns the name of an entry.
func (s *Set) name(e *entry) Name { return Name(s.names.Name(e.id)) }

// numbered returns a name as the set stores it. Until the end of the update it has this
// id, and as long as records point to it.
func (s *Set) numbered(name []byte) numberedName {
	id := s.names.Intern(name)
	return numberedName{s.targetName(id), id}
}

// targetName is the name of an id.
func (s *Set) targetName(id names.ID) Name { return Name(s.names.Name(id)) }
