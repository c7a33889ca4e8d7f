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

// The recordings of a failover are of another cluster than those of the stream
// before. That gets the ids of the former, so that it is the same cluster.
var sameCluster = strings.NewReplacer(
	"ac070a06-5b38-43c8-b85f-1547bf7a54e2-S1", "9e291ea6-150e-4550-b2ad-151aa19db029-S0",
	"ac070a06-5b38-43c8-b85f-1547bf7a54e2-S0", "9e291ea6-150e-4550-b2ad-151aa19db029-S1",
	"ac070a06-5b38-43c8-b85f-1547bf7a54e2", "9e291ea6-150e-4550-b2ad-151aa19db029",
)

const (
	backAgent    = "9e291ea6-150e-4550-b2ad-151aa19db029-S0" // re-registers with the new leader
	awayAgent    = "9e291ea6-150e-4550-b2ad-151aa19db029-S1" // does not, in the recording
	unknownAgent = "9e291ea6-150e-4550-b2ad-151aa19db029-S2" // is not even recovered by the new leader
)

// failover is a server that follows a first master, which is killed.
type failover struct {
	t             *testing.T
	file          func(string) []byte
	first, second *player
	stream        *recording // of the second
	s             *Server
	stop          func()
	names         map[string][]string // of tasks, by agent
}

// newFailover plays the first master's stream up to when all tasks ran.
func newFailover(t *testing.T, who bool, change func(*config.Config)) *failover {
	f := &failover{t: t, file: recordingsOf(t)}
	body := []byte(sameCluster.Replace(string(f.file("state-02-running.json"))))
	life := chunked(t, []byte(sameCluster.Replace(string(f.file("subscribe-lifecycle.recordio"))))) // the ids are as long
	life.times = readRecording(t, f.file("subscribe-lifecycle.raw"), f.file("subscribe-lifecycle.times.tsv")).times
	f.stream = chunked(t, f.file("subscribe-failover.recordio"))
	f.first, f.second = newPlayer(t, life.raw), newPlayer(t, f.stream.raw)
	f.first.set(func() { f.first.upto, f.first.state, f.first.who = life.until(1795223871), body, who })
	f.second.set(func() { f.second.empty, f.second.who = true, who })
	f.s, f.stop = followMasters(t, change, f.first, f.second)
	f.first.waitForState(t, f.s, body, true)
	before, _ := recordedState(t, f.s, body)
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
	set, cluster := records.NewSet(f.s.pipeline.records), state.NewCluster()
	set.Update(cluster, cluster.Reconcile(alone, nil))
	for n, d := range set.All() {
		if strings.Contains(n.String(), ".marathon.") && len(d.A)+len(d.AAAA)+len(d.SRV) > 0 {
			names = append(names, n.String())
		}
	}
	if task.Running() && len(names) == 0 && c.Framework(task.Key.Framework).Name == "marathon" {
		f.t.Errorf("%v: got no names, want some", task.Key)
	}
	return names
}

// missing returns the names of tasks on agents that are not answered.
func (f *failover) missing(agents ...string) (missing []string) {
	for _, a := range agents {
		for _, n := range f.names[a] {
			if r, err := exchange(new(dns.Msg).SetQuestion(n, dns.TypeANY), f.s.DNSAddr().String()); err != nil || r.Rcode != dns.RcodeSuccess || len(r.Answer) == 0 {
				missing = append(missing, n)
			}
		}
	}
	return missing
}

// readings counts what the watcher has read from masters, or tried to.
func (f *failover) readings() uint64 {
	s := f.s.masterStatus()
	var events uint64
	for _, n := range s.Events {
		events += n
	}
	return s.Errors + uint64(s.Resyncs) + events + uint64(s.Full.UnixNano())
}

// stay asks for all names of agents again and again, until the server has
// noticed several times what its masters say.
func (f *failover) stay(what string, agents ...string) {
	f.t.Helper()
	const enough = 4
	last := f.readings()
	for noticed := 0; noticed < enough; {
		if m := f.missing(agents...); len(m) > 0 {
			f.t.Fatalf("%s: got no answer for %d names %q, want one for each; %+v", what, len(m), m, f.s.masterStatus())
		}
		if now := f.readings(); now != last {
			last = now
			noticed++
		}
	}
}

// kill ends the first master, while the second has not recovered.
func (f *failover) killFirst() {
	f.second.set(func() {
		f.second.state = []byte(`{"id":"216f8002-2cae-466b-97b3-e34ebb6982ff","pid":"master@127.0.0.1:5050","leader":"master@127.0.0.1:5050","elected_time":1795224317.3962169,"slaves":[],"recovered_slaves":[],"frameworks":[],"orphan_tasks":[]}`)
	})
	f.first.set(func() { f.first.empty, f.first.state = true, nil })
	f.first.hangUp()
}

// recover makes the second master begin its stream, with both agents recovered.
func (f *failover) recoverSecond() {
	body := f.file("state-09-failover-both-agents-recovered.json")
	f.second.set(func() { f.second.upto, f.second.state, f.second.empty = f.stream.records[2], body, false })
}

// goOn plays the rest of its stream, in which one agent comes back.
func (f *failover) reregisterOne() {
	body := f.file("state-10-failover-one-agent-recovered.json")
	f.second.set(func() { f.second.upto, f.second.state = len(f.stream.raw), body })
}

