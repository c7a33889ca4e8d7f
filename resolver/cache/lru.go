package cache

import "iter"

// lru finds entries by a hash, and orders them by when they were used last.
//
// The order is kept as numbers: a linked list would have four pointers for each entry, and
// following pointers is most of what a large cache costs the garbage collector.
type lru struct {
	index   map[uint64]uint32 // places by hash
	order   []links           // by place
	entries []*Entry          // by place; nil for one that is free
	newest  uint32
	oldest  uint32
	free    uint32 // the first place that is free; others follow as older ones
}

// links are the neighbours of an entry in the order.
type links struct {
	hash         uint64
	newer, older uint32
}

// nowhere is no place.
const nowhere = ^uint32(0)

func newLRU() lru {
	return lru{index: map[uint64]uint32{}, newest: nowhere, oldest: nowhere, free: nowhere}
}

func (l *lru) len() int { return len(l.index) }

// peek returns the entry of a hash, or nil.
func (l *lru) peek(hash uint64) *Entry {
	at, ok := l.index[hash]
	if !ok {
		return nil
	}
	return l.entries[at]
}

// use returns the entry of a hash, or nil, and makes it the newest.
func (l *lru) use(hash uint64) *Entry {
	at, ok := l.index[hash]
	if !ok {
		return nil
	}
	l.refresh(at)
	return l.entries[at]
}

// put adds an entry as the newest, in place of the one that has its hash.
func (l *lru) put(hash uint64, e *Entry) {
	at, ok := l.index[hash]
	switch {
	case ok:
		l.refresh(at)
		l.entries[at] = e
		return
	case l.free != nowhere:
		at = l.free
		l.free = l.order[at].older
		l.entries[at] = e
	default:
		at = uint32(len(l.entries))
		l.order = append(l.order, links{})
		l.entries = append(l.entries, e)
	}
	l.order[at].hash = hash
	l.index[hash] = at
	l.link(at)
}

// remove removes the entry of a hash, which there must be.
func (l *lru) remove(hash uint64) {
	at := l.index[hash]
	delete(l.index, hash)
	l.unlink(at)
	l.entries[at] = nil
	l.order[at] = links{older: l.free}
	l.free = at
}

// last returns the hash and the entry that was not used for the longest time. It reports
// false if there is no entry.
func (l *lru) last() (uint64, *Entry, bool) {
	if l.oldest == nowhere {
		return 0, nil, false
	}
	return l.order[l.oldest].hash, l.entries[l.oldest], true
}

// all returns all entries, with their hashes. They may be removed meanwhile.
func (l *lru) all() iter.Seq2[uint64, *Entry] {
	return func(yield func(uint64, *Entry) bool) {
		for at, e := range l.entries {
			if e != nil && !yield(l.order[at].hash, e) {
				return
			}
		}
	}
}

func (l *lru) refresh(at uint32) {
	if at != l.newest {
		l.unlink(at)
		l.link(at)
	}
}

// link makes an entry that has no neighbours the newest.
func (l *lru) link(at uint32) {
	l.order[at].newer, l.order[at].older = nowhere, l.newest
	if l.newest == nowhere {
		l.oldest = at
	} else {
		l.order[l.newest].newer = at
	}
	l.newest = at
}

// unlink makes the neighbours of an entry those of each other.
func (l *lru) unlink(at uint32) {
	newer, older := l.order[at].newer, l.order[at].older
	if newer == nowhere {
		l.newest = older
	} else {
		l.order[newer].older = older
	}
	if older == nowhere {
		l.oldest = newer
	} else {
		l.order[older].newer = newer
	}
}
