package cache

import (
	"bytes"
	"hash/maphash"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Options bound a [Cache].
type Options struct {
	Entries int           // how many entries it holds at most
	Bytes   int           // how many octets of memory they take at most, about
	Stale   time.Duration // for how long entries are kept past their life (RFC 8767, section 5)
}

// Cache holds entries by question. It may be used by many goroutines.
//
// It is made of parts, so that they seldom wait for each other. Each holds its
// share of entries and octets, and forgets what was not used for longest.
type Cache struct {
	seed   maphash.Seed
	epoch  time.Time
	stale  time.Duration
	shards []shard
}

// part finds entries by the hash of their key, and compares the key then. Of two
// keys with the same hash, which come once in a blue moon, the later stays.
type shard struct {
	mu       sync.Mutex
	lru      *simplelru.LRU[uint64, *Entry]
	bytes    int
	maxBytes int
	stats    Stats

	_ [64]byte // parts share no line of the processor's cache
}

// Stats are counts since the cache was made, and what it holds.
type Stats struct {
	Hits      uint64 // found, and fit for use
	Misses    uint64 // not found, or past its life
	Stale     uint64 // used past its life
	Evictions uint64 // forgotten for want of room
	Entries   int
	Bytes     int
}

const (
	maxShards = 64
	// perPart is what a part must hold at least, so that the shares of a small
	// cache do not get too small.
	entriesPerShard = 256
)

// New returns an empty cache.
func New(o Options) *Cache {
	count := 1
	for count < maxShards && 2*count*entriesPerShard <= o.Entries {
		count *= 2
	}
	c := &Cache{seed: maphash.MakeSeed(), epoch: time.Now(), stale: o.Stale, shards: make([]shard, count)}
	for i := range c.shards {
		p := &c.shards[i]
		p.maxBytes = max(o.Bytes/count, 1)
		p.lru, _ = simplelru.NewLRU(max(o.Entries/count, 1), func(_ uint64, e *Entry) {
			p.bytes -= e.size()
			p.stats.Evictions++
		}) // fails for sizes below 1 only
	}
	return c
}

// now is the time since the cache was made. Steps of the wall clock do not count.
func (c *Cache) now() time.Duration { return time.Since(c.epoch) }

func (c *Cache) shardOf(k Key) (*shard, uint64) {
	h := maphash.Bytes(c.seed, k)
	return &c.shards[h>>32&uint64(len(c.shards)-1)], h
}

// Found is what a look-up has found.
type Found struct {
	Entry    *Entry // nil: nothing that may be used
	Age      Age
	Prefetch bool // the entry is popular and will end soon: the caller shall ask anew
}

// Entries are renewed that were used so often, when that part of their life is
// left.
const (
	prefetchHits     = 4
	prefetchFraction = 10
)

// Get finds what may be used for a question.
func (c *Cache) Get(k Key) (f Found) {
	p, h := c.shardOf(k)
	now := c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.lru.Get(h)
	if !ok || !bytes.Equal(e.key, k) {
		p.stats.Misses++
		return f
	}
	f.Age.Elapsed = now - e.stored
	left := e.TTL - f.Age.Elapsed
	switch {
	case left > 0:
		p.stats.Hits++
		f.Entry = e
		hits := e.hits.Add(1)
		f.Prefetch = left < e.TTL/prefetchFraction && hits >= prefetchHits && !e.Failed() && e.prefetching.CompareAndSwap(false, true)
	case int64(now) < e.staleUntil.Load():
		p.stats.Stale++
		f.Entry, f.Age.Stale = e, true
	default:
		p.stats.Misses++
	}
	return f
}

// Stale finds what was known of a question when nothing better can be had. It is
// nil when that is too old. The entry serves for everybody until a while from
// now, so that not each of them has to wait for servers that fail (RFC 8767,
// section 5: failure recheck timer).
func (c *Cache) GetStale(k Key) *Entry {
	p, h := c.shardOf(k)
	now := c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	e, ok := p.lru.Get(h)
	if !ok || !bytes.Equal(e.key, k) || !c.servesStale(e, now) {
		return nil
	}
	return e
}

// keeps reports whether an entry that is past its life may still be used.
func (c *Cache) servesStale(e *Entry, now time.Duration) bool {
	return !e.Failed() && now-e.stored < e.TTL+c.stale
}

// Extend lets an entry serve past its life for a while.
func (c *Cache) ExtendStale(e *Entry) {
	e.staleUntil.Store(int64(c.now() + StaleTTL))
	e.prefetching.Store(false)
}

// CountStale notes that an entry was used past its life by somebody who had
// waited.
func (c *Cache) CountStale(k Key, n int) {
	p, _ := c.shardOf(k)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Stale += uint64(n)
}

// Put stores the answer to a question. A failure does not take the place of
// what may still be of use.
func (c *Cache) Put(k Key, e *Entry) {
	if e.TTL <= 0 {
		return
	}
	p, h := c.shardOf(k)
	now := c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	old, ok := p.lru.Peek(h)
	if ok && bytes.Equal(old.key, k) && e.Failed() && c.servesStale(old, now) {
		return
	}
	if e.key == nil {
		e.key = bytes.Clone(k)
	}
	e.stored = now
	if ok {
		p.bytes -= old.size()
	}
	p.bytes += e.size()
	p.lru.Add(h, e)
	for p.bytes > p.maxBytes {
		if _, _, ok := p.lru.RemoveOldest(); !ok {
			break
		}
	}
}

// Stats are those of all parts.
func (c *Cache) Stats() (s Stats) {
	for i := range c.shards {
		p := &c.shards[i]
		p.mu.Lock()
		s.Hits += p.stats.Hits
		s.Misses += p.stats.Misses
		s.Stale += p.stats.Stale
		s.Evictions += p.stats.Evictions
		s.Entries += p.lru.Len()
		s.Bytes += p.bytes
		p.mu.Unlock()
	}
	return s
}
