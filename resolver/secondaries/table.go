package secondaries

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"toponym/records"
	"toponym/resolver/notify"
	"toponym/resolver/transfer"
	"toponym/zone"
)

const (
	// maxRows bounds the secondaries that are kept. For a further one, the one that
	// was seen longest ago is forgotten: if possible one that is neither a target nor
	// has a key, which any host in the allowed networks can be.
	maxRows = 1000

	// maxPassed is how many are passed over at most to find one to forget.
	maxPassed = 500

	// maxZones bounds their zones, over all secondaries, in the same way.
	maxZones = 5000
)

// Options configure a [Table].
type Options struct {
	// Changed returns a channel that is closed when a zone gets its next version.
	Changed func() <-chan struct{}

	// Zones lists the SOA records of the newest versions of all zones that
	// secondaries may have.
	Zones func() []zone.Record

	// Behind is [zone.History.Behind].
	Behind func(origin records.Name, serial uint32) (versions int, since time.Time, ok bool)

	// Expire is for how long a secondary is kept after it was seen last: when it no
	// longer answers from what it has (RFC 1035, section 3.3.13).
	Expire func() time.Duration
}

// Table is what is known of secondaries. It is the observer of transfers and of
// NOTIFY. Its methods may be called from any goroutine.
type Table struct {
	o Options

	mu     sync.Mutex
	rows   *simplelru.LRU[id, *row] // in the order in which they were seen
	zones  int                      // in all rows
	newest map[records.Name]uint32  // serials

	targets   map[netip.AddrPort]*target
	targetsAt map[netip.Addr][]*target
}

// id tells secondaries apart. A key may be that of several of them, and an address
// may be that of several with a key each.
type id struct {
	addr netip.Addr
	key  records.Name // "" for none
}

// row is a secondary.
type row struct {
	seen      time.Time
	soa       Message // the last SOA query
	transfer  Transfer
	counts    map[transfer.Kind]uint64
	bytes     uint64
	failures  uint64
	lastError Failure
	zones     map[records.Name]*held
}

// held is the zone that a secondary has.
type held struct {
	serial uint32
	known  bool   // the serial
	told   uint32 // the serial in the last response to a SOA query; 0 for none
	polled bool   // it asks for new versions, unlike a person who transfers the zone once

	// behind is when a version followed that the secondary lacks; zero if it lacks
	// none.
	behind time.Time
}

// New returns a table. It starts nothing.
func New(o Options) *Table {
	t := &Table{o: o, newest: map[records.Name]uint32{}, targets: map[netip.AddrPort]*target{}}
	rows, err := simplelru.NewLRU(maxRows, func(_ id, r *row) { t.zones -= len(r.zones) })
	if err != nil {
		panic(err) // not reached: the size is positive
	}
	t.rows = rows
	return t
}

// Observe implements [transfer.Observer].
func (t *Table) Observe(e transfer.Event) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	key := id{e.Client.Unmap(), e.Key}
	anybody := e.OverUDP || e.Kind == transfer.SOA && e.Key == "" // not only secondaries ask for SOA records
	targets := t.targetsOf(key)
	if anybody && !t.rows.Contains(key) && len(targets) == 0 {
		return // a secondary has to transfer the zone over TCP first
	}
	for _, n := range targets {
		if e.Kind != transfer.SOA && !e.OverUDP || n.asks == (id{}) {
			n.asks = key // over UDP anybody can ask in its name
		}
	}
	r := t.row(key)
	r.seen = now
	h := r.zones[e.Zone]
	if h == nil {
		h = &held{}
		r.zones[e.Zone] = h
		t.zones++
		for t.zones > maxZones && t.rows.Len() > 1 {
			t.forgetOne(key)
		}
	}
	if e.Kind == transfer.SOA {
		h.polled = true
		h.told = e.Serial
		r.soa = Message{Zone: e.Zone, Serial: e.Serial, Time: now}
		return
	}
	if e.Kind != transfer.AXFR {
		h.polled = true
		t.has(h, e.Zone, e.Has, now)
	}
	r.bytes += uint64(e.Bytes)
	if e.Err != nil {
		r.failures++
		r.lastError = Failure{Text: e.Err.Error(), Zone: e.Zone, Time: now}
		return
	}
	r.counts[e.Kind]++
	if e.Kind == transfer.TryTCP {
		return // it will ask again
	}
	r.transfer = Transfer{Message: Message{Zone: e.Zone, Serial: e.Serial, Time: now}, Kind: e.Kind, Duration: e.Duration}
	switch e.Kind {
	case transfer.AXFR, transfer.IXFR, transfer.Fallback:
		// The next version came after this transfer had begun.
		t.has(h, e.Zone, e.Serial, now.Add(-e.Duration))
	}
}

