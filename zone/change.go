package zone

import (
	"cmp"
	"encoding/binary"
	"sync"
	"unsafe"

	"github.com/miekg/dns"

	"toponym/records"
)

// changes are the differences of a version by origin. On a nil delta, of a version
// that was compiled, each origin differs as a whole; so does it if the differences
// take more memory than limit, in bytes.
func (d *delta) changes(z *Zone, limit int) (list []*Change) {
	if d == nil {
		for i := range z.origins {
			if o := &z.origins[i]; o.serial != 0 {
				list = append(list, &Change{Origin: o.name, To: o.soaRecord(), Whole: true})
			}
		}
		return list
	}
	byOrigin := make([]*Change, len(z.origins))
	for _, i := range d.changedOrigins() {
		c := &Change{Origin: z.origins[i].name, To: z.origins[i].soaRecord(), Whole: d.whole[i]}
		if before := &d.previous[i]; before.serial != 0 {
			c.From = before.soaRecord()
		} else {
			c.Whole = true
		}
		byOrigin[i] = c
		list = append(list, c)
	}
	list = append(list, d.gone...)
	size := 0
	s := changesPool.Get().(*changesScratch)
	defer s.release()
	lists, recent := s.listsOf(len(z.origins)), recentDifferences{delta: d, zone: z}
	for _, n := range d.nodes {
		i := n.new.origin
		if byOrigin[i].Whole {
			continue
		}
		l := &lists[i]
		removed, added := len(l.removed), len(l.added)
		l.addNode(n, &d.previous[i], &z.origins[i], &recent)
		if size += recordsSize(l.removed[removed:]) + recordsSize(l.added[added:]); size > limit {
			break
		}
	}
	for i, c := range byOrigin {
		if c != nil && size <= limit {
			c.Removed, c.Added = append(c.Removed, lists[i].removed...), append(c.Added, lists[i].added...)
		}
	}
	if size > limit || changesSize(list) > limit {
		for _, c := range list {
			c.Whole, c.Removed, c.Added = true, nil, nil
		}
	}
	return list
}

// changesSize is the memory of changes, in bytes.
func changesSize(list []*Change) (size int) {
	for _, c := range list {
		size += c.Size()
	}
	return size
}

// recordsSize is the memory of records, in bytes.
func recordsSize(list []Record) int {
	size := len(list) * int(unsafe.Sizeof(Record{}))
	for i := range list {
		size += len(list[i].Data)
	}
	return size
}

// noNode stands for the node of a name that did not exist.
var noNode = &Node{Data: &noData}

// recordLists are the records of a change while it is made.
type recordLists struct{ removed, added []Record }

// reset empties the lists, and keeps their memory unless it is large.
func (l *recordLists) reset() {
	const most = 1 << 12 // records
	for _, list := range []*[]Record{&l.removed, &l.added} {
		clear(*list)
		if *list = (*list)[:0]; cap(*list) > most {
			*list = nil
		}
	}
}

// changesScratch is memory for making the changes of a version, which the next version
// uses again: growing lists were a fifth of the garbage that a task's change made. A Change
// gets its lists when their length is known.
type changesScratch struct{ lists []recordLists } // by origin

var changesPool = sync.Pool{New: func() any { return new(changesScratch) }}

// listsOf returns empty lists for n origins.
func (s *changesScratch) listsOf(n int) []recordLists {
	s.lists = append(s.lists, make([]recordLists, max(n-len(s.lists), 0))...)
	return s.lists[:n]
}

// release gives the memory back. It then holds nothing of the version.
func (s *changesScratch) release() {
	for i := range s.lists {
		s.lists[i].reset()
	}
	changesPool.Put(s)
}

// addNode adds the records of a node that differ.
func (l *recordLists) addNode(n nodeChange, from, to *origin, recent *recentDifferences) {
	old, new := n.old, n.new
	if old == nil {
		old = noNode
	}
	if old.static != nil || new.static != nil {
		before, after := recent.delta.before.appendRecords(nil, old, from), recent.zone.appendRecords(nil, new, to)
		l.removed = appendMissing(l.removed, before, after)
		l.added = appendMissing(l.added, after, before)
		return
	}
	d := recent.of(old.Data, new.Data, from.dataTTL(old.Data), to.dataTTL(new.Data))
	l.removed = appendOwned(l.removed, d.removed, new.Name)
	l.added = appendOwned(l.added, d.added, new.Name)
}

// appendOwned appends records of another owner.
func appendOwned(list, records []Record, owner records.Name) []Record {
	for _, r := range records {
		r.Owner = owner
		list = append(list, r)
	}
	return list
}

