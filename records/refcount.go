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
//  1. The records of new owners are added, then those of old owners removed.
//     The data of a name does not change meanwhile. Owners of a published record
//     beside the first are counted in extraOwners; all other changes are
//     collected, in any order, in the nameChange of its name.
//  2. finish sorts each nameChange and applies it once: it makes new data, or
//     reuses that of another name if it is equal. Holders of the old data keep
//     it.
//  3. finish drops names without records and reports the names that changed.

// entry is a name of a set with its data.
type entry struct {
	data *Data // as published; nil for a name that the set does not have
	id   names.ID
	// change is the index, plus one, of the entry's nameChange in the set's
	// changes; 0 means that the running update has not changed it.
	change uint32
}

// noData is the data of new names.
var noData Data

// extraOwners counts the owners of a record beside the first. Most records have
// only one owner, so the map is small.
type extraOwners[T comparable] map[ownedRecord[T]]uint32

type ownedRecord[T comparable] struct {
	name  names.ID
	value T
}

// recordType says where the records of one type are kept, and how they are
// ordered.
type recordType[T comparable] struct {
	records  func(*Data) *[]T
	diff     func(*nameChange) *diff[T]
	extra    func(*Set) extraOwners[T]
	repeated func(*batch) *[]ownedRecord[T]
	compare  func(a, b T, name nameFunc) int
}

// nameFunc gives the name of an id that SRV data has.
type nameFunc = func(names.ID) Name

var (
	recordsA = recordType[[4]byte]{
		records:  func(d *Data) *[][4]byte { return &d.A },
		diff:     func(c *nameChange) *diff[[4]byte] { return &c.a },
		extra:    func(s *Set) extraOwners[[4]byte] { return s.extraA },
		repeated: func(b *batch) *[]ownedRecord[[4]byte] { return &b.repeatedA },
		compare:  func(a, b [4]byte, _ nameFunc) int { return bytes.Compare(a[:], b[:]) },
	}
	recordsAAAA = recordType[[16]byte]{
		records:  func(d *Data) *[][16]byte { return &d.AAAA },
		diff:     func(c *nameChange) *diff[[16]byte] { return &c.aaaa },
		extra:    func(s *Set) extraOwners[[16]byte] { return s.extraAAAA },
		repeated: func(b *batch) *[]ownedRecord[[16]byte] { return &b.repeatedAAAA },
		compare:  func(a, b [16]byte, _ nameFunc) int { return bytes.Compare(a[:], b[:]) },
	}
	recordsSRV = recordType[SRV]{
		records:  func(d *Data) *[]SRV { return &d.SRV },
		diff:     func(c *nameChange) *diff[SRV] { return &c.srv },
		extra:    func(s *Set) extraOwners[SRV] { return s.extraSRV },
		repeated: func(b *batch) *[]ownedRecord[SRV] { return &b.repeatedSRV },
		compare:  SRV.Compare,
	}
	recordsPTR = recordType[PTR]{
		records:  func(d *Data) *[]PTR { return &d.PTR },
		diff:     func(c *nameChange) *diff[PTR] { return &c.ptr },
		extra:    func(s *Set) extraOwners[PTR] { return s.extraPTR },
		repeated: func(b *batch) *[]ownedRecord[PTR] { return &b.repeatedPTR },
		compare:  func(a, b PTR, _ nameFunc) int { return a.Compare(b) },
	}
)

// add adds one owner of v. The first owner makes v a record. In an update, all
// additions come before all removals.
func (r recordType[T]) add(s *Set, e *entry, v T) {
	if _, published := r.find(*r.records(e.data), v, s.nameOf); published {
		r.extra(s)[ownedRecord[T]{e.id, v}]++
		return
	}
	d := r.diff(s.changeOf(e))
	d.added = append(d.added, v)
}

// remove removes one owner of v. v is no longer a record when the last owner is
// gone.
func (r recordType[T]) remove(s *Set, e *entry, v T) {
	extra, k := r.extra(s), ownedRecord[T]{e.id, v}
	if n := extra[k]; n > 0 {
		if extra[k] = n - 1; n == 1 {
			delete(extra, k)
		}
		return
	}
	d := r.diff(s.changeOf(e))
	d.gone = append(d.gone, v) // settle searches it
}

