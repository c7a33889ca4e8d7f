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
	names       *names.Table // of the record set
	states      names.Values[nameState]
	version     uint64
	targetLists targetListCache
	aliases     map[records.Name][]uint16 // indexes in Zone.origins, by target
	changes     refChanges                // of the version that is being made
	delta       *delta                    // of the version that is being made; nil while a zone is compiled
}

// nameState is what the builder knows of the name that has an id. It holds the id as
// long as the name has a node, or SRV records point to it.
type nameState struct {
	children uint32 // nodes one label below
	refs     uint32 // target lists that contain the name
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
				z.addAncestors(c.name, origin)
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
//  2. The names of the set that no zone file has: each gets a node, and a list of
//     the ids of its SRV targets (setData).
//  3. The names of zone files, merged with the cluster's records (setStatic).
//  4. The reference counts of SRV targets (applyRefs).
//
// It yields the processor regularly, as it may run for seconds beside goroutines
// that answer queries.
func Compile(s *records.Set, o Options, serials SerialFunc) (z *Zone) {
	s.UseNames(func(t *names.Table) {
		z = newZone(o, t)
		z.ready = true
		z.builder.targetLists.all = map[*records.Data]*targetList{}
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
		z.builder.targetLists.all = nil
		z.builder.applyRefs()
		t.Settle()
		z.index = t.Index()
	})
	z.setSerials(z.originsWhere(func(*origin) bool { return true }), serials)
	return z
}

// Patch makes the next version of a zone, in which the given names have the
// records that the set has for them now. Origins whose content differs get a
// new serial. The cost depends on the records of these names only; everything
// else is shared. The old version remains valid for its readers.
//
// Only the newest version may be patched, by one goroutine at a time: a zone
// that has been patched, and one that [Zone.WithOptions] has followed, must not
// be patched again, or the ids of later versions become wrong. The set must be
// the one of the zone, and changed must contain every name that changed in it
// since.
func (z *Zone) Patch(s *records.Set, changed []records.Name, serials SerialFunc) *Zone {
	next := z.next()
	next.delta.nodes = make([]nodeChange, 0, len(changed))
	s.UseNames(func(*names.Table) {
		for _, n := range changed {
			next.setData(n, s.Data(n))
		}
		next.finish(serials)
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
	s.UseNames(func(*names.Table) {
		for n := range before.Names() {
			if !o.Static.Has(n) {
				next.setData(n, s.Data(n))
			}
		}
		next.setStatic(s)
		next.finish(serials)
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

// finish completes a version whose names have been set.
func (z *Zone) finish(serials SerialFunc) {
	z.builder.applyRefs()
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
	origin, ok := z.originOf(name)
	if !ok {
		return
	}
	b := z.builder
	static := z.o.Static.of(name)
	if static != nil {
		d, static = static.merge(d, z.origins[origin].dataTTL(d))
	}
	if static == nil && d.Empty() {
		if id, ok := b.names.Find(names.Bytes(name)); ok {
			z.removeData(id)
		}
		return
	}
	id := b.intern(name)
	n := z.node(b.name(id), d, origin)
	n.static = static
	old := z.nodes.get(id)
	n.targets = b.targetList(d, old)
	if old != nil {
		n.Apex = old.Apex
		z.counts.add(old, -1)
		b.dropTargets(old)
	}
	if n.Apex && static != nil && !z.origins[origin].static {
		// Our own NS record has the origin's TTL.
		n.static = static.capTTL(func(t uint16) bool { return t == typeNS }, z.origins[origin].soa.ttl)
	}
	z.putNode(id, n)
	b.delta.add(old, n)
	z.counts.add(n, 1)
	if old == nil {
		z.addAncestors(n.Name, origin)
	}
}

// addAncestors makes sure that all names above a new one exist, up to the apex.
func (z *Zone) addAncestors(name records.Name, origin uint16) {
	for {
		parent, ok := name.Parent()
		if !ok {
			return
		}
		id := z.builder.intern(parent)
		z.builder.states.Grow(id).children++
		if z.nodes.get(id) != nil {
			return
		}
		name = z.builder.name(id)
		z.putNode(id, z.node(name, &noData, origin))
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
	b.dropTargets(n)
	empty := z.node(n.Name, &noData, n.origin)
	empty.Apex = n.Apex
	b.delta.add(n, empty)
	if n.Apex || b.states.At(id).children > 0 {
		z.putNode(id, empty)
		return
	}
	for {
		z.putNode(id, nil)
		parent, ok := n.Name.Parent()
		if !ok {
			return
		}
		id, _ = b.names.Find(names.Bytes(parent))
		state := b.states.At(id)
		state.children--
		n = z.nodes.get(id)
		if n.Apex || !n.Empty() || state.children > 0 {
			return
		}
	}
}

// putNode makes n the node of an id, in this version only.
func (z *Zone) putNode(id names.ID, n *Node) {
	switch had := z.nodes.get(id) != nil; {
	case n != nil && !had:
		z.builder.states.Grow(id)
		z.builder.names.Hold(id)
	case n == nil && had:
		z.builder.names.Release(id)
	}
	z.nodes.put(id, n, z.builder.version)
}

// intern is the id of a name, a new one if it has none yet.
func (b *builder) intern(name records.Name) names.ID { return b.names.Intern(names.Bytes(name)) }

// name is the name of an id.
func (b *builder) name(id names.ID) records.Name { return records.Name(b.names.Name(id)) }
