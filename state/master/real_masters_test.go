package master

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	simmasters "toponym/sim/masters"
	"toponym/state"
)

// It answers 404 to everything for a moment, which may end between two requests.
func TestStartingMasterIsNotPolled(t *testing.T) {
	t.Run("404 for 35 ms", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newTestbed(t, nil)
			b.populate(20)
			b.master(first, sim.MasterOptions{Startup: 35 * time.Millisecond, Recovery: 8 * time.Second})
			defer b.run()()
			time.Sleep(time.Minute)
			wantLines(t, "started", b.published(), b.reported(first))
			if s := b.watcher.Status(); s.Source != Stream {
				t.Errorf("got status %+v, want source stream", s)
			}
		})
	})
	t.Run("and then the state", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newTestbed(t, nil)
			b.populate(20)
			m := b.master(first, sim.MasterOptions{})
			var asked atomic.Bool // for the state
			b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/master/state" {
					asked.Store(true)
				} else if !asked.Load() {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				m.ServeHTTP(w, r)
			}))
			defer b.run()()
			time.Sleep(time.Second)
			b.published()
			if s := b.watcher.Status(); s.Source != Stream || b.logged("until there is one") != 0 {
				t.Errorf("got status %+v and log %q, want source stream and no word of polling", s, messages(b.log, 4))
			}
		})
	})
}

// An agent that lost its id registers with a new one, while the leader waits for
// the old one. Each has its tasks.
func TestAgentWithANewIDStandsBesideItsOldOne(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, twoMasters(source))
				b.populate(60)
				defer b.run()()
				time.Sleep(30 * time.Second)
				before := b.runningTasks()
				old := b.cluster.Agents()
				b.failover(sim.MasterOptions{})
				for _, a := range old[1:] {
					if err := b.cluster.Reregister(a.ID); err != nil {
						t.Fatal(err)
					}
				}
				id, err := b.cluster.AddAgent(sim.Agent{Addr: old[0].Addr, Hostname: old[0].Hostname})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				if got := b.runningTasks(); !slices.Equal(got, before) {
					t.Errorf("%d tasks run, want %d", len(got), len(before))
				}
				if !b.hasAgent(id) || !b.hasAgent(old[0].ID) {
					t.Error("during its time: want the agent with its new id and with its old one, got one of them")
				}
				time.Sleep(10 * time.Minute)
				if !b.hasAgent(id) || b.hasAgent(old[0].ID) {
					t.Error("after its time: want the agent with its new id alone")
				}
			})
		})
	}
}

// No event reports them, and no name depends on them. The exception is an agent
// that is marked gone: events remove its tasks, and the next resync the agent.
func TestChangesWithoutAnEventChangeNoName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream })
		b.populate(60)
		defer b.run()()
		time.Sleep(time.Second)
		before := b.published()
		agents, frameworks := b.cluster.Agents(), b.cluster.Frameworks()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(b.cluster.SetDeactivated(agents[1].ID, true))
		must(b.cluster.SetConnected(frameworks[0].ID, false))
		time.Sleep(10 * time.Minute)
		wantLines(t, "nothing that counts", b.published(), before)
		must(b.cluster.MarkGone(agents[0].ID))
		time.Sleep(maxRest)
		if slices.ContainsFunc(b.published(), func(l string) bool { return strings.Contains(l, " on "+agents[0].ID+" ") }) {
			t.Error("after the agent was marked gone: got one of its tasks, want none")
		}
		time.Sleep(10 * time.Minute)
		wantLines(t, "after a full reading", b.published(), b.reported(first))
	})
}

// Where one of the two realms requires authentication, the operator API is open:
// resyncs read it then, and the log names the setting.
func TestResyncsReadTheOperatorAPIWhereTheStateIsNotOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, nil)
		b.populate(60)
		b.master(first, sim.MasterOptions{Admit: simmasters.Auth{ReadOnly: true, Credentials: []simmasters.Credential{{Principal: "p", Secret: "s"}}}.Admit})
		defer b.run()()
		b.published()
		gone := b.cluster.Agents()[0].ID
		if err := b.cluster.MarkUnreachable(gone); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		if b.hasAgent(gone) || b.watcher.Status().Resyncs == 0 {
			t.Errorf("got status %+v, want a resync, and the agent gone", b.watcher.Status())
		}
		if n := b.logged("check mesosAuthentication and mesosCredentials"); n != 1 {
			t.Errorf("got %d lines that name the setting, want 1: %q", n, messages(b.log, 4))
		}
	})
}

// A task may be reported again, and an unhealthy status is at each check.
func TestRepeatedEventsAreNoChange(t *testing.T) {
	c := state.NewCluster()
	changed := func(text string) bool { return !c.Apply(mustMessage(t, text).event).Empty() }
	again := strings.Replace(taskAdded, `"state":"TASK_STAGING"`, `"state":"TASK_RUNNING","statuses":[{"state":"TASK_RUNNING","timestamp":1795223868.31,"container_status":{"network_infos":[{"name":"dual","ip_addresses":[{"ip_address":"172.17.0.2"},{"ip_address":"fd99:5::2/64"}]}]}}]`, 1)
	for i, tt := range []struct {
		text    string
		changes bool
	}{
		{taskAdded, true}, {taskAdded, false}, {taskRunning, true}, {taskRunning, false},
		{taskSick, true}, {taskSick, false}, {taskSick, false},
		{again, true}, {again, false}, {taskFinished, true}, {taskFinished, false}, {again, true},
	} {
		if got := changed(tt.text); got != tt.changes {
			t.Errorf("event %d: got a change %t, want %t", i, got, tt.changes)
		}
	}
	for task := range c.Tasks() {
		if want := []netip.Addr{netip.MustParseAddr("172.17.0.2"), netip.MustParseAddr("fd99:5::2")}; !slices.Equal(task.Addresses.NetInfo, want) || task.AgentID != "x-S0" {
			t.Errorf("got %s, want its addresses %v on x-S0", describe(task), want)
		}
	}
}
