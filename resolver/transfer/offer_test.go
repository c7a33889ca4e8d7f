package transfer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// Of the versions that are made, some are offered. AXFR gives the one that is offered,
// and IXFR leads to it from any version: one that was offered, by the steps that all
// secondaries share, or any other one that is kept.
func TestDifferencesLeadToTheOfferedVersion(t *testing.T) {
	type version struct {
		soa     string
		serial  uint32
		content map[string]bool
	}
	mesos := name("mesos")
	for _, x := range []struct {
		name      string
		stepBytes int
		tasks     int
	}{{"small steps", 1 << 20, 20}, {"large steps", 1 << 20, 200}, {"some steps are gone", 20_000, 100}, {"no steps are kept", 0, 50}} {
		t.Run(x.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(x.tasks), 1995))
			c := newCluster(t, bigState(x.tasks))
			s := New(Options{History: c.history, Settings: everybody(), Max: 4, StepBytes: x.stepBytes, Log: quiet()})
			s.offerNewest()
			offered := c.zone
			var all []version
			differences, wholes := 0, 0
			for step := range 10 {
				soa, content, err := whole(answers(s.ask(t, request(t, axfr("mesos."), true))))
				if err != nil {
					t.Fatal(err)
				}
				if want := recordsIn(t, offered, mesos); !equalSets(content, want) {
					t.Fatalf("step %d: AXFR has %d records, the offered version %d", step, len(content), len(want))
				}
				for _, v := range all {
					rrs := answers(s.ask(t, request(t, ixfr("mesos.", v.serial), true)))
					gotSOA, got, err := applyIXFR(v.soa, v.content, rrs)
					if err != nil {
						t.Fatalf("step %d from %d: %v", step, v.serial, err)
					}
					if gotSOA != soa || !equalSets(got, content) {
						t.Fatalf("step %d from %d: got %s and %d records, want %s and %d", step, v.serial, gotSOA, len(got), soa, len(content))
					}
					if len(rrs) > 1 && rrs[1].Header().Rrtype == dns.TypeSOA {
						differences++
					} else {
						wholes++
					}
				}
				for range 1 + r.IntN(2) {
					serial, _ := c.zone.Serial(mesos)
					rr, _ := c.zone.SOARecord(mesos)
					text, _ := rr.RR()
					all = append(all, version{text.String(), serial, recordsIn(t, c.zone, mesos)})
					c.publish(bigState(x.tasks/2 + r.IntN(x.tasks)))
				}
				s.offerNewest()
				offered = c.zone
				if got := s.steps.size(); got > x.stepBytes {
					t.Fatalf("steps have %d bytes, want at most %d", got, x.stepBytes)
				}
			}
			if differences < wholes {
				t.Errorf("got %d differences and %d whole zones, want most to be differences", differences, wholes)
			}
		})
	}
}

// Twenty secondaries that follow cost one difference for each offer, also where some of
// them are a few steps behind, and nothing is condensed for one of them alone.
func TestStepsAreSharedByAllSecondaries(t *testing.T) {
	c := newCluster(t, bigState(2000))
	s := New(Options{History: c.history, Settings: everybody(), Max: 4, StepBytes: 1 << 20, Log: quiet()})
	s.offerNewest()
	s.ask(t, request(t, axfr("mesos."), true))
	var serials []uint32
	for i := range 6 {
		serial, _ := s.offered().Serial(name("mesos"))
		serials = append(serials, serial)
		for j := range 3 { // versions of which only the last one is offered
			c.publish(bigState(2000 + 100*(1+i) + j))
		}
		if newest, _ := c.zone.Serial(name("mesos")); newest == serial {
			t.Fatal("no version was made")
		}
		if again, _ := s.offered().Serial(name("mesos")); again != serial {
			t.Fatalf("serial %d is offered before its time, want %d", again, serial)
		}
		s.offerNewest()
		for secondary := range 20 {
			from := serials[max(0, i-secondary%4)]
			messages := s.ask(t, request(t, ixfr("mesos.", from), true))
			if rrs := answers(messages); rrs[1].Header().Rrtype != dns.TypeSOA {
				t.Fatalf("offer %d, secondary %d: got a whole zone", i, secondary)
			}
		}
	}
	if made, kept := s.counts.made.Load(), s.counts.kept.Load(); made != 6 || kept != 6*20 {
		t.Errorf("got %d differences made and %d used again, want 6 and %d", made, kept, 6*20)
	}
}

