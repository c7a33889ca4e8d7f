package records

import (
	"math/bits"
	"net/netip"
	"runtime"
	"slices"

	"toponym/internal/names"
	"toponym/state"
)

// The first update fills an empty set in bulk, which costs half of inserting each
// record at its place, and uses several cores:
//
//  1. The tasks come ordered by app, and are dealt out in batches of whole apps.
//  2. A loader makes the records of a batch beside the set: it appends them to lists
//     by name in any order, then sorts the lists and counts duplicates. It uses the
//     oversized lists again for the next batch.
//  3. The set takes the batches in, in the order of the tasks: it gives the names their
//     ids. Records of names that an earlier batch had as well are inserted at their
//     place. There are few of these, since tasks that share a name are of one app.
type bulkLoad struct {
	set     *Set
	loader  *loader     // of the goroutine of the update
	next    *batch      // that gets the tasks
	handed  chan *batch // to loaders in goroutines of their own; nil without any
	pending []*batch    // that these have or will get, in the order of the tasks
	spare   []*batch    // to use again
}

const (
	// batchTasks is the number of tasks after which a batch is complete with their app.
	batchTasks = 128
	// maxLoaders bounds the loaders: taking in what more of them make would keep a core
	// busy.
	maxLoaders = 4
	// batchesPerLoader is how many batches may be pending for each loader, so that none
	// waits for the others.
	batchesPerLoader = 3
	// maxKeptNames is the number of names of a batch for which memory is kept for the next
	// ones: an app may have most of the tasks.
	maxKeptNames = 1 << 14
	// alikeSize is the size of a table for the names of a batch, some thousand.
	alikeSize = 1 << 12
)

// How many names there are for each task, those that only have names below them and those
// of changes to come included: in the domain, and in the trees of each address domain. It
// decides how much memory is reserved, nothing else.
const (
	namesPerTask = 6
	namesPerTree = 1
)

// beginBulkLoad sizes an empty set for a number of tasks.
func (s *Set) beginBulkLoad(tasks int) *bulkLoad {
	s.names.Reserve((namesPerTask + namesPerTree*len(s.generator.o.AddressDomains)) * tasks)
	s.tasks = make(map[state.TaskKey]owner, tasks)
	s.internTable = make([]*Data, max(minInterned, 1<<bits.Len(uint(tasks/8))))
	l := &bulkLoad{set: s, loader: newLoader(s), next: &batch{}}
	if n := min(s.generator.o.Loaders, maxLoaders, tasks/(2*batchTasks)); n > 1 {
		l.handed = make(chan *batch, n*batchesPerLoader)
		for range n {
			go newLoader(s).run(l.handed)
		}
	}
	return l
}

// task adds a task, which follows those of the same app.
func (l *bulkLoad) task(o owner) {
	if n := len(l.next.owners); n >= batchTasks && !l.set.sameApp(l.next.owners[n-1].task, o.task) {
		l.handOut()
	}
	l.next.owners = append(l.next.owners, o)
}

// sameApp reports whether two tasks may share names.
func (s *Set) sameApp(a, b *state.Task) bool {
	return a.Key.Framework == b.Key.Framework && s.generator.o.Rule.Label(appName(a)) == s.generator.o.Rule.Label(appName(b))
}

// handOut has the records of the next batch made.
func (l *bulkLoad) handOut() {
	b := l.next
	if l.handed == nil {
		l.loader.load(b)
		l.takeIn(b)
		runtime.Gosched() // queries get their turn
	} else {
		if b.made == nil {
			b.made = make(chan struct{}, 1)
		}
		if len(l.pending) == cap(l.handed) {
			l.takeInFirst()
		}
		l.pending = append(l.pending, b)
		l.handed <- b
	}
	if last := len(l.spare) - 1; last >= 0 {
		l.next, l.spare = l.spare[last], l.spare[:last]
	} else {
		l.next = &batch{}
	}
}

// takeInFirst waits for the batch that comes next in order.
func (l *bulkLoad) takeInFirst() {
	b := l.pending[0]
	l.pending = l.pending[1:]
	<-b.made
	l.takeIn(b)
}

func (l *bulkLoad) takeIn(b *batch) {
	l.set.takeIn(b)
	b.reset()
	l.spare = append(l.spare, b)
}

// endTasks takes in all tasks. The loader of the update then is the writer of other records, until
// end.
func (l *bulkLoad) endTasks() recordWriter {
	l.handOut()
	for len(l.pending) > 0 {
		l.takeInFirst()
	}
	if l.handed != nil {
		close(l.handed)
	}
	l.loader.begin(l.next)
	return l.loader
}

// end takes in what has been written since endTasks.
func (l *bulkLoad) end() {
	l.loader.complete()
	l.takeIn(l.next)
}

