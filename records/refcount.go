package records

import (
	"bytes"
	"math/bits"
	"slices"

	"toponym/internal/names"
)

// Records have owners: the tasks, frameworks, agents and masters that imply
// them. An update runs in three steps:
//
//  1. Editors collect, in any order, which records gain or lose an owner: edits. The data
//     of a name does not change meanwhile.
//  2. settle sorts the edits by name and takes those of a record together. Where a record
//     gets its first owner or loses its last one, it makes new data of the name.
//     Holders of the old data keep it.
//  3. finish counts the owners of published records beside the first, drops names without
//     records and reports the names that changed.
//
// With many edits, several goroutines make them and settle them, see spread.go.

// noData is the data of names that the set does not have.
var noData Data

// extraOwners counts the owners of a record beside the first. Most records have
// only one owner, so the map is small.
type extraOwners[T comparable] map[ownedRecord[T]]uint32

type ownedRecord[T comparable] struct {
	name  names.ID
	value T
}

// extraCount is a new number of extra owners.
type extraCount[T comparable] struct {
	ownedRecord[T]
	count uint32
}

// edit is a change of how many owners a record has. In the result of settle it is a record
// that comes, with 1 more owner, or goes, with 1 less.
type edit[T comparable] struct {
	id     names.ID // of the name
	owners int32    // how many more there are; less than 0: how many fewer
	at     int32    // once settled: where the record is in the data of before, or would be
	value  T
}

// edits are what an update changes. A name may have any number of them.
type edits struct {
	a    []edit[[4]byte]
	aaaa []edit[[16]byte]
	srv  []edit[SRV]
	ptr  []edit[PTR]
	ttls []edit[uint32] // requests of TTLs
}

// recordType says where the records of one type are kept, and how they are
// ordered.
type recordType[T comparable] struct {
	records  func(*Data) *[]T
	edits    func(*edits) *[]edit[T]
	extra    func(*Set) extraOwners[T]
	recount  func(*settler) *[]extraCount[T]
	repeated func(*batch) *[]ownedRecord[T]
	compare  func(a, b T, name nameFunc) int
}

// nameFunc gives the name of an id that SRV data has.
type nameFunc = func(names.ID) Name

var (
	recordsA = recordType[[4]byte]{
		records:  func(d *Data) *[][4]byte { return &d.A },
		edits:    func(e *edits) *[]edit[[4]byte] { return &e.a },
		extra:    func(s *Set) extraOwners[[4]byte] { return s.extraA },
		recount:  func(w *settler) *[]extraCount[[4]byte] { return &w.recountA },
		repeated: func(b *batch) *[]ownedRecord[[4]byte] { return &b.repeatedA },
		compare:  func(a, b [4]byte, _ nameFunc) int { return bytes.Compare(a[:], b[:]) },
	}
	recordsAAAA = recordType[[16]byte]{
		records:  func(d *Data) *[][16]byte { return &d.AAAA },
		edits:    func(e *edits) *[]edit[[16]byte] { return &e.aaaa },
		extra:    func(s *Set) extraOwners[[16]byte] { return s.extraAAAA },
		recount:  func(w *settler) *[]extraCount[[16]byte] { return &w.recountAAAA },
		repeated: func(b *batch) *[]ownedRecord[[16]byte] { return &b.repeatedAAAA },
		compare:  func(a, b [16]byte, _ nameFunc) int { return bytes.Compare(a[:], b[:]) },
	}
	recordsSRV = recordType[SRV]{
		records:  func(d *Data) *[]SRV { return &d.SRV },
		edits:    func(e *edits) *[]edit[SRV] { return &e.srv },
		extra:    func(s *Set) extraOwners[SRV] { return s.extraSRV },
		recount:  func(w *settler) *[]extraCount[SRV] { return &w.recountSRV },
		repeated: func(b *batch) *[]ownedRecord[SRV] { return &b.repeatedSRV },
		compare:  SRV.Compare,
	}
	recordsPTR = recordType[PTR]{
		records:  func(d *Data) *[]PTR { return &d.PTR },
		edits:    func(e *edits) *[]edit[PTR] { return &e.ptr },
		extra:    func(s *Set) extraOwners[PTR] { return s.extraPTR },
		recount:  func(w *settler) *[]extraCount[PTR] { return &w.recountPTR },
		repeated: func(b *batch) *[]ownedRecord[PTR] { return &b.repeatedPTR },
		compare:  func(a, b PTR, _ nameFunc) int { return a.Compare(b) },
	}
)

