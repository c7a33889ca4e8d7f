package resolver

import (
	"errors"
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
	f          *forwarder
	shard      *flightShard
	key        cache.Key
	staleTimer *time.Timer // ends the patience of clients that a stale answer is there for

	waiters []*pendingQuery // the part's lock guards it
}

// flights are those of a part of the questions.
type flightShard struct {
	mu sync.Mutex
	m  map[string]*flight

	_ [64]byte
}

const flightShards = 16

// stalePatience is how long clients wait for servers when what was known before
// can be used (RFC 8767, section 5: client response timer).
const staleResponseTimeout = 1800 * time.Millisecond

// ask takes a query that could not be answered at once. What becomes of it is
// sent to the client later, at the latest when the timeout is over.
func (f *forwarder) ask(l *pendingQuery) {
	if l.replyTo == nil && f.inflight.Load() >= int64(f.o.MaxPending) {
		return // who waits goes first
	}
	if l.replyTo != nil && !f.pending.acquire(l.addr) {
		f.counts.refused.Add(1)
		l.replyTo.writeResponse(l, cache.Failure(dns.RcodeServerFailure), cache.Age{})
		return
	}
	p := &f.shards[maphash.Bytes(f.seed, l.key)%flightShards]
	p.mu.Lock()
	if fl := p.m[string(l.key)]; fl != nil {
		if l.replyTo == nil {
			p.mu.Unlock()
			return
		}
		fl.waiters = append(fl.waiters, l)
		p.mu.Unlock()
		f.counts.shared.Add(1)
		return
	}
	fl := &flight{f: f, shard: p, key: l.key}
	group := f.group(l.key.Name())
	if l.replyTo != nil {
		fl.waiters = append(fl.waiters, l)
		if e := f.cache.GetStale(l.key); e != nil {
			wait := staleResponseTimeout
			if group.Down() {
				wait = 0
			}
			fl.staleTimer = time.AfterFunc(wait, fl.answerStale)
		}
	}
	p.m[string(l.key)] = fl
	f.inflight.Add(1)
	p.mu.Unlock()
	group.Ask(upstream.Question{Name: fl.key.Name(), Type: fl.key.Type(), Class: fl.key.Class(), DO: fl.key.DO(), CD: fl.key.CD()}, fl)
}

// impatient answers those who have waited long enough with what was known
// before. The question goes on.
func (fl *flight) answerStale() {
	e := fl.f.cache.GetStale(fl.key)
	if e == nil {
		return
	}
	fl.shard.mu.Lock()
	waiting := fl.waiters
	fl.waiters = nil
	fl.shard.mu.Unlock()
	fl.f.deliverStale(e, waiting)
}

// stale answers queries with an entry that is past its life.
func (f *forwarder) deliverStale(e *cache.Entry, waiting []*pendingQuery) {
	f.cache.ExtendStale(e)
	if len(waiting) == 0 {
		return
	}
	f.cache.CountStale(waiting[0].key, len(waiting))
	f.deliver(waiting, e, cache.Age{Stale: true})
}

func (f *forwarder) deliver(waiting []*pendingQuery, e *cache.Entry, age cache.Age) {
	for _, l := range waiting {
		l.replyTo.writeResponse(l, e, age)
		f.pending.release(l.addr)
	}
}

// OnResponse makes an entry of a reply.
func (fl *flight) OnResponse(msg []byte) (upstream.Result, error) {
	e, err := fl.f.reader.Read(msg, fl.key)
	switch {
	case errors.Is(err, cache.ErrNoAnswer):
		return nil, upstream.ErrUnusable
	case err != nil:
		return nil, err
	}
	return e, nil
}

// Done takes in what came of the question.
func (fl *flight) Done(reply upstream.Result, err error) {
	f := fl.f
	if fl.staleTimer != nil {
		fl.staleTimer.Stop()
	}
	e, ok := reply.(*cache.Entry)
	if err != nil || !ok {
		e = cache.Failure(dns.RcodeServerFailure)
	}
	var old *cache.Entry
	if e.Failed() {
		f.counts.failed.Add(1)
		old = f.cache.GetStale(fl.key)
	}
	if old == nil {
		f.cache.Put(fl.key, e)
	}
	fl.shard.mu.Lock()
	delete(fl.shard.m, string(fl.key))
	waiting := fl.waiters
	fl.waiters = nil
	fl.shard.mu.Unlock()
	if old != nil {
		f.deliverStale(old, waiting)
	} else {
		f.deliver(waiting, e, cache.Age{})
	}
	f.inflight.Add(-1)
}

// bounds are on the queries that wait for servers upstream: of each client, and
// in all.
type pendingLimits struct {
	maxPerClient, max int

	mu        sync.Mutex
	count     int
	perClient map[netip.Addr]int
}

func (b *pendingLimits) acquire(a netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.perClient[a]
	if b.count >= b.max || n >= b.maxPerClient {
		return false
	}
	b.count++
	b.perClient[a] = n + 1
	return true
}

func (b *pendingLimits) release(a netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count--
	if n := b.perClient[a] - 1; n > 0 {
		b.perClient[a] = n
	} else {
		delete(b.perClient, a)
	}
}

func (b *pendingLimits) total() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count
}
