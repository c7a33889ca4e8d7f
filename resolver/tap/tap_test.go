package tap

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

type counter struct{ events int }

func (c *counter) Observe(events []Event) { c.events += len(events) }

func TestObserversSeeEventsUntilTheyAreRemoved(t *testing.T) {
	var tapped Tap
	if tapped.Open() || (*Tap)(nil).Open() {
		t.Error("a tap without observers is open")
	}
	tapped.Observe(make([]Event, 1)) // nobody sees it
	a, b := &counter{}, &counter{}
	removeA := tapped.Add(a)
	removeB := tapped.Add(b)
	removeTwice := tapped.Add(b)
	tapped.Observe(make([]Event, 3))
	removeTwice()
	tapped.Observe(make([]Event, 2))
	removeA()
	removeA()
	tapped.Observe(make([]Event, 1))
	if a.events != 5 || b.events != 9 {
		t.Errorf("got %d and %d events, want 5 and 9", a.events, b.events)
	}
	removeB()
	if tapped.Open() {
		t.Error("the tap is open after its last observer was removed")
	}
}

func TestLimiterPassesSoManyEventsEachSecond(t *testing.T) {
	start := time.UnixMilli(1_700_000_000_000)
	for _, x := range []struct {
		rate, each int // events every millisecond
		want       int // in ten seconds
	}{
		{rate: 0, each: 3, want: 30_000},
		{rate: 1, each: 3, want: 10},
		{rate: 100, each: 1, want: 1_000},
		{rate: 5_000, each: 64, want: 50_000},
		{rate: 5_000, each: 1, want: 10_000},
	} {
		l, passed := NewLimiter(x.rate), 0
		l.epoch = start
		for ms := range 10_000 {
			n := l.Take(start.Add(time.Duration(ms)*time.Millisecond), x.each)
			if n < 0 || n > x.each {
				t.Fatalf("rate %d: %d of %d events passed", x.rate, n, x.each)
			}
			passed += n
		}
		if passed != x.want {
			t.Errorf("rate %d: got %d of %d events, want %d", x.rate, passed, 10_000*x.each, x.want)
		}
	}
}

func TestLimiterIsForManyGoroutines(t *testing.T) {
	l, now := NewLimiter(5_000), time.Now()
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1_000 {
				passed.Add(int64(l.Take(now, 3)))
			}
		})
	}
	all.Wait()
	if got := passed.Load(); got != 500 {
		t.Errorf("got %d events in a tenth of a second, want 500", got)
	}
}