// settle sorts a diff, in which values stand as often as owners came or went, and
// counts the owners of new records.
func (r recordType[T]) settle(s *Set, e *entry, c *nameChange) {
	d := r.diff(c)
	if len(d.added) < 2 && len(d.gone) == 0 {
		return
	}
	compare := func(a, b T) int { return r.compare(a, b, s.nameOf) }
	slices.SortFunc(d.added, compare)
	slices.SortFunc(d.gone, compare)
	added, gone := d.added, d.gone
	d.added, d.gone = d.added[:0], d.gone[:0]
	for len(added)+len(gone) > 0 {
		var v T
		if len(gone) == 0 || len(added) > 0 && compare(added[0], gone[0]) < 0 {
			v = added[0]
		} else {
			v = gone[0]
		}
		owners := 0
		for ; len(added) > 0 && added[0] == v; added = added[1:] {
			owners++
		}
		for ; len(gone) > 0 && gone[0] == v; gone = gone[1:] {
			owners--
		}
		switch {
		case owners > 0:
			d.added = append(d.added, v)
			if owners > 1 {
				r.extra(s)[ownedRecord[T]{e.id, v}] += uint32(owners - 1)
			}
		case owners < 0:
			if _, published := r.find(*r.records(e.data), v, s.nameOf); published {
				d.gone = append(d.gone, v)
			}
		}
	}
}

