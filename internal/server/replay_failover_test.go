package server

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/records"
	"toponym/state"
	"toponym/state/master"
)

// The recordings of a failover are of another cluster than those of a life.
// What comes before gets its ids, so that it is the same.
var sameCluster = strings.NewReplacer(
	"ac070a06-5b38-43c8-b85f-1547bf7a54e2-S1", "9e291ea6-150e-4550-b2ad-151aa19db029-S0",
	"ac070a06-5b38-43c8-b85f-1547bf7a54e2-S0", "9e291ea6-150e-4550-b2ad-151aa19db029-S1",
	"ac070a06-5b38-43c8-b85f-1547bf7a54e2", "9e291ea6-150e-4550-b2ad-151aa19db029",
)

const (
	backAgent = "9e291ea6-150e-4550-b2ad-151aa19db029-S0" // comes back to the new leader
	awayAgent = "9e291ea6-150e-4550-b2ad-151aa19db029-S1" // does not, in the recording
	lateAgent = "9e291ea6-150e-4550-b2ad-151aa19db029-S2" // is unknown to the new leader
)

// failover is a program that follows a first master, which is killed.
type failover struct {
	t             *testing.T
	file          func(string) []byte
	first, second *player
	stream        *recording // of the second
	s             *Server
	stop          func()
	names         map[string][]string // of tasks, by agent
}

// newFailover begins with a life up to the time when all tasks ran.
func newFailover(t *testing.T, who bool, change func(*config.Config)) *failover {
	f := &failover{t: t, file: recordingsOf(t)}
	body := []byte(sameCluster.Replace(string(f.file("state-02-running.json"))))
	life := chunked(t, []byte(sameCluster.Replace(string(f.file("subscribe-lifecycle.recordio"))))) // the ids are as long
	life.times = readRecording(t, f.file("subscribe-lifecycle.raw"), f.file("subscribe-lifecycle.times.tsv")).times
	f.stream = chunked(t, f.file("subscribe-failover.recordio"))
	f.first, f.second = newPlayer(t, life.raw), newPlayer(t, f.stream.raw)
	f.first.set(func() { f.first.upto, f.first.state, f.first.who = life.until(1795223871), body, who })
	f.second.set(func() { f.second.empty, f.second.who = true, who })
	f.s, f.stop = startOn(t, change, f.first, f.second)
	f.first.same(t, f.s, body, true)
	before, _ := wanted(t, f.s, body)
	after, err := master.Decode(bytes.NewReader(f.file("state-10-failover-one-agent-recovered.json")))
	if err != nil {
		t.Fatal(err)
	}
	f.names = map[string][]string{}
	for task := range before.Tasks() {
		if slices.ContainsFunc(after.Tasks, func(t *state.Task) bool { return t.Key == task.Key && t.AgentID != task.AgentID }) {
			continue // it runs elsewhere there
		}
		f.names[task.AgentID] = append(f.names[task.AgentID], f.namesOf(before, task)...)
	}
	return f
}

// namesOf are the names that a task has.
func (f *failover) namesOf(c *state.Cluster, task *state.Task) (names []string) {
	alone := &state.FullState{Tasks: []*state.Task{task}, Agents: []*state.Agent{c.Agent(task.AgentID)}, Frameworks: []*state.Framework{c.Framework(task.Key.Framework)}}
	o, err := RecordsOptions(f.s.config.Load())
	if err != nil {
		f.t.Fatal(err)
	}
	set, cluster := records.NewSet(o), state.NewCluster()
	set.Update(cluster, cluster.Apply(state.Event{FullState: alone}))
	for n, d := range set.All() {
		if strings.Contains(n.String(), ".marathon.") && len(d.A)+len(d.AAAA)+len(d.SRV) > 0 {
			names = append(names, n.String())
		}
	}
	if task.Running() && len(names) == 0 && c.Framework(task.Key.Framework).Name == "marathon" {
		f.t.Errorf("%v has no names", task.Key)
	}
	return names
}

// missing are the names of tasks of agents that are not answered.
func (f *failover) missing(agents ...string) (missing []string) {
	for _, a := range agents {
		for _, n := range f.names[a] {
			if r, err := dns.Exchange(new(dns.Msg).SetQuestion(n, dns.TypeANY), f.s.DNSAddr().String()); err != nil || r.Rcode != dns.RcodeSuccess || len(r.Answer) == 0 {
				missing = append(missing, n)
			}
		}
	}
	return missing
}

func (f *failover) all(what string, agents ...string) {
	f.t.Helper()
	if m := f.missing(agents...); len(m) > 0 {
		f.t.Fatalf("%s: %d names are missing: %q; %+v", what, len(m), m, f.s.watcher.Status())
	}
}

// kill ends the first master, while the second has not recovered.
func (f *failover) kill() {
	f.second.set(func() {
		f.second.state = []byte(`{"id":"216f8002-2cae-466b-97b3-e34ebb6982ff","pid":"master@127.0.0.1:5050","leader":"master@127.0.0.1:5050","elected_time":1795224317.3962169,"slaves":[],"recovered_slaves":[],"frameworks":[],"orphan_tasks":[]}`)
	})
	f.first.set(func() { f.first.empty, f.first.state = true, nil })
	f.first.hangUp()
}