// batch is the records of some tasks. A name has its index in names as its id, also as a
// target of SRV records.
type batch struct {
	owners []owner
	made   chan struct{} // gets a token when a loader in another goroutine has made the records

	names       []loadedName
	services    []*Data // those of the data of names that have SRV records, each once
	ttlRequests ttlRequests
	omitted     []Omission

	// Records that have another owner, as often as there are others.
	repeatedA    []ownedRecord[[4]byte]
	repeatedAAAA []ownedRecord[[16]byte]
	repeatedSRV  []ownedRecord[SRV]
	repeatedPTR  []ownedRecord[PTR]
}

// loadedName is a name with its data, whose lists are sorted once the batch is complete.
type loadedName struct {
	name  Name
	data  *Data    // without records for a name that only is a target
	like  names.ID // in the batch: the first name with that data, often the name itself
	id    names.ID // in the set, once that has taken the batch in
	after names.ID // in the batch: the name that came after this one last time

	repeated bool // it has a record that several owners have
}

func (b *batch) reset() {
	if cap(b.names) > maxKeptNames {
		*b = batch{made: b.made}
		return
	}
	clear(b.owners)
	clear(b.names)
	clear(b.services)
	*b = batch{owners: b.owners[:0], made: b.made, names: b.names[:0], services: b.services[:0]}
}

// takeIn adds the records of a batch to the set.
func (s *Set) takeIn(b *batch) {
	for i := range b.names {
		b.names[i].id = s.names.InternString(string(b.names[i].name))
	}
	b.renumberTargets()
	for i := range b.names {
		n := &b.names[i]
		if n.data.count() == 0 {
			continue
		}
		requests := b.ttlRequests[names.ID(i)]
		if d := s.data.Grow(n.id); *d == nil {
			if n.like != names.ID(i) {
				*d = b.names[n.like].data
			} else {
				n.data = s.intern(n.data)
				*d = n.data
			}
			s.names.Hold(n.id)
			s.size++
			for _, r := range (*d).SRV {
				s.holdTarget(r.Target)
			}
			if requests != nil {
				s.ttlRequests[n.id] = requests
			}
			continue
		}
		w := &s.editor
		recordsA.addAll(w, n.id, n.data)
		recordsAAAA.addAll(w, n.id, n.data)
		recordsSRV.addAll(w, n.id, n.data)
		recordsPTR.addAll(w, n.id, n.data)
		for _, r := range requests {
			w.edits.ttls = append(w.edits.ttls, edit[uint32]{id: n.id, owners: int32(r.count), value: r.seconds})
		}
	}
	recordsA.countRepeated(s, b)
	recordsAAAA.countRepeated(s, b)
	recordsSRV.countRepeated(s, b)
	recordsPTR.countRepeated(s, b)
	for _, o := range b.omitted {
		s.omitted.add(o)
	}
}

// renumberTargets gives the targets of all SRV records their ids in the set.
func (b *batch) renumberTargets() {
	for _, d := range b.services {
		for i := range d.SRV {
			d.SRV[i].Target = b.names[d.SRV[i].Target].id
		}
	}
	for i := range b.repeatedSRV {
		target := &b.repeatedSRV[i].value.Target
		*target = b.names[*target].id
	}
}

// loader makes the records of batches. It is the writer of its generator.
type loader struct {
	generator *generator
	batch     *batch
	ids       map[string]names.ID // of the names of the batch
	lists     []*Data             // of the names of the batch; oversized, used again
	last      names.ID            // the name that was asked for last
	interned  internTable
	services  internTable // data with SRV records of the batch: in others its ids mean other names
	nameOf    nameFunc    // the name of an id of the batch
	alike     []names.ID  // by hash of the data: the first name of the batch, plus one
}

func newLoader(s *Set) *loader {
	l := &loader{
		ids: map[string]names.ID{}, alike: make([]names.ID, alikeSize),
		interned: make(internTable, len(s.internTable)), services: make(internTable, minInterned),
	}
	l.generator = newGenerator(s.generator.o, l)
	l.nameOf = func(id names.ID) Name { return l.batch.names[id].name }
	return l
}

// run makes the records of the batches that come.
func (l *loader) run(batches <-chan *batch) {
	for b := range batches {
		l.load(b)
		b.made <- struct{}{}
	}
}

// load makes the records of a batch of tasks.
func (l *loader) load(b *batch) {
	l.begin(b)
	for i, o := range b.owners {
		yieldCPU(i)
		l.generator.task(o)
	}
	l.complete()
}

// begin makes the loader write into a batch.
func (l *loader) begin(b *batch) {
	l.batch, l.last = b, 0
	clear(l.services)
	if len(l.ids) > maxKeptNames { // clearing a map costs what it once held
		l.ids = map[string]names.ID{}
		l.lists = slices.Clone(l.lists[:maxKeptNames])
		return
	}
	clear(l.ids)
}

