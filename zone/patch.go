package zone

import (
	"runtime"
	"slices"

	"toponym/internal/names"
	"toponym/records"
)

// builder is what making the next version of a zone needs beside the zone. All
// versions share it; it describes the newest one, which is why only that one
// can be patched.
type builder struct {
	names    *names.Table // of the record set; each id with a node is held
	branches names.Values[branch]
	version  uint64
	aliases  map[records.Name][]uint16 // indexes in Zone.origins, by target

	// Of the version that is being made.
	delta          *delta     // nil while a zone is compiled
	outsideVersion uint64     // the version if it has its own nodeTrees.outside, else an older one
	loose          []names.ID // that have lost their node, or are targets in zone files
}

// branch is where a name that has a node stands among the others.
type branch struct {
	children uint32   // nodes one label below it
	parent   names.ID // of the name one label above; not set for an apex
}

// newZone is a zone with nothing but its origins.
func newZone(o Options, t *names.Table) *Zone {
	b := &builder{names: t}
	z := &Zone{o: o, builder: b}
	z.origins, z.suffixes = buildZones(o)
	b.aliases = aliasesByTarget(z.origins)
	for i := range z.origins {
		z.origins[i].setSerial(0)
	}
	for i := range z.origins {
		if z.origins[i].alias == "" {
			z.putNode(b.intern(z.origins[i].name), z.origins[i].emptyApex)
		}
	}
	// The names above an origin or an alias exist because of it (RFC 8020).
	for _, c := range z.suffixes {
		if parent, ok := c.name.Parent(); ok {
			if origin, ok := z.originOf(parent); ok {
				z.addAncestors(b.intern(c.name), origin)
			}
		}
	}
	z.index = t.Index()
	return z
}

// Compile makes a zone from a record set and the zone files of the options.
// Names of the set that are out of zone, or below an alias, are left out. The zone
// and its next versions hold ids of names in the set's table as long as the set is in
// use, so a set is compiled once.
//
// The steps:
//
//  1. The origins, with the names above them (newZone).
//  2. The names of the set that no zone file has: each gets a node (setData).
//  3. The names of zone files, merged with the cluster's records (setStatic).
//  4. Nodes of the SRV targets that have none (settleAllTargets).
//
// It yields the processor regularly, as it may run for seconds beside goroutines
// that answer queries.
func Compile(s *records.Set, o Options, serials SerialFunc) (z *Zone) {
	s.UseNames(func(t *names.Table, _ []names.ID) {
		z = newZone(o, t)
		z.ready = true
		i := 0
		for n, d := range s.All() {
			if !o.Static.Has(n) {
				z.setData(n, d)
			}
			if i++; i%256 == 0 {
				runtime.Gosched()
			}
		}
		z.setStatic(s)
		z.settleAllTargets()
		t.Settle()
		z.index = t.Index()
	})
	z.setSerials(z.originsWhere(func(*origin) bool { return true }), serials)
	return z
}

// Patch makes the next version of a zone, with the changes of one update of the set,
// the only one since the version was made. Origins whose content differs get a
// new serial. The cost depends on the records of the changed names only; everything
// else is shared. The old version remains valid for its readers.
//
// Only the newest version may be patched, by one goroutine at a time: a zone
// that has been patched, and one that [Zone.WithOptions] has followed, must not
// be patched again, or the ids of later versions become wrong. The set must be
// the one of the zone.
func (z *Zone) Patch(s *records.Set, c records.Changes, serials SerialFunc) *Zone {
	next := z.next()
	next.delta.nodes = make([]nodeChange, 0, len(c.IDs))
	s.UseNames(func(_ *names.Table, targets []names.ID) {
		for i, id := range c.IDs {
			if i%256 == 255 {
				runtime.Gosched() // as Compile does
			}
			next.setDataOf(id, c.Names[i], s.DataOf(id))
		}
		next.finish(targets, serials)
	})
	return next
}

// WithOptions makes the next version of a zone with other TTLs, SOA data or
// records of zone files, at the cost of the records of zone files: those of the
// cluster are shared. As with [Zone.Patch], z must be the newest version. It
// must be ready, and s must be its set.
//
// It is not ok where the names of the origins, including those of zone files, or
// the aliases differ: then the whole zone has to be compiled. Nothing has changed
// in that case.
func (z *Zone) WithOptions(s *records.Set, o Options, serials SerialFunc) (next *Zone, ok bool) {
	origins, _ := buildZones(o)
	if !sameOrigins(origins, z.origins) || !slices.Equal(o.Aliases, z.o.Aliases) {
		return nil, false
	}
	next = z.next()
	before := z.o.Static
	next.o, next.origins = o, origins
	for i := range origins {
		origins[i].setSerial(z.origins[i].serial)
		next.delta.compareSOA(uint16(i), &z.origins[i].soa, &origins[i].soa)
	}
	s.UseNames(func(_ *names.Table, targets []names.ID) {
		for n := range before.Names() {
			if !o.Static.Has(n) {
				next.setData(n, s.Data(n))
			}
		}
		next.setStatic(s)
		next.finish(targets, serials)
	})
	return next, true
}