// A zone that nobody transfers costs nothing.
func TestNoStepsWithoutSecondaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, bigState(50))
		s := New(Options{History: c.history, Settings: everybody(), Max: 4, StepBytes: 1 << 20, Log: quiet()})
		s.offerNewest()
		publish := func(tasks int) int {
			c.publish(bigState(tasks))
			s.offerNewest()
			return s.steps.size()
		}
		if got := publish(51); got != 0 {
			t.Errorf("before anybody asks: got %d bytes, want none", got)
		}
		s.ask(t, request(t, axfr("mesos."), true))
		if got := publish(52); got == 0 {
			t.Error("after a transfer: got no step")
		}
		time.Sleep(followTime + time.Second)
		if got := publish(53); got != 0 {
			t.Errorf("long after it: got %d bytes, want none", got)
		}
	})
}

// The newest version is offered at once if there was none for the interval, else at its
// end, and never later: the last version of a burst as well.
func TestOffersKeepTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, bigState(10))
		set := everybody()
		set.Interval = 100 * time.Millisecond
		s := New(Options{History: c.history, Settings: set, Max: 4, StepBytes: 1 << 20, Log: quiet()})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		defer running.Wait()
		defer cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		var offers []time.Duration
		start := time.Now()
		changed := s.Changed()
		for i := range 45 {
			c.publish(bigState(11 + i))
			synctest.Wait()
			select {
			case <-changed:
				changed = s.Changed()
				offers = append(offers, time.Since(start))
			default:
			}
			time.Sleep(10 * time.Millisecond)
		}
		want := []time.Duration{0, 100, 200, 300, 400}
		if got := fmt.Sprint(offers); got != fmt.Sprint(milliseconds(want)) {
			t.Errorf("got offers after %s, want %v", got, milliseconds(want))
		}
		if s.offered() == c.zone {
			t.Error("the last version is offered before the interval has passed")
		}
		// The interval is for those that follow: who wants a whole zone gets the newest.
		_, content, err := whole(answers(s.ask(t, request(t, axfr("mesos."), true))))
		if err != nil || !equalSets(content, recordsIn(t, c.zone, name("mesos"))) || s.offered() != c.zone {
			t.Errorf("AXFR has %d records, error %v, want those of the newest version, which is offered then", len(content), err)
		}
		c.publish(bigState(99))
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if s.offered() != c.zone {
			t.Error("the last version is not offered")
		}
	})
}

func milliseconds(list []time.Duration) (d []time.Duration) {
	for _, n := range list {
		d = append(d, n*time.Millisecond)
	}
	return d
}

// While secondaries have not got their differences, since there is too much to do, the
// next version waits, for a second at most. A client that does not read delays nothing.
func TestOffersWaitForTransfersThatAreBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, bigState(1000))
		set := everybody()
		set.Interval = 100 * time.Millisecond
		s := New(Options{History: c.history, Settings: set, Max: 4, StepBytes: 1 << 20, Log: quiet()})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		defer running.Wait()
		defer cancel()
		synctest.Wait()
		serial, _ := s.offered().Serial(name("mesos"))
		publish := func(tasks int) time.Duration {
			t.Helper()
			time.Sleep(2 * time.Second)
			c.publish(bigState(tasks))
			synctest.Wait()
			next, start := s.Changed(), time.Now()
			c.publish(bigState(tasks + 1))
			<-next
			return time.Since(start)
		}
		if got := publish(1500); got != set.Interval {
			t.Errorf("alone: the next offer came after %v, want %v", got, set.Interval)
		}
		for range cap(s.turns) {
			s.turns <- struct{}{} // others are at work
		}
		stopped := make(chan struct{})
		_, stream, _ := s.Answer(make([]byte, bufferSize), request(t, ixfr("mesos.", serial), true))
		running.Go(func() {
			_ = stream.Run(ctx, func(_ context.Context, _ []byte, _ time.Time, turn Turn) error { turn.Release(); <-stopped; return nil })
		})
		if got := publish(1600); got != maxPostponement {
			t.Errorf("with a transfer that waits for its turn: the next offer came after %v, want %v", got, maxPostponement)
		}
		for range cap(s.turns) {
			<-s.turns
		}
		if got := publish(1700); got != set.Interval {
			t.Errorf("with a client that does not read: the next offer came after %v, want %v", got, set.Interval)
		}
		close(stopped)
	})
}
