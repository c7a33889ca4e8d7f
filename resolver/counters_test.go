package resolver

import (
	"math"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/records"
	"toponym/zone"
)

func TestEachResponseIsCountedForWhatItIs(t *testing.T) {
	z := testZone(t)
	for name, o := range map[string]Options{"as it is": testOptions(), "by subnet": func() Options {
		o := testOptions()
		o.ResolvSubnetFirst = true
		return o
	}()} {
		t.Run(name, func(t *testing.T) {
			s := New(zone.NewStore(z), o)
			worker := s.responder.worker(s.counters.newWorker())
			c := client{addr: netip.MustParseAddr("127.0.0.1")}
			buf := make([]byte, bufferSize)
			for _, q := range []struct {
				name  string
				qtype uint16
				class uint16
			}{
				{"one.marathon.mesos.", dns.TypeA, dns.ClassINET},
				{"ONE.marathon.mesos.", dns.TypeA, dns.ClassINET},
				{"one.marathon.mesos.", dns.TypeAAAA, dns.ClassINET},
				{"nope.mesos.", dns.TypeSRV, dns.ClassINET},
				{"mesos.", dns.TypeSOA, dns.ClassINET},
				{"mesos.", dns.TypeAXFR, dns.ClassINET},
				{"one.marathon.mesos.", 999, dns.ClassINET},
				{"one.marathon.mesos.", dns.TypeTLSA, dns.ClassINET},
				{"example.org.", dns.TypeA, dns.ClassINET},
				{"one.marathon.mesos.", dns.TypeA, dns.ClassCHAOS},
			} {
				m := new(dns.Msg).SetQuestion(q.name, q.qtype)
				m.Question[0].Qclass = q.class
				packet, err := m.Pack()
				if err != nil {
					t.Fatal(err)
				}
				if msg, _ := worker.respond(buf, z, c, packet); msg == nil {
					t.Fatalf("%v: no response", m.Question[0])
				}
			}
			worker.respond(buf, z, c, make([]byte, dnswire.HeaderSize)) // no question
			over := c
			over.transport = TCP
			packet, _ := new(dns.Msg).SetQuestion("web.marathon.mesos.", dns.TypeA).Pack()
			s.responder.respond(buf, z, over, packet)
			if msg, _ := worker.respond(buf, z, c, packet[:5]); msg != nil {
				t.Errorf("got the response %x to half a header, want none", msg)
			}

			want := []queryCount{
				{"mesos.", "A", "NOERROR", UDP, 2},
				{"mesos.", "A", "NOERROR", TCP, 1},
				{"mesos.", "AAAA", "NOERROR", UDP, 1},
				{"mesos.", "SRV", "NXDOMAIN", UDP, 1},
				{"mesos.", "SOA", "NOERROR", UDP, 1},
				{"mesos.", "AXFR", "REFUSED", UDP, 1},
				{"mesos.", "other", "NOERROR", UDP, 2},
				{"other", "A", "REFUSED", UDP, 2},
				{"other", "none", "FORMERR", UDP, 1},
			}
			got := s.counters.queries()
			for _, w := range want {
				if !slices.Contains(got, w) {
					t.Errorf("%+v is missing", w)
				}
			}
			if len(got) != len(want) {
				t.Errorf("counted %+v", got)
			}
			if n := s.Answered(); n != 12 {
				t.Errorf("%d responses, want 12", n)
			}
		})
	}
}