// settle sorts the edits of a name, whose data is d, and takes those of each record
// together. Those are left, in the same memory, whose records come or go. It notes which
// records have another number of owners beside the first.
func (r recordType[T]) settle(w *settler, d *Data, c *nameEdits) {
	s, list := w.set, r.edits(&c.edits)
	if len(*list) == 0 {
		return
	}
	net := r.net(*list, s.nameOf)
	shared := len(net) > 0 && s.shared.has(net[0].id)
	if !shared {
		// Another name with the same data may have had the same edits.
		for i := range w.recent {
			if known := &w.recent[i]; known.before == d && sameEdits(*r.edits(&known.edits.edits), net) {
				*list = *r.edits(&known.edits.edits)
				return
			}
		}
	}
	values, from := *r.records(d), 0
	*list = net[:0]
	for _, e := range net {
		at, published := r.find(values[from:], e.value, s.nameOf)
		from += at
		var extra int32
		if shared {
			extra = int32(r.extra(s)[ownedRecord[T]{e.id, e.value}])
		}
		before := extra
		if published {
			before++
		}
		after := max(before+e.owners, 0)
		if left := max(after-1, 0); left != extra {
			recount := r.recount(w)
			*recount = append(*recount, extraCount[T]{ownedRecord[T]{e.id, e.value}, uint32(left)})
		}
		switch {
		case after > 0 && !published:
			*list = append(*list, edit[T]{e.id, 1, int32(from), e.value})
		case after == 0 && published:
			*list = append(*list, edit[T]{e.id, -1, int32(from), e.value})
		}
	}
}

// net sorts the edits of a name, and takes those of each record together.
func (r recordType[T]) net(list []edit[T], name nameFunc) []edit[T] {
	if len(list) > 1 {
		slices.SortFunc(list, func(a, b edit[T]) int { return r.compare(a.value, b.value, name) })
	}
	net := list[:0]
	for len(list) > 0 {
		e := list[0]
		for list = list[1:]; len(list) > 0 && list[0].value == e.value; list = list[1:] {
			e.owners += list[0].owners
		}
		if e.owners != 0 {
			net = append(net, e)
		}
	}
	return net
}

func (r recordType[T]) find(sorted []T, v T, name nameFunc) (index int, found bool) {
	return slices.BinarySearchFunc(sorted, v, func(a, b T) int { return r.compare(a, b, name) })
}

// applyCounts counts owners as settle has noted it.
func (r recordType[T]) applyCounts(s *Set, w *settler) {
	extra, list := r.extra(s), r.recount(w)
	for _, c := range *list {
		if c.count == 0 {
			delete(extra, c.ownedRecord)
		} else {
			extra[c.ownedRecord] = c.count
			s.shared.add(c.name)
		}
	}
	*list = emptied(*list)
}

// sortAndCount sorts records that a batch has in any order, and counts duplicates
// as repeated.
func (r recordType[T]) sortAndCount(b *batch, id names.ID, d *Data, name nameFunc) {
	values := r.records(d)
	if len(*values) < 2 {
		return
	}
	slices.SortFunc(*values, func(a, b T) int { return r.compare(a, b, name) })
	unique := (*values)[:1]
	for _, v := range (*values)[1:] {
		if v == unique[len(unique)-1] {
			*r.repeated(b) = append(*r.repeated(b), ownedRecord[T]{id, v})
		} else {
			unique = append(unique, v)
		}
	}
	*values = unique
}

// addAll adds one owner to each record of d.
func (r recordType[T]) addAll(w *editor, id names.ID, d *Data) {
	list := r.edits(&w.edits)
	for _, v := range *r.records(d) {
		*list = append(*list, edit[T]{id: id, owners: 1, value: v})
	}
}