// No name is lost while the agents come back to a new leader.
func TestRecordedFailoverLosesNoName(t *testing.T) {
	forEachWayOfReading(t, func(t *testing.T, source config.StateSource, who bool) {
		f := newFailover(t, who, func(c *config.Config) {
			c.StateSource, c.Resync, c.AgentReregisterTimeout = source, 200*time.Millisecond, time.Hour
		})
		f.failOver()
		f.stay("one agent is back", awayAgent)
	})
}

// An agent that does not come back goes with its time.
func TestRecordedFailoverEndsWithItsTime(t *testing.T) {
	forEachWayOfReading(t, func(t *testing.T, source config.StateSource, who bool) {
		const timeout = 2 * time.Second
		f := newFailover(t, who, func(c *config.Config) {
			c.StateSource, c.Resync, c.AgentReregisterTimeout = source, 200*time.Millisecond, timeout
		})
		began := time.Now()
		f.killFirst()
		f.recoverSecond()
		f.reregisterOne()
		testutil.Eventually(t, func() bool {
			return f.s.masterStatus().Retained == 0 && len(f.missing(awayAgent)) > 0
		}, "the names of agents that stay away are gone; %+v", f.s.masterStatus())
		if got := time.Since(began); got < timeout-500*time.Millisecond {
			t.Errorf("the names were gone after %v, want them for %v", got, timeout)
		}
		f.second.waitForState(t, f.s, f.file("state-10-failover-one-agent-recovered.json"), true)
	})
}

// forEachWayOfReading runs a test for stream and poll, and for masters that do and
// do not tell who they are.
func forEachWayOfReading(t *testing.T, run func(t *testing.T, source config.StateSource, who bool)) {
	for _, source := range []config.StateSource{config.StateAuto, config.StatePoll} {
		for _, who := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s who=%v", source, who), func(t *testing.T) { run(t, source, who) })
		}
	}
}

// failOver kills the first master and plays the second one until one agent has
// come back to it with all its tasks.
func (f *failover) failOver() {
	f.t.Helper()
	f.killFirst()
	f.stay("before the recovery", backAgent, awayAgent, unknownAgent)
	f.recoverSecond()
	testutil.EventuallyEqual(f.t, 2, func() int { return f.s.masterStatus().Retained }, "agents retained, which are those that the new leader has recovered")
	f.stay("recovered", backAgent, awayAgent)
	testutil.Eventually(f.t, func() bool { return len(f.missing(unknownAgent)) > 0 }, "names of an agent that the new leader does not know are gone")
	f.reregisterOne()
	full, err := master.Decode(bytes.NewReader(f.file("state-10-failover-one-agent-recovered.json")))
	if err != nil {
		f.t.Fatal(err)
	}
	testutil.Eventually(f.t, func() bool {
		f.s.pipeline.mu.Lock()
		defer f.s.pipeline.mu.Unlock()
		on := 0
		for range f.s.pipeline.cluster.TasksOn(backAgent) {
			on++
		}
		return on == len(full.Tasks) && !slices.ContainsFunc(full.Tasks, func(task *state.Task) bool {
			now := f.s.pipeline.cluster.Task(task.Key)
			return now == nil || !now.Equal(task)
		})
	}, "the tasks of the agent that is back are those of the recorded state; %+v", f.s.masterStatus())
}

// A process that finds a new leader when it starts keeps what that one waits
// for, whenever it was elected.
func TestRecordedFailoverDuringARestart(t *testing.T) {
	for _, source := range []config.StateSource{config.StateAuto, config.StatePoll} {
		t.Run(string(source), func(t *testing.T) {
			dir := t.TempDir()
			change := func(c *config.Config) {
				c.StateSource, c.StateDir, c.Resync = source, dir, 200*time.Millisecond
			}
			f := newFailover(t, true, change)
			f.stop()
			f.killFirst()
			f.s, f.stop = followMasters(t, change, f.first, f.second)
			testutil.Eventually(t, func() bool { return len(f.missing(backAgent, awayAgent, unknownAgent)) == 0 }, "the names of the snapshot are answered")
			f.stay("before the recovery", backAgent, awayAgent, unknownAgent)
			f.recoverSecond()
			testutil.EventuallyEqual(t, 2, func() int { return f.s.masterStatus().Retained }, "agents retained")
			f.stay("recovered", backAgent, awayAgent)
			f.reregisterOne()
			f.stay("one agent is back", awayAgent)
		})
	}
}

// Where nothing is known, the empty state of a master that has not recovered
// makes no name one that does not exist.
func TestRecordedEmptyStartIsNotNXDomain(t *testing.T) {
	file := recordingsOf(t)
	for _, source := range []config.StateSource{config.StateAuto, config.StatePoll} {
		p := newPlayer(t, nil)
		p.state, p.empty = file("state-01-empty.json"), true
		s, _ := followMasters(t, func(c *config.Config) { c.StateSource = source }, p)
		for errors := s.masterStatus().Errors; s.masterStatus().Errors < errors+5; time.Sleep(10 * time.Millisecond) {
			r, err := exchange(new(dns.Msg).SetQuestion("web.marathon.mesos.", dns.TypeA), s.DNSAddr().String())
			if err != nil || r.Rcode != dns.RcodeServerFailure {
				t.Fatalf("%s: got %v, error %v, want SERVFAIL", source, r, err)
			}
		}
	}
}
