package zone

import (
	"slices"
	"sync"
	"time"

	"toponym/records"
)

// History keeps how the last versions of a zone differ from each other: what a
// secondary needs that has one of them (RFC 1995), and what a client needs that
// watches names. It keeps differences in records, not the versions, so that a
// changed record of a large RRset costs as much as one of a small RRset. All
// methods may be called from any goroutine.
type History struct {
	limits HistoryLimits

	mu       sync.Mutex
	newest   *Zone
	versions []*Version // oldest first; those before first are gone
	first    int
	bytes    int
	origins  map[records.Name]*originHistory
	changed  chan struct{} // closed when a version is added

	wanted     bool      // by a reader since the last version was added
	lastWanted time.Time // the version that was added after it; zero: never
}

// HistoryLimits bound a history. The oldest versions go first.
type HistoryLimits struct {
	Versions int // number of versions
	Bytes    int // memory for their differences, in bytes
}

// While no reader has wanted differences for idleAfter, those of at most idleBytes are
// kept: a server without secondaries and watchers pays for what the page shows alone.
const (
	idleAfter = time.Hour
	idleBytes = 4 << 20
)

// Version is how one version of the zone differs from the one before.
type Version struct {
	Index   uint64    // consecutive numbers, which are larger after a restart
	Time    time.Time // when the version was added
	Changes []*Change // one for each origin that differs

	bytes int
}

// Change is the difference between two versions of one origin's zone. A secondary
// that has From removes and adds records to get To.
type Change struct {
	Origin records.Name
	From   Record // the SOA record of the version before; zero where nothing was known before
	To     Record // the SOA record of the version; zero where the zone is gone, and all records with it

	// Whole is set where the difference is unknown, since too much has changed.
	// There are no records then: the zone has to be read again.
	Whole bool

	Removed, Added []Record // without the SOA records

	time time.Time // of the version
}

// originHistory is the changes of one origin, oldest first. Each but the first
// begins with the version that the one before leads to.
type originHistory struct {
	changes []*Change
	first   int
}

// indexBits is the room that each second has for indexes: a process that starts
// later uses larger ones.
const indexBits = 20

// NewHistory returns a history that begins with a version.
func NewHistory(limits HistoryLimits, z *Zone, now time.Time) *History {
	h := &History{limits: limits, newest: z, origins: map[records.Name]*originHistory{}, changed: make(chan struct{})}
	h.versions = []*Version{{Index: uint64(now.Unix()) << indexBits, Time: now}}
	return h
}

// Add adds the version that follows the newest one. Only the goroutine that makes
// versions calls it, once for each, after readers can see the version.
func (h *History) Add(z *Zone, now time.Time) {
	h.mu.Lock()
	if h.wanted {
		h.wanted, h.lastWanted = false, now
	}
	limit := h.limit(now)
	h.mu.Unlock()
	v := &Version{Time: now, Changes: z.delta.changes(z, limit)}
	z.delta.release()
	for _, c := range v.Changes {
		c.time = now
	}
	v.bytes = changesSize(v.Changes)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.newest = z
	if len(v.Changes) == 0 {
		return
	}
	v.Index = h.versions[len(h.versions)-1].Index + 1
	h.versions = append(h.versions, v)
	h.bytes += v.bytes
	for _, c := range v.Changes {
		if c.Whole || c.To == (Record{}) {
			delete(h.origins, c.Origin)
			continue
		}
		o := h.origins[c.Origin]
		if o == nil {
			o = &originHistory{}
			h.origins[c.Origin] = o
		}
		o.changes = append(o.changes, c)
	}
	for h.first < len(h.versions)-1 && (len(h.versions)-h.first > h.limits.Versions || h.bytes > limit) {
		h.dropOldest()
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// limit is the limit of the memory for differences at a time. The caller holds mu.
func (h *History) limit(now time.Time) int {
	if h.followed(now) {
		return h.limits.Bytes
	}
	return min(h.limits.Bytes, idleBytes)
}

// Want tells the history that a reader begins to follow it, and will ask for the
// versions after the newest one. [History.After] and [History.Difference] tell it too.
func (h *History) Want() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wanted = true
}

// Followed reports whether a reader has wanted differences within idleAfter.
func (h *History) Followed(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.wanted || h.followed(now)
}

// followed is Followed without what was wanted since the last version. The caller holds mu.
func (h *History) followed(now time.Time) bool {
	return !h.lastWanted.IsZero() && now.Sub(h.lastWanted) <= idleAfter
}

// dropOldest forgets the oldest version. The caller holds mu.
func (h *History) dropOldest() {
	v := h.versions[h.first]
	h.versions[h.first] = nil
	h.first++
	h.bytes -= v.bytes
	if h.first > len(h.versions)/2 {
		h.versions, h.first = slices.Clone(h.versions[h.first:]), 0
	}
	for _, c := range v.Changes {
		o := h.origins[c.Origin]
		if o == nil || o.changes[o.first] != c {
			continue // a later change had no difference, and those before it went
		}
		o.changes[o.first] = nil
		o.first++
		if o.first == len(o.changes) {
			delete(h.origins, c.Origin)
		} else if o.first > len(o.changes)/2 {
			o.changes, o.first = slices.Clone(o.changes[o.first:]), 0
		}
	}
}

// Newest is the version that the history ends with.
func (h *History) Newest() *Zone {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest
}

// Changed is closed when the next version is added.
func (h *History) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

// Size is the number of versions that are kept and the memory for them, in bytes.
func (h *History) Size() (versions, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.versions) - h.first, h.bytes
}

