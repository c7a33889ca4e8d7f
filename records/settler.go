package records

import (
	"slices"

	"toponym/internal/names"
)

// firstID returns the lowest id of sorted edits. It is not ok if there are none.
func (e *edits) firstID() (id names.ID, ok bool) {
	id = noID
	if len(e.a) > 0 {
		id = e.a[0].id
	}
	if len(e.aaaa) > 0 {
		id = min(id, e.aaaa[0].id)
	}
	if len(e.srv) > 0 {
		id = min(id, e.srv[0].id)
	}
	if len(e.ptr) > 0 {
		id = min(id, e.ptr[0].id)
	}
	if len(e.ttls) > 0 {
		id = min(id, e.ttls[0].id)
	}
	return id, id != noID
}

// take takes the edits of an id from the beginning of sorted ones.
func (e *edits) take(id names.ID) edits {
	return edits{take(&e.a, id), take(&e.aaaa, id), take(&e.srv, id), take(&e.ptr, id), take(&e.ttls, id)}
}

func take[T comparable](list *[]edit[T], id names.ID) []edit[T] {
	n := 0
	for n < len(*list) && (*list)[n].id == id {
		n++
	}
	taken := (*list)[:n]
	*list = (*list)[n:]
	return taken
}

// nameEdits are the settled edits of a name.
type nameEdits struct {
	edits
	ttl uint32 // after them
}

// empty reports whether no records come or go.
func (c *nameEdits) empty() bool { return len(c.a)+len(c.aaaa)+len(c.srv)+len(c.ptr) == 0 }

// more is how many more records there are after the edits.
func (c *nameEdits) more() int { return more(c.a) + more(c.aaaa) + more(c.srv) + more(c.ptr) }

func more[T comparable](settled []edit[T]) (n int) {
	for i := range settled {
		n += int(settled[i].owners)
	}
	return n
}

// equal reports whether both do the same.
func (c *nameEdits) equal(o *nameEdits) bool {
	return c.ttl == o.ttl && sameEdits(c.a, o.a) && sameEdits(c.aaaa, o.aaaa) && sameEdits(c.srv, o.srv) && sameEdits(c.ptr, o.ptr)
}

func sameEdits[T comparable](a, b []edit[T]) bool {
	if len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) {
		return true
	}
	return slices.EqualFunc(a, b, func(a, b edit[T]) bool { return a.value == b.value && a.owners == b.owners })
}

// settler finds out what edits do to the data of their names. It changes nothing of the
// set, so that several may do so for different names.
type settler struct {
	set     *Set
	edits   edits     // sorted by id
	name    nameEdits // of the name that is being settled
	changed []changedName
	results []*Data // of changed; names of one service often share theirs
	recent  [8]recentResult
	next    int // index in recent, modulo its length

	recountA    []extraCount[[4]byte]
	recountAAAA []extraCount[[16]byte]
	recountSRV  []extraCount[SRV]
	recountPTR  []extraCount[PTR]
}

// changedName is a name with other records or another TTL than before.
type changedName struct {
	id      names.ID
	result  int32       // index in results; noResult for a name that goes
	visible bool        // what is answered differs
	srv     []edit[SRV] // that come or go
}

const noResult = -1

// recentResult is data that was made for a name. Names of one service often share their
// data before a change, and then share the result as well.
type recentResult struct {
	before *Data
	edits  nameEdits
	result int32
}

// settle goes through the names.
func (w *settler) settle() {
	e := &w.edits
	w.changed = slices.Grow(w.changed, countNames(e.a)+countNames(e.aaaa)+countNames(e.srv)+countNames(e.ptr))
	for step := 0; ; step++ {
		yieldCPU(step)
		id, ok := e.firstID()
		if !ok {
			return
		}
		before := w.set.dataOf(id)
		c := &w.name
		*c = nameEdits{e.take(id), before.TTL}
		recordsA.settle(w, before, c)
		recordsAAAA.settle(w, before, c)
		recordsSRV.settle(w, before, c)
		recordsPTR.settle(w, before, c)
		if len(c.ttls) > 0 {
			c.ttl = w.set.ttlRequests.of(id)
		}
		left := before.count() + c.more()
		if c.empty() && c.ttl == before.TTL || left == 0 && before == &noData {
			continue
		}
		n := changedName{id: id, result: noResult, visible: len(c.a)+len(c.aaaa)+len(c.srv) > 0, srv: c.srv}
		after := &noData
		if left > 0 {
			n.result = w.resultOf(before, c)
			after = w.results[n.result]
		}
		n.visible = n.visible || !after.Equal(before)
		w.changed = append(w.changed, n)
	}
}

// countNames returns the number of names that sorted edits have.
func countNames[T comparable](list []edit[T]) (n int) {
	for i := range list {
		if i == 0 || list[i].id != list[i-1].id {
			n++
		}
	}
	return n
}

// resultOf makes the data of a name after its edits.
func (w *settler) resultOf(before *Data, c *nameEdits) int32 {
	for i := range w.recent {
		if r := &w.recent[i]; r.before == before && r.edits.equal(c) {
			return r.result
		}
	}
	w.results = append(w.results, &Data{A: recordsA.apply(before, c.a), AAAA: recordsAAAA.apply(before, c.aaaa),
		SRV: recordsSRV.apply(before, c.srv), PTR: recordsPTR.apply(before, c.ptr), TTL: c.ttl})
	r := &w.recent[w.next%len(w.recent)]
	w.next++
	*r = recentResult{before, *c, int32(len(w.results) - 1)}
	return r.result
}

// reset prepares the settler for other edits.
func (w *settler) reset() {
	w.edits, w.name = edits{}, nameEdits{}
	w.changed, w.results = emptied(w.changed), emptied(w.results)
	clear(w.recent[:])
}
