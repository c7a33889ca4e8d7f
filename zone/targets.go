package zone

import (
	"slices"

	"toponym/records"
)

// targets are the numbers of the names that a node's SRV records point to.
type targets struct {
	ids []uint32 // each name once, in the order of the records
	of  []uint32 // for each record the place of its target in ids; nil when it is the record's own

	// The writer's.
	nodes   uint32 // that have these targets
	counted bool   // to the refs of other targets, which follow these
}

// refs keeps count of how many lists of targets a name is in, version by
// version. The lists of a large service differ by a few names from one version
// to the next, so what a list has taken over from one that goes is not counted
// again. That shows at the end of a version only.
type refs struct {
	follows  []follows
	released []*targets
	unused   []uint32 // numbers that may be free

	numbering numbering
	places    []uint32 // see following
}

// follows says by what some targets differ from earlier ones.
type follows struct {
	targets, earlier *targets
	added, gone      []uint32
}

// mostAdded is how many targets are looked for one by one among the others.
const mostAdded = 64

// mostKept is for how many names there is room in what one version leaves to the
// next.
const mostKept = 1 << 14

// targets numbers the targets of SRV records, and counts that they are pointed
// to. Those that the name had before have their numbers already: of a service
// with many instances one comes or goes at a time.
//
// Names that share their data share its targets as well.
func (w *writer) targets(z *Zone, d *records.Data, before *Node) *targets {
	if len(d.SRV) == 0 {
		return nil
	}
	if t := w.numbered.find(d); t != nil {
		t.nodes++
		return t
	}
	t := w.following(z, d.SRV, before)
	if t == nil {
		t = w.fresh(z, d.SRV)
	}
	t.nodes = 1
	w.numbered.add(d, t)
	return t
}

// following makes targets out of those that the node had before, unless too many
// are new; then it gives nil.
func (w *writer) following(z *Zone, srvs []records.SRV, before *Node) *targets {
	if before == nil || before.targets == nil {
		return nil
	}
	old, numbers := before.Data.SRV, before.targets.ids
	f := follows{earlier: before.targets}
	// Where what was before is now, plus one.
	places := append(w.refs.places[:0], make([]uint32, len(numbers))...)
	w.refs.places = places
	t := &w.refs.numbering
	t.reset()
	i := 0
	for _, s := range srvs {
		for i < len(old) && old[i] != s && old[i].Compare(s) < 0 {
			i++
		}
		was, id := -1, uint32(0)
		if i < len(old) && old[i] == s {
			was = before.TargetIndex(i)
			id = numbers[was]
			i++
		} else {
			id = w.number(z, s.Target)
			was = slices.Index(numbers, id)
		}
		if was >= 0 {
			if places[was] == 0 {
				places[was] = t.append(id)
			} else {
				t.again(places[was] - 1)
			}
			continue
		}
		if slices.Contains(f.added, id) {
			t.again(uint32(slices.Index(t.ids, id)))
			continue
		}
		if len(f.added) == mostAdded {
			return nil
		}
		f.added = append(f.added, id)
		t.append(id)
	}
	for was, place := range places {
		if place == 0 {
			f.gone = append(f.gone, numbers[was])
		}
	}
	f.targets = t.targets()
	w.refs.follows = append(w.refs.follows, f)
	return f.targets
}

// fresh makes targets and counts them.
func (w *writer) fresh(z *Zone, srvs []records.SRV) *targets {
	t := &w.refs.numbering
	t.reset()
	var places map[uint32]uint32
	for _, s := range srvs {
		id := w.number(z, s.Target)
		if w.names[id].refs&mark == 0 {
			w.names[id].refs = (w.names[id].refs + 1) | mark
			t.append(id)
			continue
		}
		// Most services have one record for each target. A map is needed only
		// where that is not so.
		if places == nil {
			places = make(map[uint32]uint32, len(srvs))
		}
		for place := len(places); place < len(t.ids); place++ {
			places[t.ids[place]] = uint32(place)
		}
		t.again(places[id])
	}
	for _, id := range t.ids {
		w.names[id].refs &^= mark
	}
	return t.targets()
}

// numbering is where targets are put together, in memory that is used again.
type numbering struct {
	ids, of  []uint32
	repeated bool // a target was there again, so that of counts
}

func (n *numbering) reset() { n.ids, n.of, n.repeated = n.ids[:0], n.of[:0], false }

// append adds the target of the next record, which no record before has, and
// gives its place plus one.
func (n *numbering) append(id uint32) uint32 {
	n.of = append(n.of, uint32(len(n.ids)))
	n.ids = append(n.ids, id)
	return uint32(len(n.ids))
}

// again says that the next record has the target at a place.
func (n *numbering) again(place uint32) {
	n.of = append(n.of, place)
	n.repeated = true
}

func (n *numbering) targets() *targets {
	t := &targets{ids: slices.Clone(n.ids)}
	if n.repeated {
		t.of = slices.Clone(n.of)
	}
	return t
}

// mark is set in refs while the targets of a node are numbered, on those that
// the node has already.
const mark = 1 << 31

// release takes back that a node's SRV records point to their targets.
func (w *writer) release(n *Node) {
	t := n.targets
	if t == nil {
		return
	}
	if t.nodes--; t.nodes == 0 {
		w.refs.released = append(w.refs.released, t)
	}
}

// count brings the counts of all names up to date at the end of a version, and
// frees numbers that nothing needs any more.
func (w *writer) count(z *Zone) {
	r := &w.refs
	for i := range r.follows {
		f := &r.follows[i]
		added := f.added
		if f.earlier.nodes > 0 || f.earlier.counted {
			added, f.gone = f.targets.ids, nil // what was before stays, or is counted to others
		}
		f.earlier.counted = f.earlier.counted || f.earlier.nodes == 0
		for _, id := range added {
			w.names[id].refs++
		}
	}
	for _, f := range r.follows {
		w.less(f.gone)
	}
	for _, t := range r.released {
		if !t.counted {
			w.less(t.ids)
		}
	}
	for _, id := range r.unused {
		w.forget(z, id)
	}
	if len(r.unused)+len(r.released) > mostKept {
		*r = refs{} // one large version shall not leave much behind
		return
	}
	clear(r.follows)
	clear(r.released)
	r.follows, r.released, r.unused = r.follows[:0], r.released[:0], r.unused[:0]
}

// less counts one list less for each of some names.
func (w *writer) less(ids []uint32) {
	for _, id := range ids {
		if w.names[id].refs--; w.names[id].refs == 0 {
			w.refs.unused = append(w.refs.unused, id)
		}
	}
}
