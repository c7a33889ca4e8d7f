package top

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/tap"
)

var start = time.Now().Add(time.Second)

// event is a query for a name from a client, at a time after the start.
func event(t testing.TB, name, client string, after time.Duration) tap.Event {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return tap.Event{Query: packet, Client: netip.AddrPortFrom(netip.MustParseAddr(client), 1234), Asked: start.Add(after)}
}

func TestTableCountsNamesAndClients(t *testing.T) {
	table := NewTable()
	upstream := event(t, "upstream.example.com.", "10.0.0.1", 0)
	upstream.Upstream = true
	completed := event(t, "web.mesos.", "10.0.0.1", 0)
	completed.Stage, completed.Query = tap.Completed, nil
	received := event(t, "example.com.", "10.0.0.2", 0)
	received.Stage = tap.Received
	dropped := event(t, "Web.MESOS.", "10.0.0.2", 0)
	dropped.Stage = tap.Dropped
	malformed := event(t, "web.mesos.", "::ffff:10.0.0.3", 0)
	malformed.Query = malformed.Query[:14]
	table.Observe([]tap.Event{event(t, "web.mesos.", "10.0.0.1", 0), upstream, completed, received, dropped, malformed})
	got := table.Result(10)
	want := "[{example.com. {1 1}} {web.mesos. {2 2}}]"
	if len(got.Names) == 2 && got.Names[0].Name == "web.mesos." {
		got.Names[0], got.Names[1] = got.Names[1], got.Names[0]
	}
	if fmt.Sprint(got.Names) != want || got.Queries != 4 || got.Weight != 1 {
		t.Errorf("got %v of %d queries, want %s of 4", got.Names, got.Queries, want)
	}
	if want := "[{10.0.0.2 {2 2}} {10.0.0.1 {1 1}} {10.0.0.3 {1 1}}]"; fmt.Sprint(got.Clients) != want {
		t.Errorf("got %v, want %s", got.Clients, want)
	}
	if got := table.Result(1); len(got.Names) != 1 || len(got.Clients) != 1 {
		t.Errorf("got %v and %v, want one of each", got.Names, got.Clients)
	}
}

// Whatever else is asked, who asks more than one in 1000 queries is found, and the true
// count is within the bounds.
func TestFrequentKeysAreFoundAmongRandomOnes(t *testing.T) {
	h := newHeavy[string](counters)
	r := rand.New(rand.NewPCG(1, 2))
	truth := map[string]uint64{}
	const n = 200_000
	for i := range n {
		key := fmt.Sprintf("random-%d", r.Uint64())
		switch {
		case i%100 == 0:
			key = "often"
		case i%400 == 1:
			key = "seldom"
		}
		truth[key]++
		if c := h.of[key]; c != nil {
			h.add(c, 1)
		} else {
			h.insert(key, 1)
		}
	}
	list := h.list(counters)
	if len(list) != counters || len(h.of) != counters {
		t.Fatalf("got %d counters and %d keys, want %d", len(list), len(h.of), counters)
	}
	found := map[string]bool{}
	var sum uint64
	for i, c := range list {
		b := c.bounds()
		if b.AtLeast > truth[c.key] || truth[c.key] > b.AtMost {
			t.Errorf("%s: got between %d and %d, want %d", c.key, b.AtLeast, b.AtMost, truth[c.key])
		}
		if i > 0 && c.count > list[i-1].count {
			t.Fatalf("got %d after %d, want the largest first", c.count, list[i-1].count)
		}
		found[c.key], sum = true, sum+c.count
	}
	if !found["often"] || !found["seldom"] || list[0].key != "often" {
		t.Errorf("got often %t, seldom %t, and %s first; want both, and often first", found["often"], found["seldom"], list[0].key)
	}
	if sum != n {
		t.Errorf("got %d counted in all, want %d", sum, n)
	}
}

// Under any load, a bounded number of queries is counted in a period, and the estimate
// of all stays right.
func TestCountingIsBoundedUnderLoad(t *testing.T) {
	table := NewTable()
	table.start = start
	const rate, batch = 500_000, 50 // queries in a second
	one := make([]tap.Event, batch)
	for i := range one {
		one[i] = event(t, fmt.Sprintf("name-%d.mesos.", i%2), "10.0.0.1", 0)
	}
	at, most, begun, counted := time.Duration(0), 0, int64(0), 0
	for range rate / batch {
		at += batch * time.Second / rate
		for i := range one {
			one[i].Asked = start.Add(at)
		}
		before := table.counted
		table.Observe(one)
		if now := table.begun.Load(); now != begun {
			begun, counted = now, 0
		}
		counted += max(0, table.counted-before)
		most = max(most, counted)
	}
	if limit := 8 * perPeriod; most > limit { // the weight doubles in the first one
		t.Errorf("got %d queries counted in a period, want at most %d", most, limit)
	}
	got := table.Result(2)
	if got.Queries < rate*8/10 || got.Queries > rate*12/10 {
		t.Errorf("got an estimate of %d queries, want about %d", got.Queries, rate)
	}
	for _, n := range got.Names {
		if n.AtMost < rate*3/10 || n.AtMost > rate*7/10 {
			t.Errorf("got %d queries for %s, want about %d", n.AtMost, n.Name, rate/2)
		}
	}
	if got.Weight < 16 {
		t.Errorf("got one query in %d counted, want fewer", got.Weight)
	}
	for range 20 { // it is quiet again
		at += period
		table.Observe([]tap.Event{event(t, "name-0.mesos.", "10.0.0.1", at)})
	}
	if got := table.Result(1).Weight; got != 1 {
		t.Errorf("got one query in %d counted when there are few, want all", got)
	}
}

func TestTableMayBeUsedByManyGoroutines(t *testing.T) {
	table := NewTable()
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			events := []tap.Event{event(t, fmt.Sprintf("n%d.mesos.", i), "10.0.0.1", 0)}
			for range 100 {
				table.Observe(events)
				table.Result(1)
			}
		})
	}
	all.Wait()
	if got := table.Result(10); got.Queries != 400 || len(got.Names) != 4 {
		t.Errorf("got %d queries of %d names, want 400 of 4", got.Queries, len(got.Names))
	}
}

// No packet may harm the counter: what is dropped may be anything.
func FuzzNameOf(f *testing.F) {
	f.Add(event(f, "web.mesos.", "10.0.0.1", 0).Query)
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63})
	f.Fuzz(func(t *testing.T, packet []byte) {
		var space [255]byte
		name := nameOf(space[:0], packet)
		if name == nil {
			return
		}
		if len(name) > len(space) || name[len(name)-1] != 0 {
			t.Errorf("got the name %q", name)
		}
		if _, _, err := dns.UnpackDomainName(name, 0); err != nil {
			t.Errorf("got the name %q, which cannot be shown: %v", name, err)
		}
	})
}

// BenchmarkObserve is the time for one of a batch of queries, of which there are
// enough to be sampled.
func BenchmarkObserve(b *testing.B) {
	table := NewTable()
	events := make([]tap.Event, 64)
	for i := range events {
		events[i] = event(b, fmt.Sprintf("name-%d.mesos.", i), fmt.Sprintf("10.0.0.%d", i), 0)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now := time.Now()
		for j := range events {
			events[j].Asked = now
		}
		table.Observe(events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(events)), "ns/query")
}