// recentDifferences are those that were found last. The names of a service often have
// the same data before a change, and after it.
type recentDifferences struct {
	delta *delta
	zone  *Zone // the version of the delta

	list [8]difference
	next int // index in list, modulo its length
}

// difference is how the records of data differ from those of other data. They have no
// owner.
type difference struct {
	old, new       *records.Data
	was, is        uint32 // TTLs
	removed, added []Record
}

// of is the difference between the data of a name and its new data, whose records have
// these TTLs. A large RRset of which one record differs costs a comparison of each
// record, but no memory.
func (r *recentDifferences) of(old, new *records.Data, was, is uint32) *difference {
	for i := range r.list {
		if d := &r.list[i]; d.old == old && d.new == new && d.was == was && d.is == is {
			return d
		}
	}
	d := &r.list[r.next%len(r.list)]
	r.next++
	*d = difference{old: old, new: new, was: was, is: is}
	ipv4 := func(a [4]byte) string { return string(a[:]) }
	ipv6 := func(a [16]byte) string { return string(a[:]) }
	name := func(n records.Name) string { return string(n) }
	before, after := &r.delta.before, &r.zone.nodeTrees
	addDifferent(d, dns.TypeA, old.A, new.A, true, compareIPv4, ipv4, ipv4)
	addDifferent(d, dns.TypeAAAA, old.AAAA, new.AAAA, true, compareIPv6, ipv6, ipv6)
	addDifferent(d, dns.TypeSRV, old.SRV, new.SRV, r.delta.sameIDs, r.compareSRV, before.srvData, after.srvData)
	addDifferent(d, dns.TypePTR, pointer(old), pointer(new), true, cmp.Compare, name, name)
	return d
}

// compareSRV orders an SRV record of the version before and one of the version.
func (r *recentDifferences) compareSRV(old, new SRV) int {
	if c := old.CompareNumbers(new); c != 0 || r.delta.sameIDs && old.Target == new.Target {
		return c
	}
	return cmp.Compare(r.delta.before.targetName(old.Target), r.zone.targetName(new.Target))
}

// pointer is the list of PTR records that a name with the data has.
func pointer(d *records.Data) []records.Name {
	if target, ok := d.Pointer(); ok {
		return []records.Name{target}
	}
	return nil
}

// addDifferent adds the records that one of two sorted RRsets lacks; with
// different TTLs these are all. The argument exact says that those of both
// RRsets are the same exactly if they are equal in Go.
func addDifferent[T comparable](d *difference, rtype uint16, old, new []T, exact bool, compare func(old, new T) int, oldData, newData func(T) string) {
	same := d.was == d.is
	if same && exact {
		for len(old) > 0 && len(new) > 0 && old[0] == new[0] {
			old, new = old[1:], new[1:]
		}
		for len(old) > 0 && len(new) > 0 && old[len(old)-1] == new[len(new)-1] {
			old, new = old[:len(old)-1], new[:len(new)-1]
		}
	}
	for len(old) > 0 || len(new) > 0 {
		order := 0
		switch {
		case len(new) == 0:
			order = -1
		case len(old) == 0:
			order = 1
		case same:
			order = compare(old[0], new[0])
		}
		if order < 0 || order == 0 && !same {
			d.removed = append(d.removed, Record{Type: rtype, TTL: d.was, Data: oldData(old[0])})
		}
		if order > 0 || order == 0 && !same {
			d.added = append(d.added, Record{Type: rtype, TTL: d.is, Data: newData(new[0])})
		}
		if order <= 0 {
			old = old[1:]
		}
		if order >= 0 {
			new = new[1:]
		}
	}
}

// appendMissing appends the records of a list that another one does not have.
func appendMissing(list, from, in []Record) []Record {
	known := make(map[Record]struct{}, len(in))
	for _, r := range in {
		known[r] = struct{}{}
	}
	for _, r := range from {
		if _, ok := known[r]; !ok {
			list = append(list, r)
		}
	}
	return list
}

// Size is the memory of a change, in bytes.
func (c *Change) Size() int {
	size := int(unsafe.Sizeof(*c)) + len(c.From.Data) + len(c.To.Data)
	for _, list := range [][]Record{c.Removed, c.Added} {
		size += recordsSize(list) + (cap(list)-len(list))*int(unsafe.Sizeof(Record{}))
	}
	return size
}

// SOASerial is the serial of a SOA record (RFC 1035, section 3.3.13): the first of
// its five last numbers. It is 0 for data that is too short.
func (r Record) SOASerial() uint32 {
	if len(r.Data) < 5*4 {
		return 0
	}
	return binary.BigEndian.Uint32([]byte(r.Data[len(r.Data)-5*4:]))
}
