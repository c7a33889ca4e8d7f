package resolver

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/cache"
	"toponym/resolver/upstream"
)

// flight is one question on its way upstream, with all the queries that wait for
// the answer.
type flight struct {
	f       *forwarder
	part    *flights
	key     cache.Key
	patient *time.Timer // ends the patience of clients that a stale answer is there for

	waiting []*late // the part's lock guards it
}

// flights are those of a part of the questions.
type flights struct {
	mu sync.Mutex
	m  map[string]*flight

	_ [64]byte
}

const flightParts = 16

// stalePatience is how long clients wait for servers when what was known before
// can be used (RFC 8767, section 5: client response timer).
const stalePatience = 1800 * time.Millisecond

// ask takes a query that could not be answered at once. What becomes of it is
// sent to the client later, at the latest when the timeout is over.
func (f *forwarder) ask(l *late) {
	if l.way == nil && f.flying.Load() >= int64(f.o.MaxWaiting) {
		return // who waits goes first
	}
	if l.way != nil && !f.bounds.enter(l.addr) {
		f.counts.refused.Add(1)
		l.way.send(l, cache.Failure(dns.RcodeServerFailure), cache.Age{})
		return
	}
	p := &f.parts[maphash.Bytes(f.seed, l.key)%flightParts]
	p.mu.Lock()
	if fl := p.m[string(l.key)]; fl != nil {
		if l.way == nil {
			p.mu.Unlock()
			return
		}
		fl.waiting = append(fl.waiting, l)
		p.mu.Unlock()
		f.counts.shared.Add(1)
		return
	}
	fl := &flight{f: f, part: p, key: l.key}
	group := f.group(l.key.Name())
	if l.way != nil {
		fl.waiting = append(fl.waiting, l)
		if e := f.cache.Stale(l.key); e != nil {
			wait := stalePatience
			if group.Down() {
				wait = 0
			}
			fl.patient = time.AfterFunc(wait, fl.impatient)
		}
	}
	p.m[string(l.key)] = fl
	f.flying.Add(1)
	p.mu.Unlock()
	group.Ask(upstream.Question{Name: fl.key.Name(), Type: fl.key.Type(), Class: fl.key.Class(), DO: fl.key.DO(), CD: fl.key.CD()}, fl)
}

// impatient answers those who have waited long enough with what was known
// before. The question goes on.
func (fl *flight) impatient() {
	e := fl.f.cache.Stale(fl.key)
	if e == nil {
		return
	}
	fl.part.mu.Lock()
	waiting := fl.waiting
	fl.waiting = nil
	fl.part.mu.Unlock()
	fl.f.stale(e, waiting)
}

// stale answers queries with an entry that is past its life.
func (f *forwarder) stale(e *cache.Entry, waiting []*late) {
	f.cache.Extend(e)
	if len(waiting) == 0 {
		return
	}
	f.cache.CountStale(waiting[0].key, len(waiting))
	f.deliver(waiting, e, cache.Age{Stale: true})
}

func (f *forwarder) deliver(waiting []*late, e *cache.Entry, age cache.Age) {
	for _, l := range waiting {
		l.way.send(l, e, age)
		f.bounds.leave(l.addr)
	}
}

// Read makes an entry of a reply.
func (fl *flight) Read(msg []byte) (upstream.Reply, error) {
	e, err := fl.f.reader.Read(msg, fl.key)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// Answered takes in what came of the question.
func (fl *flight) Answered(reply upstream.Reply, err error) {
	f := fl.f
	if fl.patient != nil {
		fl.patient.Stop()
	}
	e, ok := reply.(*cache.Entry)
	if err != nil || !ok {
		e = cache.Failure(dns.RcodeServerFailure)
	}
	var old *cache.Entry
	if e.Failed() {
		f.counts.failed.Add(1)
		old = f.cache.Stale(fl.key)
	}
	if old == nil {
		f.cache.Put(fl.key, e)
	}
	fl.part.mu.Lock()
	delete(fl.part.m, string(fl.key))
	waiting := fl.waiting
	fl.waiting = nil
	fl.part.mu.Unlock()
	if old != nil {
		f.stale(old, waiting)
	} else {
		f.deliver(waiting, e, cache.Age{})
	}
	f.flying.Add(-1)
}

// bounds are on the queries that wait for servers upstream: of each client, and
// in all.
type bounds struct {
	each, all int

	mu    sync.Mutex
	count int
	of    map[netip.Addr]int
}

func (b *bounds) enter(a netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.of[a]
	if b.count >= b.all || n >= b.each {
		return false
	}
	b.count++
	b.of[a] = n + 1
	return true
}

func (b *bounds) leave(a netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count--
	if n := b.of[a] - 1; n > 0 {
		b.of[a] = n
	} else {
		delete(b.of, a)
	}
}

func (b *bounds) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