func (r recordType[T]) find(sorted []T, v T, name nameFunc) (index int, found bool) {
	return slices.BinarySearchFunc(sorted, v, func(a, b T) int { return r.compare(a, b, name) })
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
func (r recordType[T]) addAll(s *Set, e *entry, d *Data) {
	for _, v := range *r.records(d) {
		r.add(s, e, v)
	}
}

// countRepeated counts the repeated records of a batch as extra owners.
func (r recordType[T]) countRepeated(s *Set, b *batch) {
	for _, o := range *r.repeated(b) {
		r.extra(s)[ownedRecord[T]{b.names[o.name].id, o.value}]++
	}
}

// apply returns the records of d after a change, without spare capacity. The
// result is the list of d itself if nothing comes or goes.
func (r recordType[T]) apply(d *Data, c *nameChange, name nameFunc) []T {
	values, diff := *r.records(d), r.diff(c)
	n := len(values) + len(diff.added) - len(diff.gone)
	if diff.empty() {
		return values
	}
	if n == 0 {
		return nil
	}
	out := make([]T, 0, n)
	added, gone := diff.added, diff.gone
	for len(added)+len(gone) > 0 {
		if len(gone) == 0 || len(added) > 0 && r.compare(added[0], gone[0], name) < 0 {
			i, _ := r.find(values, added[0], name)
			out = append(append(out, values[:i]...), added[0])
			values, added = values[i:], added[1:]
		} else {
			i, _ := r.find(values, gone[0], name)
			out = append(out, values[:i]...)
			values, gone = values[i+1:], gone[1:]
		}
	}
	return append(out, values...)
}

// nameChange collects what the running update changes of one name, so that the
// records of a name are copied once per update however many owners come and go.
type nameChange struct {
	entry *entry
	a     diff[[4]byte]
	aaaa  diff[[16]byte]
	srv   diff[SRV]
	ptr   diff[PTR]
	ttl   uint32
}

// diff is the records that come and go, each list sorted once settled.
type diff[T comparable] struct {
	added, gone []T
}

// changeOf returns the change of an entry, and begins one if necessary.
func (s *Set) changeOf(e *entry) *nameChange {
	if e.change == 0 {
		c := s.changes.add()
		c.entry, c.ttl = e, e.data.TTL
		e.change = uint32(s.changes.len)
	}
	return s.changes.at(int(e.change - 1))
}

// setTTL sets the TTL of an entry.
func (s *Set) setTTL(e *entry, seconds uint32) {
	if e.change != 0 || e.data.TTL != seconds {
		s.changeOf(e).ttl = seconds
	}
}

// changesRecords reports whether records come or go.
func (c *nameChange) changesRecords() bool {
	return !c.a.empty() || !c.aaaa.empty() || !c.srv.empty() || !c.ptr.empty()
}

// equal reports whether both changes do the same.
func (c *nameChange) equal(o *nameChange) bool {
	return c.ttl == o.ttl && c.a.equal(o.a) && c.aaaa.equal(o.aaaa) && c.srv.equal(o.srv) && c.ptr.equal(o.ptr)
}

// nameChanges is a list of changes. It does not move what it holds when it grows: there
// are many where an agent with all of its tasks is lost.
type nameChanges struct {
	values names.Values[nameChange]
	len    int
}

func (l *nameChanges) at(i int) *nameChange { return l.values.At(names.ID(i)) }

// add appends a change, which may use the memory of one of an earlier update.
func (l *nameChanges) add() *nameChange {
	l.len++
	return l.values.Grow(names.ID(l.len - 1))
}

// reset removes all changes.
func (l *nameChanges) reset() {
	if l.len > maxKeptChanges {
		*l = nameChanges{}
	}
	for i := range l.len {
		l.at(i).reset()
	}
	l.len = 0
}

// reset prepares the change for another entry.
func (c *nameChange) reset() {
	c.entry = nil
	c.a.reset()
	c.aaaa.reset()
	c.srv.reset()
	c.ptr.reset()
}

func (d diff[T]) empty() bool { return len(d.added)+len(d.gone) == 0 }

func (d diff[T]) equal(o diff[T]) bool {
	return slices.Equal(d.added, o.added) && slices.Equal(d.gone, o.gone)
}

// Memory that is kept from one update to the next.
const (
	maxKeptValues  = 256  // records per list of a diff
	maxKeptChanges = 4096 // names
)

func (d *diff[T]) reset() {
	for _, list := range [...]*[]T{&d.added, &d.gone} {
		clear(*list)
		if *list = (*list)[:0]; cap(*list) > maxKeptValues {
			*list = nil
		}
	}
}

// finish ends an update: it applies the changes, drops names without records and
// returns what changed. After the first update the names are listed in the order
// in which they came, those of one app next to each other.
func (s *Set) finish(first bool) Changes {
	result := Changes{Omitted: s.omitted, Merged: s.takeMerged()}
	s.omitted = nil
	var recent recentResults
	result.Names = make([]Name, 0, s.changes.len)
	for i := range s.changes.len {
		c := s.changes.at(i)
		e := c.entry
		e.change = 0
		recordsA.settle(s, e, c)
		recordsAAAA.settle(s, e, c)
		recordsSRV.settle(s, e, c)
		recordsPTR.settle(s, e, c)
		if before := e.data; c.changesRecords() || c.ttl != before.TTL {
			e.data = s.dataAfter(c, &recent)
			s.holdTargets(c.srv.added)
			s.releaseTargets(c.srv.gone)
			if !c.a.empty() || !c.aaaa.empty() || !c.srv.empty() || !e.data.Equal(before) {
				result.Names = append(result.Names, s.name(e))
			}
		}
		if e.data.count() == 0 {
			s.names.Release(e.id)
			e.data = nil
			s.size--
		}
	}
	if first {
		s.sweep() // forgets which names are new
		result.Names = make([]Name, 0, s.size)
		for name := range s.All() {
			result.Names = append(result.Names, name)
		}
	}
	s.changes.reset()
	s.pending = s.pending || s.followed && len(result.Names) > 0
	return result
}

// recentResults holds the data that this update made last. Names of one service
// often share their data before a change, and then share the result as well.
type recentResults struct {
	results [8]changeResult
	next    int
}

type changeResult struct {
	before *Data
	change *nameChange
	after  *Data
}

// dataAfter returns the data of an entry after its change.
func (s *Set) dataAfter(c *nameChange, recent *recentResults) *Data {
	before := c.entry.data
	for _, r := range recent.results {
		if r.before == before && r.change.equal(c) {
			return r.after
		}
	}
	d := s.intern(&Data{A: recordsA.apply(before, c, s.nameOf), AAAA: recordsAAAA.apply(before, c, s.nameOf),
		SRV: recordsSRV.apply(before, c, s.nameOf), PTR: recordsPTR.apply(before, c, s.nameOf), TTL: c.ttl})
	recent.results[recent.next%len(recent.results)] = changeResult{before, c, d}
	recent.next++
	return d
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

// add adds a request and returns the TTL that now applies.
func (r ttlRequests) add(name names.ID, seconds uint32) uint32 {
	list := r[name]
	for i := range list {
		if list[i].seconds == seconds {
			list[i].count++
			return shortestTTL(list)
		}
	}
	list = append(list, ttlRequest{seconds, 1})
	r[name] = list
	return shortestTTL(list)
}

// remove removes a request and returns the TTL that now applies: 0, that of the
// zone, if no request is left.
func (r ttlRequests) remove(name names.ID, seconds uint32) uint32 {
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
		return 0
	}
	r[name] = list
	return shortestTTL(list)
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