// countRepeated counts the repeated records of a batch as extra owners.
func (r recordType[T]) countRepeated(s *Set, b *batch) {
	for _, o := range *r.repeated(b) {
		id := b.names[o.name].id
		r.extra(s)[ownedRecord[T]{id, o.value}]++
		s.shared.add(id)
	}
}

// apply returns the records of d after settled edits, without spare capacity. The
// result is the list of d itself if there are none.
func (r recordType[T]) apply(d *Data, settled []edit[T]) []T {
	values := *r.records(d)
	n := len(values) + more(settled)
	switch {
	case len(settled) == 0:
		return values
	case n == 0:
		return nil
	}
	out, from := make([]T, 0, n), 0
	for i := range settled {
		e := &settled[i]
		out = append(out, values[from:e.at]...)
		if from = int(e.at); e.owners > 0 {
			out = append(out, e.value)
		} else {
			from++
		}
	}
	return append(out, values[from:]...)
}

// idSet is a set of ids.
type idSet []uint64

func (s idSet) has(id names.ID) bool {
	return int(id/64) < len(s) && s[id/64]&(1<<(id%64)) != 0
}

func (s *idSet) add(id names.ID) {
	for int(id/64) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[id/64] |= 1 << (id % 64)
}

func (s idSet) remove(id names.ID) {
	if int(id/64) < len(s) {
		s[id/64] &^= 1 << (id % 64)
	}
}

// maxKeptEdits is how many edits of a type memory is kept for from one update to the next.
const maxKeptEdits = 1 << 13

// emptied returns a list without its values, to use again.
func emptied[T any](list []T) []T {
	if cap(list) > maxKeptEdits {
		return nil
	}
	clear(list)
	return list[:0]
}

func (e *edits) reset() {
	*e = edits{a: emptied(e.a), aaaa: emptied(e.aaaa), srv: emptied(e.srv), ptr: emptied(e.ptr), ttls: emptied(e.ttls)}
}

// finish ends an update: it settles the edits, drops names without records and
// returns what changed. After the first update the names are listed in the order
// in which they came, those of one app next to each other.
func (s *Set) finish(first bool) Changes {
	result := Changes{Omitted: s.omitted.take(), Merged: s.takeMerged()}
	settlers := s.settleEdits()
	changed := 0
	for _, w := range settlers {
		changed += len(w.changed)
	}
	result.Names, result.IDs = make([]Name, 0, changed), make([]names.ID, 0, changed)
	for _, w := range settlers {
		s.takeOver(w, &result)
		w.reset()
	}
	s.editor.edits.reset()
	if first {
		s.sweep() // forgets which names are new
		result.Names, result.IDs = make([]Name, 0, s.size), make([]names.ID, 0, s.size)
		for id, d := range s.allData {
			if !d.Empty() {
				result.Names, result.IDs = append(result.Names, s.targetName(id)), append(result.IDs, id)
			}
		}
	}
	s.pending = s.pending || s.followed && len(result.Names) > 0
	return result
}

// takeOver gives names the data that a settler has made, and lists those that have changed.
func (s *Set) takeOver(w *settler, result *Changes) {
	for i, d := range w.results {
		yieldCPU(i)
		w.results[i] = s.intern(d)
	}
	for i := range w.changed {
		yieldCPU(i)
		c := &w.changed[i]
		d := s.data.Grow(c.id)
		if c.visible {
			result.Names, result.IDs = append(result.Names, s.targetName(c.id)), append(result.IDs, c.id)
		}
		had := *d != nil
		switch {
		case c.result != noResult:
			if *d = w.results[c.result]; !had {
				s.names.Hold(c.id)
				s.size++
			}
		case had:
			*d = nil
			s.names.Release(c.id)
			s.shared.remove(c.id)
			s.size--
		}
		for j := range c.srv {
			if e := &c.srv[j]; e.owners > 0 {
				s.holdTarget(e.value.Target)
			} else {
				s.names.Release(e.value.Target)
			}
		}
	}
	recordsA.applyCounts(s, w)
	recordsAAAA.applyCounts(s, w)
	recordsSRV.applyCounts(s, w)
	recordsPTR.applyCounts(s, w)
}

// minInterned is the minimum number of data that an internTable looks at.
const minInterned = 1024

