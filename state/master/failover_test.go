package master

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	"toponym/state"
	"toponym/state/leader"
)

// second is the master that takes over in these tests.
var second = leader.Address{Host: "10.0.1.11", Port: 5050}

// failover has the second master take over from the first.
func (b *testbed) failover(o sim.MasterOptions) *sim.Master {
	b.cluster.Failover()
	b.network.set(first.String(), nil)
	return b.master(second, o)
}

// twoMasters are known in the tests of failovers.
func twoMasters(source Source) func(*Options) {
	return func(o *Options) {
		o.Source = source
		o.Leaders = leader.NewStatic([]leader.Address{first, second})
		o.Reregister = 10 * time.Minute
	}
}

// running are the tasks that run, with their addresses.
func running(c *state.Cluster) []string {
	var l []string
	for t := range c.Tasks() {
		if t.Running() && c.Agent(t.AgentID) != nil && c.Framework(t.Key.Framework) != nil {
			l = append(l, describe(t))
		}
	}
	slices.Sort(l)
	return l
}

// The agents register one by one over a minute with a leader that knows none of
// them at first. No task that runs is missing from any publication.
func TestNothingIsMissingDuringAFailover(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll, "auto": Auto} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, twoMasters(source))
				b.watcher.o.Interval = 5 * time.Second
				b.populate(60)
				var want []string
				b.each = func(c *state.Cluster) {
					if got := running(c); want != nil && !slices.Equal(got, want) {
						t.Errorf("%d tasks run, want %d", len(got), len(want))
					}
				}
				stop := b.run()
				time.Sleep(30 * time.Second)
				b.published()
				want = running(b.owner.replica.Cluster())
				if len(want) < 40 {
					t.Fatalf("%d tasks run", len(want))
				}
				b.failover(sim.MasterOptions{Recovery: 8 * time.Second})
				time.Sleep(20 * time.Second)
				if s := b.watcher.Status(); s.Retained != 5 || s.LastFailover.IsZero() || s.Leader != second {
					t.Errorf("got status %+v, want 5 agents retained, a failover, and %s followed", s, second)
				}
				for _, a := range b.cluster.Agents() {
					time.Sleep(10 * time.Second)
					if err := b.cluster.Reregister(a.ID); err != nil {
						t.Fatal(err)
					}
				}
				for _, f := range b.cluster.Frameworks() {
					if err := b.cluster.SetConnected(f.ID, true); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Minute)
				wantLines(t, "after all came back", b.published(), b.reported(second))
				if s := b.watcher.Status(); s.Retained != 0 {
					t.Errorf("got %d agents retained, want none", s.Retained)
				}
				stop()
			})
		})
	}
}

// It is retained for agentReregisterTimeout.
func TestAgentThatDoesNotRegisterGoesInTime(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, twoMasters(source))
				b.populate(60)
				defer b.run()()
				time.Sleep(30 * time.Second)
				agents := b.cluster.Agents()
				b.failover(sim.MasterOptions{})
				for _, a := range agents[1:] {
					if err := b.cluster.Reregister(a.ID); err != nil {
						t.Fatal(err)
					}
				}
				there := func() bool {
					return slices.ContainsFunc(b.published(), func(l string) bool { return strings.HasPrefix(l, "agent "+agents[0].ID) })
				}
				time.Sleep(9 * time.Minute)
				if !there() {
					t.Error("before its time: got no agent, want it retained")
				}
				time.Sleep(3 * time.Minute)
				if there() {
					t.Error("after its time: got the agent, want it gone")
				}
				wantLines(t, "after its time", b.published(), b.reported(second))
				if n := b.logged("not registered with the new leader in time; their names are removed count=1"); source == Stream && n != 1 {
					t.Errorf("got %d lines about agents that are given up, want 1: %q", n, messages(b.log, 4))
				}
			})
		})
	}
}

// An agent that the new leader listed as recovered and no longer lists has been
// given up by it.
func TestAgentsThatTheLeaderGivesUpGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, twoMasters(Poll))
		b.populate(60)
		defer b.run()()
		time.Sleep(30 * time.Second)
		agents := b.cluster.Agents()
		b.failover(sim.MasterOptions{})
		time.Sleep(2 * time.Minute)
		for _, a := range agents {
			if err := b.cluster.Reregister(a.ID); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.cluster.MarkUnreachable(agents[0].ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		wantLines(t, "after a poll", b.published(), b.reported(second))
	})
}

// A task that has ended when its agent registers goes with the next resync, and
// does not wait for agentReregisterTimeout.
func TestTasksThatEndedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, twoMasters(Stream))
		b.populate(60)
		defer b.run()()
		time.Sleep(30 * time.Second)
		b.failover(sim.MasterOptions{})
		time.Sleep(10 * time.Second)
		for i, task := range b.cluster.Tasks() {
			if i%3 == 0 {
				_ = b.cluster.EndTask(task.FrameworkID, task.ID, sim.TaskFinished) // some cannot
			}
		}
		for _, a := range b.cluster.Agents() {
			if err := b.cluster.Reregister(a.ID); err != nil {
				t.Fatal(err)
			}
		}
		for _, f := range b.cluster.Frameworks() {
			if err := b.cluster.SetConnected(f.ID, true); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		wantLines(t, "settled", b.published(), b.reported(second))
	})
}

// A leader that was elected long ago has waited for its agents to the end.
func TestSnapshotIsRetainedLikeAStateBeforeAFailover(t *testing.T) {
	for _, tt := range []struct {
		elected time.Duration // before now
		kept    bool
	}{{5 * time.Minute, true}, {time.Hour, false}} {
		t.Run(fmt.Sprint(tt.elected), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, nil)
				b.populate(20)
				b.master(first, sim.MasterOptions{})
				time.Sleep(tt.elected)
				b.owner.replica.Restore(&state.FullState{
					Agents:     []*state.Agent{{ID: "old", Hostname: "old"}},
					Frameworks: []*state.Framework{{ID: "f", Name: "old"}},
					Tasks:      []*state.Task{{Key: state.TaskKey{Framework: "f", ID: "t"}, AgentID: "old", State: state.Running}},
				})
				defer b.run()()
				time.Sleep(time.Minute)
				b.published()
				if got := b.owner.replica.Cluster().Agent("old") != nil && b.owner.replica.Cluster().Task(state.TaskKey{Framework: "f", ID: "t"}) != nil; got != tt.kept {
					t.Errorf("got it retained %t, want %t", got, tt.kept)
				}
			})
		})
	}
}

// At a start it would make every name one that does not exist.
func TestEmptyStateOfARecoveringMasterIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Poll; o.Interval = 5 * time.Second })
		b.populate(20)
		b.master(first, sim.MasterOptions{Recovery: 20 * time.Second})
		defer b.run()()
		time.Sleep(15 * time.Second)
		if got := b.published(); got != nil {
			t.Errorf("got %q, want nothing", got)
		}
		time.Sleep(30 * time.Second)
		wantLines(t, "recovered", b.published(), b.reported(first))
	})
}

func TestClusterThatStaysEmptyIsBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Poll })
		defer b.run()()
		time.Sleep(3 * time.Minute)
		wantLines(t, "empty", b.published(), b.reported(first))
	})
}