// recover has the second master begin its stream: with both agents recovered.
func (f *failover) recover() {
	body := f.file("state-09-failover-both-agents-recovered.json")
	f.second.set(func() { f.second.upto, f.second.state, f.second.empty = f.stream.records[2], body, false })
}

// goOn plays the rest of its stream, in which one agent comes back.
func (f *failover) goOn() {
	body := f.file("state-10-failover-one-agent-recovered.json")
	f.second.set(func() { f.second.upto, f.second.state = len(f.stream.raw), body })
}

// TestRecordedFailover: no name is lost while the agents come back to a new
// leader; and an agent that does not come back goes with its time.
func TestRecordedFailover(t *testing.T) {
	for _, source := range []config.StateSource{config.StateAuto, config.StatePoll} {
		for _, who := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s who=%v", source, who), func(t *testing.T) {
				f := newFailover(t, who, func(c *config.Config) {
					c.StateSource, c.Resync, c.AgentReregisterTimeout = source, 200*time.Millisecond, 4*time.Second
				})
				began := time.Now()
				f.kill()
				for time.Since(began) < time.Second {
					f.all("before the recovery", backAgent, awayAgent, lateAgent)
				}
				f.recover()
				testutil.Eventually(t, func() bool { return f.s.watcher.Status().Retained == 3 }, "nobody noticed: %v", f.s.watcher)
				recovered := time.Now()
				for time.Since(recovered) < time.Second {
					f.all("recovered", backAgent, awayAgent, lateAgent)
				}
				f.goOn()
				snap, err := master.Decode(bytes.NewReader(f.file("state-10-failover-one-agent-recovered.json")))
				if err != nil {
					t.Fatal(err)
				}
				settled := func() bool {
					f.s.pipeline.mu.Lock()
					defer f.s.pipeline.mu.Unlock()
					on := 0
					for range f.s.pipeline.cluster.TasksOn(backAgent) {
						on++
					}
					return on == len(snap.Tasks) && !slices.ContainsFunc(snap.Tasks, func(task *state.Task) bool {
						now := f.s.pipeline.cluster.Task(task.Key)
						return now == nil || !now.Equal(task)
					})
				}
				testutil.Eventually(t, settled, "the tasks of the agent that is back are not those of the state: %+v", f.s.watcher.Status())
				f.all("one is back", awayAgent, lateAgent)
				testutil.Eventually(t, func() bool { return f.s.watcher.Status().Retained == 0 && len(f.missing(awayAgent, lateAgent)) > 0 }, "they stay for ever: %+v", f.s.watcher.Status())
				if d := time.Since(began); d < 3500*time.Millisecond {
					t.Errorf("they went after %v", d)
				}
				f.second.same(t, f.s, f.file("state-10-failover-one-agent-recovered.json"), true)
			})
		}
	}
}

// TestRecordedRestart: a process that finds a new leader when it starts keeps
// what that one waits for, whenever it was elected.
func TestRecordedRestart(t *testing.T) {
	for _, source := range []config.StateSource{config.StateAuto, config.StatePoll} {
		t.Run(string(source), func(t *testing.T) {
			dir := t.TempDir()
			change := func(c *config.Config) {
				c.StateSource, c.StateDir, c.Resync = source, dir, 200*time.Millisecond
			}
			f := newFailover(t, true, change)
			f.stop()
			f.kill()
			f.s, f.stop = startOn(t, change, f.first, f.second)
			began := time.Now()
			testutil.Eventually(t, func() bool { return len(f.missing(backAgent, awayAgent, lateAgent)) == 0 }, "no names of the snapshot")
			for time.Since(began) < time.Second {
				f.all("before the recovery", backAgent, awayAgent, lateAgent)
			}
			f.recover()
			testutil.Eventually(t, func() bool { return f.s.watcher.Status().Retained > 0 }, "nobody noticed")
			for began := time.Now(); time.Since(began) < 2*time.Second; {
				f.all("recovered", backAgent, awayAgent)
			}
			f.goOn()
			for began := time.Now(); time.Since(began) < time.Second; {
				f.all("one is back", awayAgent)
			}
		})
	}
}

// TestRecordedEmptyStart: where nothing is known, the empty state of a master
// that has not recovered does not make a name one that does not exist.
func TestRecordedEmptyStart(t *testing.T) {
	file := recordingsOf(t)
	for _, source := range []config.StateSource{config.StateAuto, config.StatePoll} {
		p := newPlayer(t, nil)
		p.state, p.empty = file("state-01-empty.json"), true
		s, _ := startOn(t, func(c *config.Config) { c.StateSource = source }, p)
		for began := time.Now(); time.Since(began) < 2*time.Second; time.Sleep(10 * time.Millisecond) {
			r, err := dns.Exchange(new(dns.Msg).SetQuestion("web.marathon.mesos.", dns.TypeA), s.DNSAddr().String())
			if err != nil || r.Rcode != dns.RcodeServerFailure {
				t.Fatalf("%s: %v, %v", source, r, err)
			}
		}
	}
}
