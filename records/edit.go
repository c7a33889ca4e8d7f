package records

import "slices"

// edits are what an update does to the data of an entry. The data itself is not
// changed: whoever got it keeps it. What an app of many instances has for a name
// is copied once for an update, however many of them come and go, and not at all
// where another name has the same.
type edits struct {
	entry *entry
	a     edit[[4]byte]
	aaaa  edit[[16]byte]
	srv   edit[SRV]
	ptr   edit[Name]
	ttl   uint32
}

// edit is what comes and goes of a list, sorted as the list is.
type edit[T comparable] struct {
	added, gone []T
}

// edit are the edits of an entry in this update.
func (s *Set) edit(e *entry) *edits {
	if e.edit == 0 {
		if n := len(s.edits); n < cap(s.edits) {
			s.edits = s.edits[:n+1] // with the room that it had for another
		} else {
			s.edits = append(s.edits, edits{})
		}
		ed := &s.edits[len(s.edits)-1]
		ed.entry, ed.ttl = e, e.data.TTL
		e.edit = uint32(len(s.edits))
	}
	return &s.edits[e.edit-1]
}

// records reports whether records come or go.
func (ed *edits) records() bool {
	return ed.a.any() || ed.aaaa.any() || ed.srv.any() || ed.ptr.any()
}

// equal reports whether both do the same.
func (ed *edits) equal(o *edits) bool {
	return ed.ttl == o.ttl && ed.a.equal(o.a) && ed.aaaa.equal(o.aaaa) && ed.srv.equal(o.srv) && ed.ptr.equal(o.ptr)
}

// clear makes the edits ready for another entry.
func (ed *edits) clear() {
	ed.entry = nil
	ed.a.clear()
	ed.aaaa.clear()
	ed.srv.clear()
	ed.ptr.clear()
}

func (e edit[T]) any() bool { return len(e.added)+len(e.gone) > 0 }

func (e edit[T]) equal(o edit[T]) bool {
	return slices.Equal(e.added, o.added) && slices.Equal(e.gone, o.gone)
}

// mostRoom is for how many values a list of an edit keeps its room.
const mostRoom = 256

func (e *edit[T]) clear() {
	for _, list := range [...]*[]T{&e.added, &e.gone} {
		clear(*list)
		if *list = (*list)[:0]; cap(*list) > mostRoom {
			*list = nil
		}
	}
}

// apply gives the list that the edit makes of one, which it may be itself. It
// has no room for more.
func (l list[T]) apply(d *Data, ed *edits) []T {
	values, e := *l.of(d), l.edit(ed)
	n := len(values) + len(e.added) - len(e.gone)
	if !e.any() {
		return values
	}
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	added, gone := e.added, e.gone
	for len(added)+len(gone) > 0 {
		if len(gone) == 0 || len(added) > 0 && l.compare(added[0], gone[0]) < 0 {
			i, _ := l.find(values, added[0])
			out = append(append(out, values[:i]...), added[0])
			values, added = values[i:], added[1:]
		} else {
			i, _ := l.find(values, gone[0])
			out = append(out, values[:i]...)
			values, gone = values[i+1:], gone[1:]
		}
	}
	return append(out, values...)
}

// edited is what an update made of some data. Names of a service that shared
// their data before mostly share what becomes of it.
type edited struct {
	before *Data
	edits  *edits
	data   *Data
}

// lately are the data that this update made last.
type lately struct {
	made [8]edited
	next int
}

// after is the data of an entry after its edits.
func (s *Set) after(ed *edits, made *lately) *Data {
	before := ed.entry.data
	for _, m := range made.made {
		if m.before == before && m.edits.equal(ed) {
			return m.data
		}
	}
	d := s.share(&Data{A: listA.apply(before, ed), AAAA: listAAAA.apply(before, ed),
		SRV: listSRV.apply(before, ed), PTR: listPTR.apply(before, ed), TTL: ed.ttl})
	made.made[made.next%len(made.made)] = edited{before, ed, d}
	made.next++
	return d
}

// mostEdits is of how many names the edits keep their room for the next update.
const mostEdits = 4096

// finish ends an update: what edits make is given out, and names without records
// go.
func (s *Set) finish(first bool) Changes {
	ch := Changes{Omitted: s.omitted}
	order := s.order
	s.omitted, s.order, s.filling, s.scratch = nil, nil, nil, nil
	clear(s.recent[:])
	var made lately
	ch.Names = make([]Name, 0, len(s.edits))
	for i := range s.edits {
		ed := &s.edits[i]
		e := ed.entry
		e.edit = 0
		if before := e.data; ed.records() || ed.ttl != before.TTL {
			e.data = s.after(ed, &made)
			if ed.a.any() || ed.aaaa.any() || ed.srv.any() || !e.data.Equal(before) {
				ch.Names = append(ch.Names, e.name)
			}
		}
		if d := e.data; len(d.A)+len(d.AAAA)+len(d.SRV)+len(d.PTR) == 0 {
			delete(s.names, e.name)
		}
	}
	if first {
		ch.Names = make([]Name, 0, len(s.names))
		for _, e := range order {
			if !e.data.Empty() {
				ch.Names = append(ch.Names, e.name)
			}
		}
	}
	for i := range s.edits {
		s.edits[i].clear()
	}
	if s.edits = s.edits[:0]; cap(s.edits) > mostEdits {
		s.edits = nil
	}
	return ch
}
