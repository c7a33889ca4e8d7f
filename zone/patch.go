package zone

import (
	"hash/maphash"
	"runtime"

	"toponym/records"
)

// writer is what making the next version of a zone needs beside the zone. It
// belongs to the newest version; only that can be patched.
type writer struct {
	seed    maphash.Seed
	version uint64
	names   []nameState // by number
	free    []uint32    // numbers that no name has
	// What names may share.
	numbered numbered
	refs     refs // of the version that is made
}

// nameState is what the writer knows of a name's number.
type nameState struct {
	name     records.Name
	children uint32 // nodes right below
	refs     uint32 // lists of targets that this is in
}

// newZone is a zone with nothing but its origins, with room for some names.
func newZone(o Options, serial uint32, names int) *Zone {
	w := &writer{seed: maphash.MakeSeed()}
	w.names = make([]nameState, 0, names+names/8)
	z := &Zone{o: o, serial: serial, writer: w, table: newTable(w.seed, cap(w.names))}
	z.origins = originsOf(o)
	z.cuts = cutsOf(z.origins, o.Aliases)
	z.sign()
	for i := range z.origins {
		z.put(w.number(z, z.origins[i].name), z.origins[i].bare)
	}
	// What begins below a name makes that exist (RFC 8020).
	for _, c := range z.cuts {
		if parent, ok := c.name.Parent(); ok {
			if place, ok := z.home(parent); ok {
				z.adopt(c.name, place)
			}
		}
	}
	return z
}

// Compile makes a zone of a record set and of the master files of the options.
// Names of the set outside of the origins, or below an alias, are left out.
//
// Names that are asked for or change together are best near each other in memory.
// Whoever knows such an order gives it; the other names follow in none.
func Compile(s *records.Set, o Options, serial uint32, order ...records.Name) *Zone {
	z := newZone(o, serial, s.Len())
	z.ready = true
	z.writer.numbered.all = map[*records.Data]*targets{}
	i := 0
	set := func(n records.Name, d *records.Data) {
		if !o.Static.Has(n) {
			z.set(n, d)
		}
		// Whoever answers queries on the same core gets its turn.
		if i++; i%256 == 0 {
			runtime.Gosched()
		}
	}
	for _, n := range order {
		set(n, s.Data(n))
	}
	if len(order) < s.Len() {
		for n, d := range s.All() {
			if z.Node(n) == nil || z.Node(n).Empty() {
				set(n, d)
			}
		}
	}
	z.setStatic(s)
	z.writer.numbered.all = nil
	z.writer.count(z)
	return z
}

// setStatic sets the names of master files; s may be nil.
func (z *Zone) setStatic(s *records.Set) {
	if z.o.Static == nil {
		return
	}
	for n := range z.o.Static.names {
		d := &none
		if s != nil {
			d = s.Data(n)
		}
		z.set(n, d)
	}
}

// Patch makes the next version of a zone, of which only the given names differ.
// It costs what their records cost, however large the zone is, and shares the
// rest. The zone itself stays as it is for whoever reads it, but it cannot be
// patched again: its successor can.
func (z *Zone) Patch(s *records.Set, names []records.Name, serial uint32) *Zone {
	next := *z
	next.serial = serial
	next.nodes = z.nodes.next()
	next.writer.version++
	next.sign()
	for _, n := range names {
		next.set(n, s.Data(n))
	}
	next.writer.count(&next)
	return &next
}

// set makes d, with what master files have, the data of a name.
func (z *Zone) set(name records.Name, d *records.Data) {
	place, ok := z.home(name)
	if !ok {
		return
	}
	w := z.writer
	x := z.o.Static.of(name)
	if x != nil {
		d, x = x.join(d, z.dataTTL(d, place))
	}
	id, known := w.known(z, name)
	if x == nil && d.Empty() {
		if known {
			z.clear(id)
		}
		return
	}
	if !known {
		id = w.number(z, name)
	}
	n := z.node(w.names[id].name, d, place)
	n.extra = x
	old := z.nodes.at(id)
	n.targets = w.targets(z, d, old)
	if old != nil {
		n.Apex = old.Apex
		z.counts.add(old, -1)
		w.release(old)
	}
	if n.Apex && x != nil && !z.origins[place].ownNS {
		n.extra = x.lower(func(t uint16) bool { return t == typeNS }, z.origins[place].ttl)
	}
	z.put(id, n)
	z.counts.add(n, 1)
	if old == nil {
		z.adopt(n.Name, place)
	}
}

// adopt makes sure that all names above a new one exist, up to the apex.
func (z *Zone) adopt(name records.Name, place uint16) {
	for {
		above, ok := name.Parent()
		if !ok {
			return
		}
		id := z.writer.number(z, above)
		z.writer.names[id].children++
		if z.nodes.at(id) != nil {
			return
		}
		name = z.writer.names[id].name
		z.put(id, z.node(name, &none, place))
	}
}

// clear takes the data of a name away, and the name where nothing is below it,
// and then those above that exist for its sake only.
func (z *Zone) clear(id uint32) {
	w := z.writer
	n := z.nodes.at(id)
	if n == nil || n.Empty() {
		return
	}
	z.counts.add(n, -1)
	w.release(n)
	if n.Apex || w.names[id].children > 0 {
		bare := z.node(n.Name, &none, n.origin)
		bare.Apex = n.Apex
		z.put(id, bare)
		return
	}
	for {
		z.put(id, nil)
		w.refs.unused = append(w.refs.unused, id)
		name, ok := n.Name.Parent()
		if !ok {
			return
		}
		id, _ = w.known(z, name)
		w.names[id].children--
		n = z.nodes.at(id)
		if n.Apex || !n.Empty() || w.names[id].children > 0 {
			return
		}
	}
}

// put makes n the node of a number, in this version alone.
func (z *Zone) put(id uint32, n *Node) { z.nodes.put(id, n, z.writer.version) }

func (c *Counts) add(n *Node, sign int) {
	if n.Empty() {
		return
	}
	c.Names += sign
	c.A += sign * len(n.A)
	c.AAAA += sign * len(n.AAAA)
	c.SRV += sign * len(n.SRV)
	if len(n.PTR) == 1 {
		c.PTR += sign
	}
}
