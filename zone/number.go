package zone

import "toponym/records"

// known is the number of a name that has one: because it has a node, or
// because SRV records point to it.
func (w *writer) known(z *Zone, name records.Name) (uint32, bool) {
	t := z.table
	hash := t.hash(octets(name))
	mask := uint32(len(t.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := t.slots[i].Load()
		if slot == 0 {
			return 0, false
		}
		if id := uint32(slot) - 1; uint32(slot>>32) == hash && w.names[id].name == name {
			return id, true
		}
	}
}

// number is the number of a name, a new one if it has none.
func (w *writer) number(z *Zone, name records.Name) uint32 {
	if id, ok := w.known(z, name); ok {
		return id
	}
	if z.table.full() {
		w.grow(z)
	}
	var id uint32
	if last := len(w.free) - 1; last >= 0 {
		id, w.free = w.free[last], w.free[:last]
		w.names[id] = nameState{name: name}
	} else {
		id = uint32(len(w.names))
		w.names = append(w.names, nameState{name: name})
	}
	z.table.insert(z.table.hash(octets(name)), id)
	return id
}

// grow gives the zone a table of its own, without the slots of names that have
// gone. Older versions keep theirs.
func (w *writer) grow(z *Zone) {
	t := newTable(w.seed, 2*(len(w.names)-len(w.free)+1))
	for id, n := range w.names {
		if n.name != "" {
			t.insert(t.hash(octets(n.name)), uint32(id))
		}
	}
	z.table = t
}

// forget frees the number of a name that has no node, unless SRV records point
// to it or nodes are below it: those find it by its number.
func (w *writer) forget(z *Zone, id uint32) {
	if n := &w.names[id]; z.nodes.at(id) == nil && n.refs == 0 && n.children == 0 {
		*n = nameState{}
		w.free = append(w.free, id)
	}
}

// targets numbers the targets of SRV records, and counts that they are pointed
// to. Those that the name had before have their numbers already: of a service
// with many instances one comes or goes at a time.
func (w *writer) targets(z *Zone, srvs []records.SRV, before *Node) *targets {
	if len(srvs) == 0 {
		return nil
	}
	had := earlier{node: before}
	t := &targets{ids: make([]uint32, 0, len(srvs))}
	// Most services have one record for each target. A map is needed only
	// where that is not so.
	var places map[uint32]uint32
	for i, s := range srvs {
		id, ok := had.number(s)
		if !ok {
			id = w.number(z, s.Target)
		}
		if places == nil && (w.names[id].refs&mark == 0) {
			w.names[id].refs = (w.names[id].refs + 1) | mark
			t.ids = append(t.ids, id)
			continue
		}
		if places == nil {
			places = make(map[uint32]uint32, len(srvs))
			t.of = make([]uint32, i, len(srvs))
			for place, id := range t.ids {
				places[id], t.of[place] = uint32(place), uint32(place)
			}
		}
		place, ok := places[id]
		if !ok {
			place = uint32(len(t.ids))
			places[id] = place
			w.names[id].refs = (w.names[id].refs + 1) | mark
			t.ids = append(t.ids, id)
		}
		t.of = append(t.of, place)
	}
	for _, id := range t.ids {
		w.names[id].refs &^= mark
	}
	if cap(t.ids) > len(t.ids) {
		t.ids = append(make([]uint32, 0, len(t.ids)), t.ids...)
	}
	return t
}

// earlier finds the numbers of the targets of a node's records, asked for in the
// order of records.
type earlier struct {
	node *Node // nil for none
	next int   // record
}

func (e *earlier) number(s records.SRV) (uint32, bool) {
	if e.node == nil || e.node.targets == nil {
		return 0, false
	}
	for srvs := e.node.Data.SRV; e.next < len(srvs); e.next++ {
		c := srvs[e.next].Compare(s)
		if c > 0 {
			break
		}
		if c == 0 {
			place := uint32(e.next)
			if of := e.node.targets.of; of != nil {
				place = of[e.next]
			}
			return e.node.targets.ids[place], true
		}
	}
	return 0, false
}

// mark is set in refs while the targets of a node are numbered, on those that
// the node has already.
const mark = 1 << 31

// release takes back that a node's SRV records point to their targets.
func (w *writer) release(z *Zone, n *Node) {
	if n.targets == nil {
		return
	}
	for _, id := range n.targets.ids {
		w.names[id].refs--
		w.forget(z, id)
	}
}
