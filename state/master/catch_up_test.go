package master

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	"toponym/state"
	"toponym/state/leader"
)

// newSlowTestbed has a watcher of the events of a master that takes its time before each
// response and each event while slow is set.
func newSlowTestbed(t *testing.T) (b *testbed, slow *atomic.Bool, at leader.Address, m *sim.Master) {
	at = leader.Address{Host: "10.0.1.11", Port: 5050}
	b = newTestbed(t, func(o *Options) { o.Source, o.Leaders = Stream, leader.NewStatic([]leader.Address{at}) })
	b.populate(20)
	slow = &atomic.Bool{}
	m = b.master(at, sim.MasterOptions{Gate: func(context.Context) bool {
		if slow.Load() {
			time.Sleep(2 * minBehind)
		}
		return true
	}})
	return b, slow, at, m
}

// Events that come while the records of a first state are made are published with it. So
// is what came before, while it was read.
func TestWhatGathersWhileAFirstStateIsTakenInIsPublishedWithIt(t *testing.T) {
	const events = 3 * maxPendingEvents
	synctest.Test(t, func(t *testing.T) {
		b, slow, at, _ := newSlowTestbed(t)
		slow.Store(true)
		framework, err := b.cluster.AddFramework(sim.Framework{Name: "busy"})
		if err != nil {
			t.Fatal(err)
		}
		agents := b.cluster.Agents()
		var began []string
		begin := func(n int) {
			for range n {
				id, err := b.cluster.StartTask(sim.Task{Name: "busy", FrameworkID: framework, AgentID: agents[0].ID,
					Resources: sim.Resources{CPUs: 0.001, Mem: 0.1}})
				if err != nil {
					t.Error(err)
					return
				}
				began = append(began, id)
			}
		}
		unpublished := func(c *state.Cluster) (n int) {
			for _, id := range began {
				if c.Task(state.TaskKey{Framework: framework, ID: id}) == nil {
					n++
				}
			}
			return n
		}
		prepared := 0
		b.owner.prepare = func(c *state.Cluster) {
			slow.Store(false)
			prepared++
			begin(events)
			time.Sleep(5 * minBehind) // as making records does
		}
		var missing []int
		b.each = func(c *state.Cluster) { missing = append(missing, unpublished(c)) }
		stop := b.run()
		time.Sleep(10 * time.Second)
		wantLines(t, "after ten seconds", b.published(), b.reported(at))
		stop()
		if prepared != 1 {
			t.Errorf("the records were prepared %d times, want 1", prepared)
		}
		if len(missing) == 0 || missing[0] != 0 {
			t.Errorf("tasks that each publication lacked: got %v, want 0 in the first", missing)
		}
	})
}

// A first state that is taken in at once is published at once, and so is one where there
// is something to answer from.
func TestNothingIsPreparedWithoutNeed(t *testing.T) {
	for _, slow := range []bool{false, true} {
		t.Run(fmt.Sprintf("slow=%v", slow), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, isSlow, at, m := newSlowTestbed(t)
				b.owner.prepare = func(*state.Cluster) { t.Error("the records were prepared, want that not") }
				stop := b.run()
				defer stop()
				if lines := b.published(); len(b.publications) == 0 || len(lines) == 0 {
					t.Errorf("got publications after %v with %d lines, want one at once", b.publications, len(lines))
				}
				isSlow.Store(slow)
				m.CloseStreams()
				time.Sleep(10 * time.Second)
				wantLines(t, "of the second stream", b.published(), b.reported(at))
				if s := b.watcher.Status(); s.Streams != 2 {
					t.Errorf("got %d streams, want 2", s.Streams)
				}
			})
		})
	}
}

// A stream that ends while its first state is taken in is noticed after that, and a
// master that does not stop sending events holds up nothing for long.
func TestAStreamThatEndsOrNeverRestsWhileItIsTakenIn(t *testing.T) {
	for _, ends := range []bool{false, true} {
		t.Run(fmt.Sprintf("ends=%v", ends), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, slow, _, m := newSlowTestbed(t)
				slow.Store(true)
				framework, err := b.cluster.AddFramework(sim.Framework{Name: "busy"})
				if err != nil {
					t.Fatal(err)
				}
				agent := b.cluster.Agents()[0].ID
				ctx, cancel := context.WithCancel(t.Context())
				var busy sync.WaitGroup
				defer busy.Wait()
				defer cancel()
				b.owner.prepare = func(*state.Cluster) {
					slow.Store(false)
					if ends {
						m.CloseStreams()
					}
				}
				if !ends {
					busy.Go(func() {
						for ctx.Err() == nil {
							id, err := b.cluster.StartTask(sim.Task{Name: "busy", FrameworkID: framework, AgentID: agent})
							if err != nil {
								return
							}
							time.Sleep(catchUpPause / 4)
							b.cluster.EndTask(framework, id, sim.TaskFinished)
						}
					})
				}
				stop := b.run()
				time.Sleep(10 * time.Second)
				synctest.Wait()
				b.mu.Lock()
				publications, lines := slices.Clone(b.publications), len(b.lines)
				b.mu.Unlock()
				latest := 10*minBehind + 2*maxPrepare
				if len(publications) < 2 || publications[0] > latest || lines == 0 {
					t.Errorf("got %d publications, the first of %v, want the first within %v", len(publications), publications[:min(1, len(publications))], latest)
				}
				if s := b.watcher.Status(); ends && s.Streams != 2 {
					t.Errorf("got %d streams, want 2", s.Streams)
				}
				stop()
			})
		})
	}
}

// A watcher that ends before it has taken in the first state of a stream leaves everything
// as it is: events alone are no cluster.
func TestEventsOfAStateThatWasNotTakenInAreNotPublished(t *testing.T) {
	for attempt := range 10 { // select chooses at random
		synctest.Test(t, func(t *testing.T) {
			looking := make(chan struct{})
			at := leader.Address{Host: "10.0.1.11", Port: 5050}
			b := newTestbed(t, func(o *Options) {
				o.Source, o.Leaders = Stream, leader.NewStatic([]leader.Address{at})
				o.Resolve = func(ctx context.Context, _ string) ([]netip.Addr, error) {
					close(looking)
					<-ctx.Done()
					return nil, ctx.Err()
				}
			})
			framework, err := b.cluster.AddFramework(sim.Framework{Name: "busy", Hostname: "scheduler.example"})
			if err != nil {
				t.Fatal(err)
			}
			agent, err := b.cluster.AddAgent(sim.Agent{Addr: netip.MustParseAddrPort("10.0.2.1:5051")})
			if err != nil {
				t.Fatal(err)
			}
			b.master(at, sim.MasterOptions{})
			stop := b.run()
			<-looking
			for range 5 {
				if _, err := b.cluster.StartTask(sim.Task{Name: "busy", FrameworkID: framework, AgentID: agent}); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			stop()
			if tasks, agents, frameworks := b.owner.replica.Cluster().Counts(); len(b.publications) > 0 || tasks+agents+frameworks > 0 {
				t.Errorf("attempt %d: got %d publications and a cluster of %d tasks, %d agents, %d frameworks, want none", attempt, len(b.publications), tasks, agents, frameworks)
			}
		})
	}
}
