package cache

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func entry(life time.Duration) *Entry { return &Entry{TTL: life, body: make([]byte, 50), start: 24} }

func TestLifeOfAnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Entries: 10, Bytes: 1 << 20, Stale: time.Hour})
		k := key("a.test", dns.TypeA)
		if c.Get(k).Entry != nil || c.GetStale(k) != nil {
			t.Error("something is in an empty cache")
		}
		e := entry(time.Minute)
		c.Put(k, e)
		time.Sleep(59 * time.Second)
		if f := c.Get(k); f.Entry != e || f.Age.Elapsed != 59*time.Second || f.Age.Stale {
			t.Errorf("%+v", f)
		}
		if c.Get(key("a.test", dns.TypeAAAA)).Entry != nil {
			t.Error("another type has the same entry")
		}
		time.Sleep(time.Second)
		if c.Get(k).Entry != nil {
			t.Error("an entry is used past its life")
		}
		// A failure does not take its place.
		c.Put(k, Failure(2))
		if c.GetStale(k) != e {
			t.Fatal("it is not there to be used when nothing else can be had")
		}
		c.ExtendStale(e)
		if f := c.Get(k); f.Entry != e || !f.Age.Stale {
			t.Errorf("%+v", f)
		}
		time.Sleep(StaleTTL)
		if c.Get(k).Entry != nil {
			t.Error("it is used without looking for better")
		}
		time.Sleep(time.Hour)
		if c.GetStale(k) != nil {
			t.Error("it is used although it is too old")
		}
		c.Put(k, Failure(2))
		if f := c.Get(k); f.Entry == nil || !f.Entry.Failed() {
			t.Error("a failure is not remembered")
		}
		if c.GetStale(k) != nil {
			t.Error("a failure is used past its life")
		}
		time.Sleep(FailureTTL)
		if c.Get(k).Entry != nil {
			t.Error("a failure is remembered for too long")
		}
		c.Put(k, entry(0))
		if c.Stats().Entries != 1 {
			t.Errorf("%+v", c.Stats())
		}
	})
}

func TestPopularEntriesAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Entries: 10, Bytes: 1 << 20})
		k, rare := key("a.test", dns.TypeA), key("b.test", dns.TypeA)
		c.Put(k, entry(100*time.Second))
		c.Put(rare, entry(100*time.Second))
		for range 20 {
			if c.Get(k).Prefetch {
				t.Error("too early")
			}
		}
		time.Sleep(95 * time.Second)
		if c.Get(rare).Prefetch {
			t.Error("nobody asks for this one")
		}
		if !c.Get(k).Prefetch {
			t.Error("it is not renewed")
		}
		if c.Get(k).Prefetch {
			t.Error("it is renewed twice")
		}
	})
}

func TestBounds(t *testing.T) {
	c := New(Options{Entries: 1000, Bytes: 1 << 30})
	for i := range 5000 {
		c.Put(key(fmt.Sprintf("n%d.test", i), dns.TypeA), entry(time.Minute))
		if i > 4990 && c.Get(key(fmt.Sprintf("n%d.test", i), dns.TypeA)).Entry == nil {
			t.Errorf("the entry %d was not kept", i)
		}
	}
	s := c.Stats()
	if s.Entries > 1000 || s.Entries < 900 || s.Evictions != uint64(5000-s.Entries) {
		t.Errorf("%+v", s)
	}
	c = New(Options{Entries: 1 << 20, Bytes: 1 << 20})
	for i := range 20000 {
		c.Put(key(fmt.Sprintf("n%d.test", i), dns.TypeA), entry(time.Minute))
		c.Put(key(fmt.Sprintf("n%d.test", i), dns.TypeA), entry(time.Minute)) // again
	}
	s = c.Stats()
	sum := 0
	for i := range c.shards {
		for _, e := range c.shards[i].lru.Values() {
			sum += e.size()
		}
	}
	if s.Bytes > 1<<20 || s.Bytes != sum || s.Entries < 1000 {
		t.Errorf("%+v, the entries have %d octets", s, sum)
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
		t.Errorf("%v allocations", n)
	}
}