// row returns the row of a secondary that is seen now.
func (t *Table) row(key id) *row {
	r, ok := t.rows.Get(key)
	if !ok {
		if t.rows.Len() == maxRows {
			t.forgetOne(key)
		}
		r = &row{counts: map[transfer.Kind]uint64{}, zones: map[records.Name]*held{}}
		t.rows.Add(key, r)
	}
	return r
}

// forgetOne removes a secondary, but not the one that is seen now. Of those that are
// passed over no more are looked at than can be targets.
func (t *Table) forgetOne(now id) {
	for range min(maxPassed, t.rows.Len()) {
		key, _, _ := t.rows.GetOldest()
		if key != now && key.key == "" && len(t.targetsAt[key.addr]) == 0 {
			break
		}
		t.rows.Get(key) // is the newest then
	}
	if key, _, _ := t.rows.GetOldest(); key == now {
		t.rows.Get(key)
	}
	t.rows.RemoveOldest()
}

// has takes in which version a secondary has. If another one is the newest, that
// followed at the given time at the earliest.
func (t *Table) has(h *held, origin records.Name, serial uint32, earliest time.Time) {
	same := h.known && h.serial == serial
	h.serial, h.known = serial, true
	newest, ok := t.newest[origin]
	switch {
	case !ok || serial == newest || zone.SerialAfter(serial, newest):
		h.behind = time.Time{}
	case !same || h.behind.IsZero():
		h.behind = t.behind(origin, serial, earliest)
	}
}

// behind is when a version followed the one with a serial. Where that is no longer
// known, it is the given time.
func (t *Table) behind(origin records.Name, serial uint32, otherwise time.Time) time.Time {
	if _, since, ok := t.o.Behind(origin, serial); ok && !since.IsZero() {
		return since
	}
	return otherwise
}

// followInterval is how often the table looks for new versions at most. The history
// knows the exact times, for as long as it has them.
const followInterval = time.Second

// Run notes which secondaries lack a new version, until ctx ends.
func (t *Table) Run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		changed := t.o.Changed()
		t.mu.Lock()
		t.update(time.Now())
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		pause.Reset(followInterval)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// update takes over the newest versions, and forgets zones and secondaries that are
// no longer there. The caller holds mu.
func (t *Table) update(now time.Time) {
	zones := t.o.Zones()
	newest := make(map[records.Name]uint32, len(zones))
	for i := range zones {
		newest[zones[i].Owner] = zones[i].SOASerial()
	}
	t.newest = newest
	expire := t.o.Expire()
	for _, key := range t.rows.Keys() {
		r, _ := t.rows.Peek(key)
		if now.Sub(r.seen) > expire && len(t.targetsOf(key)) == 0 {
			t.rows.Remove(key)
			continue
		}
		for origin, h := range r.zones {
			serial, ok := newest[origin]
			switch {
			case !ok:
				delete(r.zones, origin)
				t.zones--
			case !h.known:
			case h.serial == serial || zone.SerialAfter(h.serial, serial):
				h.behind = time.Time{}
			case h.behind.IsZero():
				h.behind = t.behind(origin, h.serial, now)
			}
		}
	}
}

var (
	_ transfer.Observer = (*Table)(nil)
	_ notify.Observer   = (*Table)(nil)
)
