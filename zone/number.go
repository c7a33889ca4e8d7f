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
	n := &w.names[id]
	if n.refs == 0 && n.children == 0 && n.name != "" && z.nodes.at(id) == nil {
		*n = nameState{}
		w.free = append(w.free, id)
	}
}
