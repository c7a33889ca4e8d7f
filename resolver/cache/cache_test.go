package cache

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func entry(ttl time.Duration) *Entry { return entryOf(ttl, 50) }

// entryOf is an entry whose records have a number of bytes.
func entryOf(ttl time.Duration, size int) *Entry {
	return &Entry{TTL: ttl, data: make([]byte, size), bodyLen: uint16(size), start: 24}
}

func TestEntriesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Entries: 10, Bytes: 1 << 20, Stale: time.Hour})
		k := key("a.test", dns.TypeA)
		if c.Get(k).Entry != nil || c.GetStale(k) != nil {
			t.Error("an empty cache has an entry")
		}
		e := entry(time.Minute)
		c.Put(k, e)
		time.Sleep(59 * time.Second)
		if f := c.Get(k); f.Entry != e || f.Age.Elapsed != 59*time.Second || f.Age.Stale {
			t.Errorf("after 59 s: got %+v, want the fresh entry", f)
		}
		if c.Get(key("a.test", dns.TypeAAAA)).Entry != nil {
			t.Error("another type has the same entry")
		}
		time.Sleep(time.Second)
		if c.Get(k).Entry != nil {
			t.Error("an expired entry is used")
		}
		c.Put(k, Failure(2))
		if c.GetStale(k) != e {
			t.Fatal("a failure has replaced an entry that may be used when no server answers")
		}
		c.ExtendStale(e)
		if f := c.Get(k); f.Entry != e || !f.Age.Stale {
			t.Errorf("after ExtendStale: got %+v, want the stale entry", f)
		}
		time.Sleep(StaleTTL)
		if c.Get(k).Entry != nil {
			t.Error("the stale entry is used for longer than StaleTTL")
		}
		time.Sleep(time.Hour)
		if c.GetStale(k) != nil {
			t.Error("an entry is used that expired too long ago")
		}
		c.Put(k, Failure(2))
		if f := c.Get(k); f.Entry == nil || !f.Entry.Failed() {
			t.Error("a failure is not remembered")
		}
		if c.GetStale(k) != nil {
			t.Error("a failure is used as a stale answer")
		}
		time.Sleep(FailureTTL)
		if c.Get(k).Entry != nil {
			t.Error("a failure is remembered for longer than FailureTTL")
		}
		c.Put(k, entry(0))
		if got := c.Stats().Entries; got != 1 {
			t.Errorf("%d entries, want 1: an entry with the TTL 0 is not stored", got)
		}
	})
}

func TestPopularEntriesArePrefetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Entries: 10, Bytes: 1 << 20})
		k, rare := key("a.test", dns.TypeA), key("b.test", dns.TypeA)
		c.Put(k, entry(100*time.Second))
		c.Put(rare, entry(100*time.Second))
		for range 20 {
			if c.Get(k).Prefetch {
				t.Error("an entry is prefetched long before it expires")
			}
		}
		time.Sleep(95 * time.Second)
		if c.Get(rare).Prefetch {
			t.Error("an entry is prefetched that nobody asks for")
		}
		if !c.Get(k).Prefetch {
			t.Error("a popular entry is not prefetched")
		}
		if c.Get(k).Prefetch {
			t.Error("an entry is prefetched twice")
		}
	})
}

func TestEntriesAreBounded(t *testing.T) {
	c := New(Options{Entries: 1000, Bytes: 1 << 30})
	for i := range 5000 {
		c.Put(key(fmt.Sprintf("n%d.test", i), dns.TypeA), entry(time.Minute))
		if i > 4990 && c.Get(key(fmt.Sprintf("n%d.test", i), dns.TypeA)).Entry == nil {
			t.Errorf("the entry %d was not kept", i)
		}
	}
	if s := c.Stats(); s.Entries > 1000 || s.Entries < 900 || s.Evictions != uint64(5000-s.Entries) {
		t.Errorf("got %+v, want 900 to 1000 entries, and the others evicted", s)
	}
}

