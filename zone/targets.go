package zone

import (
	"slices"

	"toponym/internal/names"
	"toponym/records"
)

// targetList holds the ids of the names that the SRV records of a node point
// to. Nodes with the same records share one list.
//
// Each name counts the lists that contain it (nameState.refs), so that its id is
// held as long as a list has it. The counts are brought up to date once per
// version, by the differences between the lists that went and those that came:
// of a service with thousands of instances, one change touches a few.
type targetList struct {
	ids   []names.ID // each target once, in the order of the records
	index []uint32   // for each record the index of its target in ids; nil where it is the record's own index

	nodeCount   uint32 // nodes that have this list
	transferred bool   // its references now count for the list derived from it
}

// refChanges collects how the references to names change in one version.
type refChanges struct {
	derived  []derivation
	released []*targetList // lists whose last node went

	// Memory that deriveTargets and newTargets use again.
	list      targetListBuilder
	positions []uint32
}

// derivation says how a list differs from the previous one of its node.
type derivation struct {
	list, previous *targetList
	added, removed []names.ID
}

// maxAdded is the largest number of new targets that are searched linearly.
const maxAdded = 64

// maxRetained is how many changes of one version may keep their memory for the
// next.
const maxRetained = 1 << 14

// seen is set in nameState.refs of the targets that a new list already has,
// while the list is built.
const seen = 1 << 31

// targetList is the list for the SRV records of d; nil where there are none. It
// is shared with another name that has the same data, or derived from the list
// of the node before, or built from scratch.
func (b *builder) targetList(d *records.Data, before *Node) *targetList {
	if len(d.SRV) == 0 {
		return nil
	}
	if t := b.targetLists.find(d); t != nil {
		t.nodeCount++
		return t
	}
	t := b.deriveTargets(d.SRV, before)
	if t == nil {
		t = b.newTargets(d.SRV)
	}
	t.nodeCount = 1
	b.targetLists.add(d, t)
	return t
}

// deriveTargets builds a list from the one that the node had before, whose ids
// are known already. It returns nil if too many targets are new.
//
// Both lists of records are sorted, so that one pass over them finds the records
// that stayed.
func (b *builder) deriveTargets(srvs []records.SRV, before *Node) *targetList {
	if before == nil || before.targets == nil {
		return nil
	}
	old, oldIDs := before.Data.SRV, before.targets.ids
	f := derivation{previous: before.targets}
	// For each target of the old list, its index in the new one plus one.
	positions := append(b.changes.positions[:0], make([]uint32, len(oldIDs))...)
	b.changes.positions = positions
	list := &b.changes.list
	list.reset()
	i := 0
	for _, s := range srvs {
		for i < len(old) && old[i] != s && old[i].Compare(s) < 0 {
			i++
		}
		was, id := -1, names.ID(0)
		if i < len(old) && old[i] == s {
			was = before.TargetIndex(i)
			id = oldIDs[was]
			i++
		} else {
			id = b.intern(s.Target)
			was = slices.Index(oldIDs, id)
		}
		if was >= 0 {
			if positions[was] == 0 {
				positions[was] = list.add(id)
			} else {
				list.repeat(positions[was] - 1)
			}
			continue
		}
		if slices.Contains(f.added, id) {
			list.repeat(uint32(slices.Index(list.ids, id)))
			continue
		}
		if len(f.added) == maxAdded {
			return nil
		}
		f.added = append(f.added, id)
		list.add(id)
	}
	for was, position := range positions {
		if position == 0 {
			f.removed = append(f.removed, oldIDs[was])
		}
	}
	f.list = list.build()
	b.changes.derived = append(b.changes.derived, f)
	return f.list
}

// newTargets builds a list from nothing and counts its references.
func (b *builder) newTargets(srvs []records.SRV) *targetList {
	list := &b.changes.list
	list.reset()
	var positions map[names.ID]uint32 // of targets in the list
	for _, s := range srvs {
		id := b.intern(s.Target)
		if state := b.states.Grow(id); state.refs&seen == 0 {
			b.addRef(id)
			state.refs |= seen
			list.add(id)
			continue
		}
		// Most services have one record per target and need no map.
		if positions == nil {
			positions = make(map[names.ID]uint32, len(srvs))
		}
		for p := len(positions); p < len(list.ids); p++ {
			positions[list.ids[p]] = uint32(p)
		}
		list.repeat(positions[id])
	}
	for _, id := range list.ids {
		b.states.At(id).refs &^= seen
	}
	return list.build()
}