func TestEachKindOfQueryHasACellOfItsOwn(t *testing.T) {
	zones := []string{string(records.MustParseName("mesos")), string(records.ReverseIPv4)}
	ta := &counters{zones: zones, names: []string{"mesos.", "in-addr.arpa."}}
	c := ta.newWorker()
	n := 0
	for _, origin := range append(zones, "") {
		for _, qtype := range append(countedTypes[:], 9999) {
			for _, rcode := range append(countedRcodes[:], 4000) {
				for tr := range Transport(transports) {
					c.add(tr, qtype, rcode, origin)
					n++
				}
			}
		}
	}
	seen := map[queryCount]bool{}
	for i := range c.cells {
		if got := c.cells[i].Load(); got != 1 {
			t.Fatalf("cell %d counts %d", i, got)
		}
		seen[ta.describe(i, 1)] = true
	}
	if len(seen) != n || len(c.cells) != n {
		t.Errorf("%d descriptions of %d cells for %d kinds", len(seen), len(c.cells), n)
	}
	if !seen[queryCount{"in-addr.arpa.", "PTR", "NXDOMAIN", TCP, 1}] || !seen[queryCount{"other", "other", "other", UDP, 1}] ||
		!seen[queryCount{"mesos.", "A", "BADVERS", UDP, 1}] {
		t.Errorf("descriptions are wrong: %v", seen)
	}
}

func TestTimesAreCountedInBuckets(t *testing.T) {
	cs := &counters{}
	w := &cs.newWorker().times[TCP]
	for _, d := range []time.Duration{-1, 0, shortestTime - 1, shortestTime, 2 * shortestTime, 50 * time.Millisecond, time.Hour} {
		w.add(d, 2)
	}
	below, count, sum := cs.histogram(TCP)
	for i, want := range map[int]uint64{0: 6, 1: 8, 2: 10, timeBuckets - 3: 10, timeBuckets - 2: 12} {
		if got := below[(shortestTime << i).Seconds()]; got != want {
			t.Errorf("below bound %d: got %d queries, want %d: %v", i, got, want, below)
		}
	}
	if want := 2 * (time.Hour + 50*time.Millisecond + 4*shortestTime - 2).Seconds(); count != 14 || math.Abs(sum-want) > 1e-6 || len(below) != timeBuckets-1 {
		t.Errorf("got %d queries with a sum of %v s in %d buckets, want 14, %v and %d", count, sum, len(below), want, timeBuckets-1)
	}
}

func TestOneInManyIsTimed(t *testing.T) {
	c := newWorkerCounters(nil)
	for range 10 * sampleEvery {
		c.sampleEnd(c.sampleStart(), 3)
	}
	n := uint64(0)
	for i := range c.times[UDP].buckets {
		n += c.times[UDP].buckets[i].Load()
	}
	if n != 30 {
		t.Errorf("%d of %d were timed", n, 30*sampleEvery)
	}
}

func TestCountsAreReadWhileWorkersCount(t *testing.T) {
	s := New(zone.NewStore(testZone(t)), testOptions())
	var all sync.WaitGroup
	const each = 1000
	for range 4 {
		all.Go(func() {
			c := s.counters.newWorker()
			for range each {
				c.add(UDP, dns.TypeA, 0, "")
				c.sampleEnd(c.sampleStart(), 1)
			}
		})
	}
	for range 100 {
		s.counters.queries()
		s.counters.histogram(UDP)
	}
	all.Wait()
	if n := s.Answered(); n != 4*each {
		t.Errorf("%d are counted, want %d", n, 4*each)
	}
}

func BenchmarkCount(b *testing.B) {
	origin := string(records.MustParseName("mesos"))
	c := newWorkerCounters([]string{origin, string(records.ReverseIPv4)})
	other := string([]byte(origin)) // what a zone gives may be another copy
	b.ReportAllocs()
	for b.Loop() {
		start := c.sampleStart()
		c.add(UDP, dns.TypeA, 0, other)
		c.sampleEnd(start, 1)
	}
}

func TestZonesOfZoneFilesAreCountedByName(t *testing.T) {
	s := New(zone.NewStore(staticZone(t, testZoneOptions)), testOptions())
	packet, err := new(dns.Msg).SetQuestion("db.inner.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	s.responder.respond(make([]byte, bufferSize), s.store.Current(), client{addr: netip.MustParseAddr("127.0.0.1")}, packet)
	if got, want := s.counters.queries(), (queryCount{"inner.example.", "A", "NOERROR", UDP, 1}); !slices.Contains(got, want) {
		t.Errorf("counted %+v", got)
	}
}