// After lists the versions that follow the one with an index, at most max of
// them, oldest first, and the zone and index that the history ends with. It is
// not ok where that version is not kept: the caller has to read the zone again.
func (h *History) After(index uint64, max int) (versions []*Version, newest uint64, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wanted = true
	newest = h.versions[len(h.versions)-1].Index
	oldest := h.versions[h.first].Index
	if index > newest || index < oldest {
		return nil, newest, false
	}
	from := h.first + int(index-oldest) + 1
	return slices.Clone(h.versions[from:min(len(h.versions), from+max)]), newest, true
}

// Last lists the newest versions, at most max of them, the newest first. The version
// that the history began with is not among them.
func (h *History) Last(max int) []*Version {
	h.mu.Lock()
	defer h.mu.Unlock()
	from := len(h.versions) - min(max, len(h.versions)-h.first-1)
	list := slices.Clone(h.versions[from:])
	slices.Reverse(list)
	return list
}

// Index is the version that the history ends with, and its index.
func (h *History) Index() (z *Zone, index uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.newest, h.versions[len(h.versions)-1].Index
}

// Difference is how one version of an origin's zone differs from a later one, both
// given by their serials, condensed (RFC 1995, section 5): a record that came and went
// is not in it. It is not ok where not both are kept. The cost depends on what has
// changed in between.
func (h *History) Difference(origin records.Name, from, to uint32) (c *Change, ok bool) {
	h.mu.Lock()
	h.wanted = true
	steps := slices.Clone(h.origins[origin].between(from, to))
	h.mu.Unlock()
	if len(steps) == 0 {
		return nil, false
	}
	return condense(steps), true
}

// Behind is how many versions of an origin's zone follow the one with a serial, and
// since when the oldest of them has been there. It is not ok where the version with
// that serial is not kept.
func (h *History) Behind(origin records.Name, serial uint32) (versions int, since time.Time, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.origins[origin]; o != nil {
		if missing := o.since(serial); len(missing) > 0 {
			return len(missing), missing[0].time, true
		}
	}
	newest, known := h.newest.Serial(origin)
	return 0, time.Time{}, known && newest == serial
}

// Cost is how many records have changed, and versions followed, between a version of an
// origin's zone and a later one, before anything is condensed: what
// [History.Difference] costs. It does not count further than most. It is not ok where
// not both versions are kept.
func (h *History) Cost(origin records.Name, from, to uint32, most int) (cost int, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	steps := h.origins[origin].between(from, to)
	for i := 0; i < len(steps) && cost < most; i++ {
		cost += 1 + len(steps[i].Removed) + len(steps[i].Added)
	}
	return min(cost, most), len(steps) > 0
}

// between lists the changes that lead from the version with a serial to a later one. A
// nil history has none.
func (o *originHistory) between(from, to uint32) []*Change {
	if o == nil {
		return nil
	}
	steps := o.since(from)
	for i := len(steps); i > 0; i-- { // the last one is nearly always among the newest
		if steps[i-1].To.SOASerial() == to {
			return steps[:i]
		}
	}
	return nil
}

// since lists the changes that follow the version with a serial.
func (o *originHistory) since(serial uint32) []*Change {
	list := o.changes[o.first:]
	end := list[len(list)-1].To.SOASerial()
	at, found := FindSerial(list, serial, end, func(c *Change) uint32 { return c.From.SOASerial() })
	if !found {
		return nil
	}
	return list[at:]
}

// condense joins changes that follow each other.
func condense(steps []*Change) *Change {
	first, last := steps[0], steps[len(steps)-1]
	if first == last {
		return first
	}
	c := &Change{Origin: first.Origin, From: first.From, To: last.To}
	balance := map[Record]int8{}
	for _, s := range steps {
		for _, r := range s.Removed {
			balance[r]--
		}
		for _, r := range s.Added {
			balance[r]++
		}
	}
	for _, s := range steps {
		for _, r := range s.Removed {
			if balance[r] < 0 {
				balance[r] = 0
				c.Removed = append(c.Removed, r)
			}
		}
		for _, r := range s.Added {
			if balance[r] > 0 {
				balance[r] = 0
				c.Added = append(c.Added, r)
			}
		}
	}
	return c
}
