package resolver

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/resolver/upstream"
)

// flight is one question on its way to the upstream servers, with all the queries
// that wait for its answer.
type flight struct {
	f          *forwarder
	shard      *flightShard
	hash       uint64 // of the key
	key        cache.Key
	zones      *zoneUpstreams // when the question was asked
	begun      time.Time
	staleTimer *time.Timer // answers the waiting queries from an expired entry

	// The shard's lock guards these.
	waiters   []*pendingQuery
	one       [1]*pendingQuery  // memory for waiters, as most flights have one
	question  upstream.Canceler // nil while it is being asked
	abandoned bool              // its last query made room for others: it is no longer in a shard
}

// flightShard has a part of the flights, by the hash of their key. Of two keys with the
// same hash, which nobody can find on purpose, only the first has its flight here: each
// query for the other one has a flight of its own.
type flightShard struct {
	mu      sync.Mutex
	flights map[uint64]*flight

	_ [64]byte // no two shards share a cache line of the processor
}

const flightShards = 16

// staleResponseTimeout is how long clients wait for servers before they get an
// expired answer (RFC 8767, section 5: client response timer).
const staleResponseTimeout = 1800 * time.Millisecond

// forward takes a query that could not be answered at once. Its client gets a
// response later, at the latest when the upstream timeout has passed.
func (f *forwarder) forward(l *pendingQuery) {
	f.admit(l)
	f.flush()
}

// admit is forward for several queries: the caller calls flush after the last.
func (f *forwarder) admit(l *pendingQuery) {
	if l.replyTo == nil {
		f.prefetch(l.key)
		return
	}
	evicted := f.pending.add(l)
	f.fly(l)
	for _, e := range evicted {
		f.counts.displaced.Add(1)
		f.abandon(e)
	}
}

// prefetch asks a question only to refresh the cache. Queries of clients come first.
func (f *forwarder) prefetch(k cache.Key) {
	if f.inflight.Load() < f.limits.Load().maxPending {
		f.fly(&pendingQuery{forwardQuery: forwardQuery{key: k}})
	}
}

// fly makes a query wait for the answer to the question of its key, and asks the
// question unless it is already on its way.
func (f *forwarder) fly(l *pendingQuery) {
	p, hash := f.shardOf(l.key)
	p.mu.Lock()
	other := p.flights[hash]
	if fl := other; fl != nil && bytes.Equal(fl.key, l.key) {
		if l.replyTo != nil {
			fl.waiters = append(fl.waiters, l)
			f.counts.shared.Add(1)
		}
		p.mu.Unlock()
		return
	}
	fl := &flight{f: f, shard: p, hash: hash, key: l.key, begun: time.Now(), zones: f.zones.Load()}
	group := fl.zones.group(l.key.Name())
	if group == nil {
		group = f.defaultGroup.Load()
	}
	if l.replyTo != nil {
		fl.waiters = append(fl.one[:0], l)
		if e := f.cache.GetStale(l.key); e != nil {
			wait := staleResponseTimeout
			if group.Down() {
				wait = 0
			}
			fl.staleTimer = time.AfterFunc(wait, fl.answerStale)
		}
	}
	if other == nil {
		p.flights[hash] = fl
	}
	f.inflight.Add(1)
	p.mu.Unlock()
	question := f.ask(group, upstream.Question{Name: fl.key.Name(), Type: fl.key.Type(), Class: fl.key.Class(), DO: fl.key.DO(), CD: fl.key.CD()}, fl)
	p.mu.Lock()
	fl.question = question
	abandoned := fl.abandoned
	p.mu.Unlock()
	if abandoned {
		question.Cancel()
	}
}

func (f *forwarder) shardOf(k cache.Key) (*flightShard, uint64) {
	hash := maphash.Bytes(f.seed, k)
	return &f.shards[hash%flightShards], hash
}

// remove removes a flight that has ended. The caller holds the lock.
func (p *flightShard) remove(fl *flight) {
	if p.flights[fl.hash] == fl {
		delete(p.flights, fl.hash)
	}
}

// abandon answers a query that has to make room for others. There is no expired
// answer for it, because it would have been sent by now. A question without any
// waiting query makes room too.
func (f *forwarder) abandon(e evictedQuery) {
	var question upstream.Canceler
	p, hash := f.shardOf(e.key)
	p.mu.Lock()
	if fl := p.flights[hash]; fl != nil {
		if i := slices.Index(fl.waiters, e.query); i >= 0 {
			fl.waiters = slices.Delete(fl.waiters, i, i+1)
			if len(fl.waiters) == 0 {
				p.remove(fl)
				fl.abandoned, question = true, fl.question
			}
		}
	}
	p.mu.Unlock()
	if question != nil {
		question.Cancel()
	}
	e.query.replyTo.writeResponse(e.query, cache.Failure(dns.RcodeServerFailure), cache.Age{})
}