// complete sorts the lists of the batch. Equal data of several names is kept once, and
// sorted once where the records came in the same order.
func (l *loader) complete() {
	l.findAlike()
	list := l.batch.names
	for i := range list {
		yieldCPU(i)
		n, d := &list[i], l.lists[i]
		if first := &list[n.like]; n.like == names.ID(i) || first.repeated {
			n.like = names.ID(i)
			n.data = l.sort(n, d)
		} else {
			n.data = first.data
		}
		*d = Data{A: d.A[:0], AAAA: d.AAAA[:0], SRV: d.SRV[:0], PTR: d.PTR[:0]}
	}
}

// findAlike finds for each name of the batch the first one that has the same records in
// the same order. Those of an app mostly are: by TCP and by UDP, and in the address trees.
func (l *loader) findAlike() {
	clear(l.alike)
	list := l.batch.names
	for i := range list {
		n, d := &list[i], l.lists[i]
		n.like = names.ID(i)
		if len(d.PTR) > 0 {
			continue
		}
		first := &l.alike[d.hash()%uint64(len(l.alike))]
		if *first == 0 {
			*first = names.ID(i + 1)
		} else if d.Equal(l.lists[*first-1]) {
			n.like = *first - 1
		}
	}
}

// sort sorts the lists of a name and returns them in memory that they do not share with
// the loader, and may share with other names.
func (l *loader) sort(n *loadedName, d *Data) *Data {
	id, records := n.like, d.count()
	recordsA.sortAndCount(l.batch, id, d, l.nameOf)
	recordsAAAA.sortAndCount(l.batch, id, d, l.nameOf)
	recordsSRV.sortAndCount(l.batch, id, d, l.nameOf)
	recordsPTR.sortAndCount(l.batch, id, d, l.nameOf)
	n.repeated = d.count() < records
	known := l.interned
	if len(d.SRV) > 0 {
		known = l.services
	}
	if equal := known.find(d); equal != nil {
		return equal
	}
	d = known.add(d.clone())
	if len(d.SRV) > 0 {
		l.batch.services = append(l.batch.services, d)
	}
	return d
}

// id returns the id of a name in the batch, a new one if it has none. Names mostly follow
// each other as those of the task before, which saves looking them up.
func (l *loader) id(name []byte) names.ID {
	list := l.batch.names
	if len(list) == 0 {
		return l.add(name, 0)
	}
	last := &list[l.last]
	if string(last.name) == string(name) {
		return l.last
	}
	guess := last.after
	if string(list[guess].name) == string(name) {
		l.last = guess
		return guess
	}
	id, ok := l.ids[string(name)]
	if !ok {
		id = l.add(name, list[guess].after) // instead of a name that belongs to another task
		last = &l.batch.names[l.last]
	}
	last.after = id
	l.last = id
	return id
}

// add adds a name to the batch. after is the name that is likely to follow.
func (l *loader) add(name []byte, after names.ID) names.ID {
	id := names.ID(len(l.batch.names))
	lasting := string(name)
	l.ids[lasting] = id
	l.batch.names = append(l.batch.names, loadedName{name: Name(lasting), after: after})
	if int(id) == len(l.lists) {
		l.lists = append(l.lists, &Data{})
	}
	return id
}

func (l *loader) data(name []byte) *Data { return l.lists[l.id(name)] }

func (l *loader) addr(name []byte, a netip.Addr, _ addrSource) {
	if d := l.data(name); a.Is4() {
		d.A = append(d.A, a.As4())
	} else {
		d.AAAA = append(d.AAAA, a.As16())
	}
}

func (l *loader) srv(name []byte, _ Name, v SRV) {
	d := l.data(name)
	d.SRV = append(d.SRV, v)
}

func (l *loader) ptr(a netip.Addr, p PTR, _ addrSource) {
	d := l.data(names.Bytes(ReverseName(a)))
	d.PTR = append(d.PTR, p)
}

func (l *loader) ttl(name []byte, seconds uint32) {
	if l.batch.ttlRequests == nil {
		l.batch.ttlRequests = ttlRequests{}
	}
	id := l.id(name)
	l.batch.ttlRequests.add(id, seconds)
	l.lists[id].TTL = l.batch.ttlRequests.of(id)
}

func (l *loader) target(name []byte) numberedName {
	id := l.id(name)
	return numberedName{l.nameOf(id), id}
}

func (l *loader) omit(o Omission) { l.batch.omitted = append(l.batch.omitted, o) }

// yieldCPU lets other goroutines run between the steps of long work: on a machine
// with one core, those that answer queries.
func yieldCPU(step int) {
	if step%256 == 255 {
		runtime.Gosched()
	}
}
