package cache

import (
	"bytes"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options bound a [Cache].
type Options struct {
	Entries int           // most entries that it holds
	Bytes   int           // most bytes of memory that they take, about
	Stale   time.Duration // how long entries are kept after they have expired (RFC 8767, section 5)
}

// Cache holds entries by question. It may be used by many goroutines.
//
// It consists of shards, so that goroutines seldom wait for each other. Each shard
// holds its share of entries and bytes, and evicts the entry that was not used for the
// longest time.
type Cache struct {
	seed   maphash.Seed
	epoch  time.Time
	stale  atomic.Int64 // Options.Stale, in ns
	shards []shard
}

// shard finds entries by the hash of their key, and compares the key then. Of two keys
// with the same hash only the later one is kept.
type shard struct {
	mu         sync.Mutex
	lru        lru
	maxEntries int
	bytes      int
	maxBytes   int
	stats      Stats

	_ [64]byte // shards share no cache line of the processor
}

// Stats are counts since the cache was made, and what it holds.
type Stats struct {
	Hits      uint64 `json:"hits"`      // look-ups that found a fresh entry
	Misses    uint64 `json:"misses"`    // look-ups that found no usable entry
	Stale     uint64 `json:"stale"`     // expired entries that were used
	Evictions uint64 `json:"evictions"` // entries removed to make room
	Entries   int    `json:"entries"`
	Bytes     int    `json:"bytes"`
}

const (
	maxShards = 64

	// Each shard may hold at least this much, or there are fewer shards. The shares
	// of a small cache would be too small otherwise.
	entriesPerShard = 256
	bytesPerShard   = 512 << 10

	// maxShare is the part of its shard that an entry may take. A larger one is not
	// kept, as it would evict too many others.
	maxShare = 4
)

// New returns an empty cache.
func New(o Options) *Cache {
	count := 1
	for count < maxShards && 2*count*entriesPerShard <= o.Entries && 2*count*bytesPerShard <= o.Bytes {
		count *= 2
	}
	c := &Cache{seed: maphash.MakeSeed(), epoch: time.Now(), shards: make([]shard, count)}
	for i := range c.shards {
		c.shards[i].lru = newLRU()
	}
	c.SetLimits(o)
	return c
}

// now is the time since the cache was made. It does not depend on the wall clock.
func (c *Cache) now() time.Duration { return time.Since(c.epoch) }

func (c *Cache) shardOf(k Key) (*shard, uint64) {
	h := maphash.Bytes(c.seed, k)
	return &c.shards[h>>32&uint64(len(c.shards)-1)], h
}

// Found is the result of a look-up.
type Found struct {
	Entry    *Entry // nil if no entry may be used
	Age      Age
	Prefetch bool // the entry is popular and expires soon: the caller should ask again
}

// An entry is prefetched if it was used that often, and when that fraction of its TTL is
// left.
const (
	prefetchHits     = 4
	prefetchFraction = 10
)

// Get looks up an entry that may be used for a question.
func (c *Cache) Get(k Key) (f Found) {
	p, h := c.shardOf(k)
	now := c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.lru.use(h)
	if e == nil || !bytes.Equal(e.key(), k) {
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

// Peek looks at an entry without using it: nothing is counted, and the entry is not
// kept for longer. One that has expired is stale as long as it may be used when no
// server answers.
func (c *Cache) Peek(k Key) (f Found) {
	p, h := c.shardOf(k)
	now := c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.lru.peek(h)
	if e == nil || !bytes.Equal(e.key(), k) {
		return f
	}
	f.Age.Elapsed = now - e.stored
	f.Age.Stale = e.TTL <= f.Age.Elapsed
	if !f.Age.Stale || c.servesStale(e, now) {
		f.Entry = e
	}
	return f
}

// GetStale looks up an entry for when no server answers, which may have expired. It
// returns nil if there is no entry, or if it expired too long ago.
func (c *Cache) GetStale(k Key) *Entry {
	p, h := c.shardOf(k)
	now := c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.lru.use(h)
	if e == nil || !bytes.Equal(e.key(), k) || !c.servesStale(e, now) {
		return nil
	}
	return e
}

// servesStale reports whether an entry may still be used when no server answers.
func (c *Cache) servesStale(e *Entry, now time.Duration) bool {
	return !e.Failed() && now-e.stored < e.TTL+time.Duration(c.stale.Load())
}

// ExtendStale makes Get return an expired entry for [StaleTTL] from now, so that not
// every query has to wait for servers that fail (RFC 8767, section 5: failure recheck
// timer).
func (c *Cache) ExtendStale(e *Entry) {
	e.staleUntil.Store(int64(c.now() + StaleTTL))
	e.prefetching.Store(false)
}

// CountStale notes that n queries that had waited got an expired entry.
func (c *Cache) CountStale(k Key, n int) {
	p, _ := c.shardOf(k)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Stale += uint64(n)
}

// Put stores the answer to a question, unless its TTL is 0 or it is too large. A failure
// does not replace an answer that may still be of use.
func (c *Cache) Put(k Key, e *Entry) {
	if e.TTL <= 0 {
		return
	}
	p, h := c.shardOf(k)
	now := c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.lru.peek(h)
	if old != nil && bytes.Equal(old.key(), k) && e.Failed() && c.servesStale(old, now) {
		return
	}
	if e.keyLen == 0 {
		e.data, e.keyLen = slices.Concat(k, e.data), uint16(len(k))
	}
	if e.size() > p.maxBytes/maxShare {
		return
	}
	e.stored = now
	if old != nil {
		p.bytes -= old.size()
	}
	p.bytes += e.size()
	p.lru.put(h, e)
	p.evict()
}

// evict removes what is above the bounds. The caller holds mu.
func (p *shard) evict() {
	for p.bytes > p.maxBytes || p.lru.len() > p.maxEntries {
		h, e, ok := p.lru.last()
		if !ok {
			break
		}
		p.remove(h, e)
	}
}

func (p *shard) remove(h uint64, e *Entry) {
	p.lru.remove(h)
	p.bytes -= e.size()
	p.stats.Evictions++
}

// SetLimits sets other limits, and removes what is above them. The number of shards
// stays.
func (c *Cache) SetLimits(o Options) {
	c.stale.Store(int64(o.Stale))
	count := len(c.shards)
	for i := range c.shards {
		p := &c.shards[i]
		p.mu.Lock()
		p.maxBytes = o.Bytes / count
		p.maxEntries = max(o.Entries/count, 1)
		p.evict()
		p.mu.Unlock()
	}
}

// Remove removes the entries of keys for which a function returns true.
func (c *Cache) Remove(which func(Key) bool) {
	for i := range c.shards {
		p := &c.shards[i]
		p.mu.Lock()
		for h, e := range p.lru.all() {
			if which(e.key()) {
				p.remove(h, e)
			}
		}
		p.mu.Unlock()
	}
}

// Stats are those of all shards.
func (c *Cache) Stats() (s Stats) {
	for i := range c.shards {
		p := &c.shards[i]
		p.mu.Lock()
		s.Hits += p.stats.Hits
		s.Misses += p.stats.Misses
		s.Stale += p.stats.Stale
		s.Evictions += p.stats.Evictions
		s.Entries += p.lru.len()
		s.Bytes += p.bytes
		p.mu.Unlock()
	}
	return s
}