// answerStale answers the queries that have waited long enough from an expired
// entry. The question goes on.
func (fl *flight) answerStale() {
	e := fl.f.cache.GetStale(fl.key)
	if e == nil {
		return
	}
	waiters, _ := fl.take(false)
	fl.f.deliverStale(e, fl.key, waiters)
	fl.f.flush()
}

// take removes the queries that wait and returns them. With ended, no more will
// come. A flight that was abandoned has none.
func (fl *flight) take(ended bool) (waiters []*pendingQuery, abandoned bool) {
	fl.shard.mu.Lock()
	defer fl.shard.mu.Unlock()
	if ended && !fl.abandoned {
		fl.shard.remove(fl)
	}
	waiters = fl.waiters
	fl.waiters = nil
	return waiters, fl.abandoned
}

// deliverStale answers queries from an expired entry.
func (f *forwarder) deliverStale(e *cache.Entry, k cache.Key, waiters []*pendingQuery) {
	f.cache.ExtendStale(e)
	if len(waiters) == 0 {
		return
	}
	f.cache.CountStale(k, len(waiters))
	f.deliver(waiters, k, e, cache.Age{Stale: true})
}

// deliver answers the queries that wait for an entry, or continues with the next
// part of their answers.
func (f *forwarder) deliver(waiters []*pendingQuery, k cache.Key, e *cache.Entry, age cache.Age) {
	for _, l := range waiters {
		if !f.complete(l, k, e, age) {
			continue
		}
		if f.pending.claim(l) {
			l.replyTo.writeResponse(l, e, age)
		}
	}
}

// complete reports whether a query can be answered with an entry that it waited
// for. If its answer has another part that is not known, it waits for that.
func (f *forwarder) complete(l *pendingQuery, k cache.Key, e *cache.Entry, age cache.Age) bool {
	if e.Failed() || l.chain == nil && len(e.Next()) == 0 {
		return true
	}
	if l.chain == nil {
		l.chain = new(chain)
	}
	l.chain.fetched = append(l.chain.fetched, chainPart{key: k, entry: e, age: age})
	name := l.question[:len(l.question)-4]
	missing := l.chain.plan(f.store.Current(), f, lowerName(name), l.chainQuestion())
	if missing == nil {
		return true
	}
	if f.pending.waitFor(l, missing) {
		f.fly(l)
	}
	return false
}

// OnResponse makes an entry of a response.
func (fl *flight) OnResponse(msg []byte) (upstream.Result, error) {
	f := fl.f
	r := cache.Reader{MinTTL: f.limits.Load().minTTL, MaxTTL: f.limits.Load().maxTTL, InBailiwick: fl.inBailiwick}
	e, err := r.Read(msg, fl.key)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// inBailiwick reports whether records of a name are accepted from the servers that
// were asked: it is outside our zones, and no other servers are configured for it.
func (fl *flight) inBailiwick(name []byte) bool {
	if !fl.f.outside(name) {
		return false
	}
	g := fl.zones.group(name)
	return g == nil || g == fl.zones.group(fl.key.Name())
}

// Done handles the result of the question.
func (fl *flight) Done(result upstream.Result, err error) {
	f := fl.f
	defer f.inflight.Add(-1)
	if fl.staleTimer != nil {
		fl.staleTimer.Stop()
	}
	e, ok := result.(*cache.Entry)
	if err != nil || !ok {
		e = cache.Failure(dns.RcodeServerFailure)
	}
	if !e.Failed() {
		fl.keep(e) // before equal questions are asked again
	}
	waiters, abandoned := fl.take(true)
	if !abandoned {
		f.times.Observe(time.Since(fl.begun).Seconds())
	}
	if e.Failed() {
		if abandoned {
			return // no server has failed
		}
		f.counts.failed.Add(1)
		if old := f.cache.GetStale(fl.key); old != nil {
			f.deliverStale(old, fl.key, waiters)
			return
		}
		fl.keep(e)
	}
	f.deliver(waiters, fl.key, e, cache.Age{})
}

// keep puts an answer into the cache, unless other servers are to be asked meanwhile.
func (fl *flight) keep(e *cache.Entry) {
	if fl.zones.group(fl.key.Name()) == fl.f.zoneGroup(fl.key.Name()) {
		fl.f.cache.Put(fl.key, e)
	}
}

// lowerName returns a copy of a name in wire form, in lower case, with room for the
// rest of a cache key behind it.
func lowerName(name []byte) []byte {
	key := append(make([]byte, 0, len(name)+cache.KeyTail), name...)
	dnswire.ToLower(key)
	return key
}