// internTable finds the data of another name that is equal, by hash. Many
// names have equal data: each task of an agent has the agent's address under one
// of its names, an app has the same ports by TCP and by UDP, and the address
// trees mostly repeat the domain. Published data is immutable, so sharing it is
// safe.
//
// It has one candidate for each hash, which other data may have replaced. Since
// the names of an app come one after the other, that finds most of them.
type internTable []*Data

// find returns data that is equal to d, or nil.
func (t internTable) find(d *Data) *Data {
	if len(d.PTR) > 0 {
		return nil
	}
	if candidate := t[d.hash()%uint64(len(t))]; candidate != nil && (candidate == d || candidate.Equal(d)) {
		return candidate
	}
	return nil
}

// add makes d be found, and returns it.
func (t internTable) add(d *Data) *Data {
	if len(d.PTR) == 0 {
		t[d.hash()%uint64(len(t))] = d
	}
	return d
}

// intern returns the data of another name if it is equal to d, else d.
func (s *Set) intern(d *Data) *Data {
	if equal := s.internTable.find(d); equal != nil {
		return equal
	}
	return s.internTable.add(d)
}

// hash mixes a few fields in which data mostly differ.
func (d *Data) hash() uint64 {
	h := uint64(len(d.A))<<40 | uint64(len(d.AAAA))<<20 | uint64(len(d.SRV))
	mix := func(v uint64) { h = bits.RotateLeft64((h^v)*0x9e3779b97f4a7c15, 29) }
	if n := len(d.A); n > 0 {
		first, last := d.A[0], d.A[n-1]
		mix(uint64(first[0])<<24 | uint64(first[1])<<16 | uint64(first[2])<<8 | uint64(first[3]))
		mix(uint64(last[0])<<24 | uint64(last[1])<<16 | uint64(last[2])<<8 | uint64(last[3]))
	}
	if n := len(d.AAAA); n > 0 {
		for _, b := range d.AAAA[n-1] {
			mix(uint64(b))
		}
	}
	if n := len(d.SRV); n > 0 {
		first, last := &d.SRV[0], &d.SRV[n-1]
		mix(uint64(first.Port)<<16 | uint64(last.Port))
		mix(uint64(first.Target)<<32 | uint64(last.Target))
	}
	return h
}

// ttlRequests holds the TTLs that task labels request, by name.
type ttlRequests map[names.ID][]ttlRequest

// ttlRequest is one TTL and the number of owners that request it.
type ttlRequest struct {
	seconds uint32 // or ZeroTTL
	count   uint32
}

// add adds a request.
func (r ttlRequests) add(name names.ID, seconds uint32) {
	list := r[name]
	for i := range list {
		if list[i].seconds == seconds {
			list[i].count++
			return
		}
	}
	r[name] = append(list, ttlRequest{seconds, 1})
}

// remove removes a request.
func (r ttlRequests) remove(name names.ID, seconds uint32) {
	list := r[name]
	for i := range list {
		if list[i].seconds != seconds {
			continue
		}
		if list[i].count--; list[i].count == 0 {
			list = append(list[:i], list[i+1:]...)
		}
		break
	}
	if len(list) == 0 {
		delete(r, name)
	} else {
		r[name] = list
	}
}

// apply adds and removes the requests of edits.
func (r ttlRequests) apply(list []edit[uint32]) {
	for i, e := range list {
		yieldCPU(i)
		for ; e.owners > 0; e.owners-- {
			r.add(e.id, e.value)
		}
		for ; e.owners < 0; e.owners++ {
			r.remove(e.id, e.value)
		}
	}
}

// of returns the TTL of a name: 0, that of the zone, if there is no request.
func (r ttlRequests) of(name names.ID) uint32 {
	if list := r[name]; len(list) > 0 {
		return shortestTTL(list)
	}
	return 0
}

// shortestTTL returns the TTL of all records of a name: the records of an RRset
// have one TTL (RFC 2181, section 5.2), and no owner's records may be cached for
// longer than it requested.
func shortestTTL(list []ttlRequest) uint32 {
	shortest := list[0].seconds
	for _, r := range list[1:] {
		if Seconds(r.seconds) < Seconds(shortest) {
			shortest = r.seconds
		}
	}
	return shortest
}