// heldBytes is the size of the entries, added up.
func (c *Cache) heldBytes() (sum int) {
	for i := range c.shards {
		for _, e := range c.shards[i].lru.all() {
			sum += e.size()
		}
	}
	return sum
}

func TestBytesAreBounded(t *testing.T) {
	const limit = 1 << 20
	c := New(Options{Entries: 1 << 20, Bytes: limit})
	for i := range 20000 {
		k := key(fmt.Sprintf("n%d.test", i), dns.TypeA)
		c.Put(k, entry(time.Minute))
		c.Put(k, entry(time.Minute)) // replaces the first one
	}
	if s, held := c.Stats(), c.heldBytes(); s.Bytes > limit || s.Bytes != held || s.Entries < 1000 {
		t.Errorf("got %+v, want at most %d bytes, the %d of the entries, and at least 1000 entries", s, limit, held)
	}
}

// One client's large answers must not evict everything else.
func TestLargeEntriesEvictLittle(t *testing.T) {
	const limit = 128 << 10
	c := New(Options{Entries: 1 << 20, Bytes: limit})
	for i := range 100 {
		c.Put(key(fmt.Sprintf("n%d.test", i), dns.TypeA), entry(time.Minute))
	}
	for i := range 100 {
		c.Put(key(fmt.Sprintf("large%d.test", i), dns.TypeTXT), entryOf(time.Minute, 60<<10))
	}
	if s := c.Stats(); s.Bytes > limit || s.Entries != 100 {
		t.Errorf("got %+v, want at most %d bytes, and the 100 small entries", s, limit)
	}
	c = New(Options{Entries: 1 << 20, Bytes: 64 << 20})
	for i := range 5000 {
		c.Put(key(fmt.Sprintf("large%d.test", i), dns.TypeTXT), entryOf(time.Minute, 60<<10))
	}
	if s := c.Stats(); s.Bytes > 64<<20 || s.Entries < 500 {
		t.Errorf("got %+v, want at most 64 MiB, and at least 500 entries", s)
	}
}

func TestHitsAllocateNothing(t *testing.T) {
	c := New(Options{Entries: 1000, Bytes: 1 << 20})
	k := key("a.test", dns.TypeA)
	msg := message(t, "a.test", dns.TypeA, 0, "a.test. 60 IN A 192.0.2.1", "a.test. 60 IN A 192.0.2.2")
	e, err := reader.Read(msg, k)
	if err != nil {
		t.Fatal(err)
	}
	c.Put(k, e)
	buf := make([]byte, 1<<16)
	if n := testing.AllocsPerRun(100, func() {
		f := c.Get(k)
		f.Entry.Write(buf, 24, 512, f.Age)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// Other limits apply at once, and entries can be removed by their keys.
func TestLimitsCanChange(t *testing.T) {
	c := New(Options{Entries: 10, Bytes: 1 << 20, Stale: time.Hour})
	key := func(i int) Key { return AppendKey([]byte{1, byte('a' + i), 0}, 1, 1, false, false) }
	for i := range 10 {
		c.Put(key(i), &Entry{TTL: time.Minute})
	}
	c.Remove(func(k Key) bool { return k.Name()[1] == 'c' })
	if n := c.Stats().Entries; n != 9 || c.Get(key(2)).Entry != nil || c.Get(key(3)).Entry == nil {
		t.Errorf("got %d entries, want all but the one that was removed", n)
	}
	c.SetLimits(Options{Entries: 4, Bytes: 1 << 20})
	if n := c.Stats().Entries; n != 4 || c.Get(key(9)).Entry == nil {
		t.Errorf("got %d entries, want the 4 that were used last", n)
	}
	c.SetLimits(Options{Entries: 4, Bytes: 1})
	if s := c.Stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("got %d entries of %d bytes, want none in one byte", s.Entries, s.Bytes)
	}
}