// Renumber is a version that was not published, with other serials.
func (z *Zone) Renumber(serials SerialFunc) *Zone {
	next := *z
	next.setSerials(next.originsWhere(func(o *origin) bool { return next.ready || o.static }), serials)
	return &next
}

// sameOrigins reports whether two lists have the same zones, whatever their SOA
// records.
func sameOrigins(a, b []origin) bool {
	return slices.EqualFunc(a, b, func(a, b origin) bool {
		return a.name == b.name && a.static == b.static && a.partial == b.partial && a.alias == b.alias
	})
}

// next is the following version, which does not differ yet.
func (z *Zone) next() *Zone {
	next := *z
	next.nodes = z.nodes.next()
	next.delta = newDelta(z)
	next.builder.delta = next.delta
	next.builder.version++
	return &next
}

// finish completes a version whose names have been set, see settleTargets.
func (z *Zone) finish(targets []names.ID, serials SerialFunc) {
	z.settleTargets(targets)
	z.index = z.builder.names.Index()
	z.builder.delta = nil
	z.delta.addAliases(z)
	z.setSerials(z.delta.changedOrigins(), serials)
}

// setStatic sets the names of zone files. The set s is nil before the first
// state.
func (z *Zone) setStatic(s *records.Set) {
	for n := range z.o.Static.Names() {
		d := &noData
		if s != nil {
			d = s.Data(n)
		}
		z.setData(n, d)
	}
}

// setData sets the data of a name to d, from the set, together with what zone files have
// for it. A name without either goes.
func (z *Zone) setData(name records.Name, d *records.Data) {
	id, ok := z.builder.names.Find(names.Bytes(name))
	if !ok {
		if d.Empty() && !z.o.Static.Has(name) {
			return
		}
		id = z.builder.intern(name)
	}
	z.setDataOf(id, z.builder.name(id), d)
}

// setDataOf is setData for a name as the table has it.
func (z *Zone) setDataOf(id names.ID, name records.Name, d *records.Data) {
	old := z.nodes.get(id)
	var origin uint16
	if old != nil {
		origin = old.origin // which costs less than looking at the name
	} else if of, ok := z.originOf(name); ok {
		origin = of
	} else {
		return
	}
	b := z.builder
	static := z.o.Static.of(name)
	if static != nil {
		d, static = static.merge(b, d, z.origins[origin].dataTTL(d))
	}
	if static == nil && d.Empty() {
		z.removeData(id)
		return
	}
	n := z.node(name, d, origin)
	n.static = static
	if old != nil {
		n.Apex = old.Apex
		z.counts.add(old, -1)
		b.releaseStatic(old)
	}
	if n.Apex && static != nil && !z.origins[origin].static {
		// Our own NS record has the origin's TTL.
		n.static = static.capTTL(func(t uint16) bool { return t == typeNS }, z.origins[origin].soa.ttl)
	}
	z.putNode(id, n)
	b.delta.add(z, old, n)
	z.counts.add(n, 1)
	if old == nil {
		z.addAncestors(id, origin)
	}
}

// addAncestors makes sure that all names above a new one exist, up to the apex.
func (z *Zone) addAncestors(id names.ID, origin uint16) {
	b := z.builder
	for {
		name, ok := b.name(id).Parent()
		if !ok {
			return
		}
		parent := b.intern(name)
		b.branches.Grow(id).parent = parent
		b.branches.Grow(parent).children++
		if z.nodes.get(parent) != nil {
			return
		}
		id = parent
		z.putNode(id, z.node(b.name(id), &noData, origin))
	}
}

// removeData removes the data of a name, then the name where nothing is below
// it, then the names above that existed only because of it.
func (z *Zone) removeData(id names.ID) {
	b := z.builder
	n := z.nodes.get(id)
	if n == nil || n.Empty() {
		return
	}
	z.counts.add(n, -1)
	b.releaseStatic(n)
	empty := z.node(n.Name, &noData, n.origin)
	empty.Apex = n.Apex
	b.delta.add(z, n, empty)
	if n.Apex || b.branches.At(id).children > 0 {
		z.putNode(id, empty)
		return
	}
	for {
		z.putNode(id, nil)
		id = b.branches.At(id).parent
		above := b.branches.At(id)
		above.children--
		n = z.nodes.get(id)
		if n.Apex || !n.Empty() || above.children > 0 {
			return
		}
	}
}

// putNode makes n the node of an id, in this version only.
func (z *Zone) putNode(id names.ID, n *Node) {
	b := z.builder
	switch had := z.nodes.get(id) != nil; {
	case n != nil && !had:
		b.branches.Grow(id)
		b.names.Hold(id)
		if z.outside.get(id) != nil {
			z.putOutside(id, nil)
		}
	case n == nil && had:
		b.names.Release(id)
		b.loose = append(b.loose, id)
	}
	z.nodes.put(id, n, z.builder.version)
}

// intern is the id of a name, a new one if it has none yet.
func (b *builder) intern(name records.Name) names.ID { return b.names.Intern(names.Bytes(name)) }

// name is the name of an id.
func (b *builder) name(id names.ID) records.Name { return records.Name(b.names.Name(id)) }