// dropTargets takes a node's claim on its list back.
func (b *builder) dropTargets(n *Node) {
	t := n.targets
	if t == nil {
		return
	}
	if t.nodeCount--; t.nodeCount == 0 {
		b.changes.released = append(b.changes.released, t)
	}
}

// applyRefs brings the reference counts up to date at the end of a version.
func (b *builder) applyRefs() {
	c := &b.changes
	for i := range c.derived {
		f := &c.derived[i]
		added := f.added
		if f.previous.nodeCount > 0 || f.previous.transferred {
			// The previous list keeps its references, or another list took
			// them over: this one counts all of its own.
			added, f.removed = f.list.ids, nil
		}
		f.previous.transferred = f.previous.transferred || f.previous.nodeCount == 0
		for _, id := range added {
			b.addRef(id)
		}
	}
	for _, f := range c.derived {
		b.decRefs(f.removed)
	}
	for _, t := range c.released {
		if !t.transferred {
			b.decRefs(t.ids)
		}
	}
	if len(c.derived)+len(c.released) > maxRetained {
		*c = refChanges{} // a large version does not keep its memory
		return
	}
	clear(c.derived)
	clear(c.released)
	c.derived, c.released = c.derived[:0], c.released[:0]
}

// addRef counts one list more for a name.
func (b *builder) addRef(id names.ID) {
	state := b.states.Grow(id)
	if state.refs == 0 {
		b.names.Hold(id)
	}
	state.refs++
}

// decRefs counts one list less for each name.
func (b *builder) decRefs(ids []names.ID) {
	for _, id := range ids {
		state := b.states.At(id)
		if state.refs--; state.refs == 0 {
			b.names.Release(id)
		}
	}
}

// targetListBuilder is a list under construction, in memory that is used again.
type targetListBuilder struct {
	ids      []names.ID
	index    []uint32
	repeated bool // two records have one target, so the index is needed
}

func (l *targetListBuilder) reset() { l.ids, l.index, l.repeated = l.ids[:0], l.index[:0], false }

// add appends a record with a target that no record before had. It gives the
// index of the target plus one.
func (l *targetListBuilder) add(id names.ID) uint32 {
	l.index = append(l.index, uint32(len(l.ids)))
	l.ids = append(l.ids, id)
	return uint32(len(l.ids))
}

// repeat appends a record whose target is in the list already.
func (l *targetListBuilder) repeat(index uint32) {
	l.index = append(l.index, index)
	l.repeated = true
}

func (l *targetListBuilder) build() *targetList {
	t := &targetList{ids: slices.Clone(l.ids)}
	if l.repeated {
		t.index = slices.Clone(l.index)
	}
	return t
}

// targetListCache finds the list of data that another name has as well: a
// service has the same records for TCP and UDP, and mostly also in the address
// trees. While a zone is compiled it knows all data. Between versions a few
// entries are enough, because the names of an app change one after the other.
type targetListCache struct {
	all    map[*records.Data]*targetList // nil except while a zone is compiled
	recent [16]struct {
		data *records.Data
		list *targetList
	}
	next int // index in recent, modulo its length
}

// find is the list of data, or nil.
func (c *targetListCache) find(d *records.Data) *targetList {
	if c.all != nil {
		return c.all[d]
	}
	for i := range c.recent {
		// The ids of a list without a node may belong to other names by now.
		if e := &c.recent[i]; e.data == d && e.list.nodeCount > 0 {
			return e.list
		}
	}
	return nil
}

func (c *targetListCache) add(d *records.Data, t *targetList) {
	if c.all != nil {
		c.all[d] = t
		return
	}
	e := &c.recent[c.next%len(c.recent)]
	e.data, e.list = d, t
	c.next++
}
