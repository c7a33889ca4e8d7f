package zone

import (
	"maps"
	"reflect"
	"slices"

	"toponym/records"
)

// delta is how a version differs from the one before.
type delta struct {
	previous []origin     // the origins of the version before
	before   nodeTrees    // its nodes, for the targets of their SRV records
	sameIDs  bool         // whether an id has one name in both versions
	nodes    []nodeChange // each with content that differs
	changed  []bool       // by origin: whether the content differs
	whole    []bool       // by origin: whether more differs than nodes tells
	gone     []*Change    // of origins that are no longer there
}

// release forgets what memory of the version before there is, once differences have been taken
// from it. What is left says that they are unknown.
func (d *delta) release() {
	if d == nil {
		return
	}
	d.before, d.nodes = nodeTrees{}, nil
	for i, changed := range d.changed {
		d.whole[i] = d.whole[i] || changed
	}
}

// nodeChange is a node that has changed. A node without records stands for none.
type nodeChange struct{ old, new *Node }

func newDelta(z *Zone) *delta {
	flags := make([]bool, 2*len(z.origins))
	return &delta{previous: z.origins, before: z.nodeTrees, sameIDs: true, changed: flags[:len(z.origins)], whole: flags[len(z.origins):]}
}

// add notes that a node has been replaced in a version; old may be nil. On a nil delta
// it does nothing.
func (d *delta) add(z *Zone, old, new *Node) {
	if d == nil || old != nil && d.sameContent(z, old, new) || old == nil && new.Empty() {
		return
	}
	d.nodes = append(d.nodes, nodeChange{old, new})
	d.changed[new.origin] = true
}

// compareSOA notes how the SOA record of an origin has changed. Another TTL or
// name server changes further records of the zone.
func (d *delta) compareSOA(origin uint16, old, new *soaData) {
	d.changed[origin] = d.changed[origin] || *old != *new
	d.whole[origin] = d.whole[origin] || old.ttl != new.ttl || old.mname != new.mname
}

// markWhole notes that an origin differs in ways that nodes does not tell.
func (d *delta) markWhole(origin uint16) { d.changed[origin], d.whole[origin] = true, true }

// changedOrigins are the origins whose content differs.
func (d *delta) changedOrigins() (indexes []uint16) {
	for i, changed := range d.changed {
		if changed {
			indexes = append(indexes, uint16(i))
		}
	}
	return indexes
}

// sameContent reports whether a node of the version before and one of z, of one name and
// origin, have the same records, where they take the same TTL from the origin.
func (d *delta) sameContent(z *Zone, old, new *Node) bool {
	if d.sameIDs {
		return (old.Data == new.Data || old.Data.Equal(new.Data)) && sameStatic(old, new)
	}
	return sameContent(&d.before, old, &z.nodeTrees, new)
}

// sameContent is the same for nodes of any two versions.
func sameContent(inA *nodeTrees, a *Node, inB *nodeTrees, b *Node) bool {
	return a.Data.EqualFunc(b.Data, func(x, y SRV) bool {
		return x.CompareNumbers(y) == 0 && inA.targetName(x.Target) == inB.targetName(y.Target)
	}) && sameStatic(a, b)
}

// sameStatic reports whether zone files have the same for two nodes, beside addresses
// and SRV records.
func sameStatic(a, b *Node) bool {
	return a.static == b.static || a.static != nil && b.static != nil && reflect.DeepEqual(a.static.sets, b.static.sets)
}

// maxDifferences bounds the names that [Zone.Differences] lists. Of zones that
// differ in more, all records are transferred.
const maxDifferences = 100_000

// Differences lists the names that have other records in z than in another zone,
// made from another record set or with other options. It is not ok where the
// origins are not the same, or where more than 100,000 names differ. It takes time
// proportional to the size of both zones.
func (z *Zone) Differences(other *Zone, yield func()) (names []records.Name, ok bool) {
	if !sameOrigins(z.origins, other.origins) {
		return nil, false
	}
	for i, o := range z.origins {
		if o.soa.ttl != other.origins[i].soa.ttl && !o.static {
			return nil, false
		}
	}
	scanned := 0
	compare := func(from, to *Zone, found bool) bool {
		for n := range from.All() {
			if scanned++; scanned%1024 == 0 {
				yield()
			}
			there := to.Node(n.Name)
			switch {
			case there == nil && !n.Empty(), there != nil && !found && !sameContent(&from.nodeTrees, n, &to.nodeTrees, there):
				names = append(names, n.Name)
			}
			if len(names) > maxDifferences {
				return false
			}
		}
		return true
	}
	ok = compare(z, other, false) && compare(other, z, true)
	return names, ok
}

// Follow makes the next version of z, which was compiled from another record set
// or with other options, as the successor of another zone: each origin keeps the
// serial of that zone unless its content differs. names must have all names whose
// records differ; with all set nobody knows them. As with [Zone.Patch], z must be
// the newest of its versions.
func (z *Zone) Follow(other *Zone, names []records.Name, all bool, serials SerialFunc) *Zone {
	next := z.next()
	next.origins = slices.Clone(z.origins)
	same := sameOrigins(z.origins, other.origins)
	d := next.delta
	d.before, d.sameIDs = other.nodeTrees, false
	d.addGone(next, other)
	d.previous = next.origins
	if same {
		d.previous = other.origins
	}
	for i := range next.origins {
		o := &next.origins[i]
		at := other.originIndex(o.name)
		if at < 0 {
			o.setSerial(0)
			d.markWhole(uint16(i))
			continue
		}
		before := &other.origins[at]
		o.setSerial(before.serial)
		d.compareSOA(uint16(i), &before.soa, &o.soa)
		if all || !same {
			// A zone of a zone file has no records of the cluster.
			if o.static && before.static && sameStaticZone(next, other, o.name) {
				continue
			}
			d.markWhole(uint16(i))
		}
	}
	if same && !all {
		// Each name once: a record must not be in a difference twice.
		names = slices.Compact(slices.Sorted(slices.Values(names)))
		for _, n := range names {
			d.compareNodes(next, other.Node(n), next.Node(n))
		}
	}
	next.builder.delta = nil
	d.addAliases(next)
	next.setSerials(d.changedOrigins(), serials)
	return next
}

// addGone notes the origins of the zone before that are no longer there, with all of
// their records, unless there are too many of them.
func (d *delta) addGone(next, before *Zone) {
	for i := range before.origins {
		o := &before.origins[i]
		if o.serial == 0 || next.originIndex(o.name) >= 0 {
			continue
		}
		c := &Change{Origin: o.name, From: o.soaRecord()}
		for r := range before.RecordsOf(o.name) {
			if c.Removed = append(c.Removed, r); len(c.Removed) > maxDifferences {
				c.Whole, c.Removed = true, nil
				break
			}
		}
		d.gone = append(d.gone, c)
	}
}

// compareNodes notes the difference between the nodes of a name in two zones with
// the same origins.
func (d *delta) compareNodes(z *Zone, old, new *Node) {
	switch {
	case old == nil && new == nil:
	case new == nil:
		empty := *old
		empty.Data, empty.static = &noData, nil
		d.add(z, old, &empty)
	default:
		d.add(z, old, new)
	}
}

// sameStaticZone reports whether zone files give a zone the same records in both.
func sameStaticZone(a, b *Zone, apex records.Name) bool {
	if a.o.Static == b.o.Static {
		return true
	}
	of := func(z *Zone) map[Record]struct{} {
		all := map[Record]struct{}{}
		for r := range z.RecordsOf(apex) {
			all[r] = struct{}{}
		}
		return all
	}
	return maps.Equal(of(a), of(b))
}
