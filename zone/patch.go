package zone

import (
	"hash/maphash"
	"runtime"
	"slices"

	"toponym/records"
)

// writer is what making the next version of a zone needs beside the zone. It
// belongs to the newest version; only that can be patched.
type writer struct {
	seed    maphash.Seed
	version uint64
	names   []nameState // by number
	free    []uint32    // numbers that no name has
}

// nameState is what the writer knows of a name's number.
type nameState struct {
	name     records.Name
	children uint32 // nodes right below
	refs     uint32 // nodes whose SRV records point here
}

// Compile makes a zone of a record set. Names of the set outside of the
// origins are left out.
func Compile(s *records.Set, o Options, serial uint32) *Zone {
	w := &writer{seed: maphash.MakeSeed()}
	w.names = make([]nameState, 0, s.Len()+s.Len()/8)
	z := &Zone{o: o, serial: serial, ready: true, writer: w, table: newTable(w.seed, cap(w.names))}
	z.soa = z.negativeSOA()
	for i, origin := range o.Origins {
		z.put(w.number(z, origin), &Node{Name: origin, Data: &none, Apex: true, origin: uint8(i)})
	}
	i := 0
	for n, d := range s.All() {
		z.set(n, d)
		// Whoever answers queries on the same core gets its turn.
		if i++; i%256 == 0 {
			runtime.Gosched()
		}
	}
	return z
}

// Patch makes the next version of a zone, of which only the given names differ.
// It costs what their records cost, however large the zone is, and shares the
// rest. The zone itself stays as it is for whoever reads it, but it cannot be
// patched again: its successor can.
func (z *Zone) Patch(s *records.Set, names []records.Name, serial uint32) *Zone {
	next := *z
	next.serial = serial
	next.pages = slices.Clone(z.pages)
	next.writer.version++
	next.soa = next.negativeSOA()
	for _, n := range names {
		next.set(n, s.Data(n))
	}
	return &next
}

// set makes d the data of a name.
func (z *Zone) set(name records.Name, d *records.Data) {
	origin, ok := z.origin(octets(name))
	if !ok {
		return
	}
	w := z.writer
	id, known := w.known(z, name)
	if d.Empty() {
		if known {
			z.clear(id)
		}
		return
	}
	if !known {
		id = w.number(z, name)
	}
	n := &Node{Name: w.names[id].name, Data: d, origin: uint8(origin)}
	old := z.at(id)
	n.targets = w.targets(z, d.SRV, old)
	if old != nil {
		n.Apex = old.Apex
		z.counts.add(old.Data, -1)
		w.release(z, old)
	}
	z.put(id, n)
	z.counts.add(d, 1)
	if old == nil {
		z.adopt(n)
	}
}

// adopt makes sure that all names above a new node exist.
func (z *Zone) adopt(n *Node) {
	for !n.Apex {
		name, ok := n.Name.Parent()
		if !ok {
			return
		}
		id := z.writer.number(z, name)
		z.writer.names[id].children++
		if z.at(id) != nil {
			return
		}
		n = &Node{Name: z.writer.names[id].name, Data: &none, origin: n.origin}
		z.put(id, n)
	}
}

// clear takes the data of a name away, and the name where nothing is below it,
// and then those above that exist for its sake only.
func (z *Zone) clear(id uint32) {
	w := z.writer
	n := z.at(id)
	if n == nil || n.Empty() {
		return
	}
	z.counts.add(n.Data, -1)
	w.release(z, n)
	if n.Apex || w.names[id].children > 0 {
		z.put(id, &Node{Name: n.Name, Data: &none, Apex: n.Apex, origin: n.origin})
		return
	}
	for {
		z.put(id, nil)
		w.forget(z, id)
		name, ok := n.Name.Parent()
		if !ok {
			return
		}
		id, _ = w.known(z, name)
		w.names[id].children--
		n = z.at(id)
		if n.Apex || !n.Empty() || w.names[id].children > 0 {
			return
		}
	}
}

// put makes n the node of a number, in a page of this version's own.
func (z *Zone) put(id uint32, n *Node) {
	p := int(id / pageSize)
	for p >= len(z.pages) {
		z.pages = append(z.pages, &page{version: z.writer.version})
	}
	if z.pages[p].version != z.writer.version {
		c := *z.pages[p]
		c.version = z.writer.version
		z.pages[p] = &c
	}
	z.pages[p].nodes[id%pageSize] = n
}

func (c *Counts) add(d *records.Data, sign int) {
	if d.Empty() {
		return
	}
	c.Names += sign
	c.A += sign * len(d.A)
	c.AAAA += sign * len(d.AAAA)
	c.SRV += sign * len(d.SRV)
	if len(d.PTR) == 1 {
		c.PTR += sign
	}
}
