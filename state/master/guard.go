package master

import (
	"maps"
	"slices"
	"time"

	"toponym/state"
)

// guard turns what a master says into what is believed.
//
// A master is believed in all that it says, but not at once in what it leaves
// out: a new leader knows few agents at first, and before it has recovered none
// at all. So what only a new leader's silence would take away is kept: agents
// that were known before and have not come back, their tasks, and the
// frameworks of these. It goes when the master says so, when the master has an
// agent back and shows what runs on it, or when the time of agents to come
// back is over.
//
// It is pure: it knows the time and the cluster from its caller alone. The
// cluster is what was believed so far; all events that guard gives must have
// been applied to it before the next call.
type guard struct {
	cluster *state.Cluster
	timeout time.Duration // agentReregisterTimeout

	leader  identity
	started bool      // whether a leader has been seen
	unsure  bool      // whether it is still the one above: the last state did not say
	heard   time.Time // when a master was heard of last

	away map[string]absence // agents that are believed in and that the master does not have
	// Frameworks that are believed in though the master does not name them.
	quiet map[string]time.Time
	// Agents that came back by an event, with the tasks which the master has
	// not yet shown to run on it, and until when they are believed in.
	back map[string]*unconfirmed
}

// absence is that of an agent after a failover.
type absence struct {
	until  time.Time
	listed bool                       // the master listed it as recovered: when it no longer does, it has given it up
	shown  map[state.TaskKey]struct{} // tasks that the master has on it all the same
}

// unconfirmed are tasks of an agent that has come back.
type unconfirmed struct {
	until time.Time
	tasks map[state.TaskKey]struct{}
}

func newGuard(c *state.Cluster, timeout time.Duration) *guard {
	return &guard{
		cluster: c, timeout: timeout,
		away: map[string]absence{}, quiet: map[string]time.Time{}, back: map[string]*unconfirmed{},
	}
}

// event gives what is believed after an event of the stream. The guard keeps
// its own account of it; the event itself is always believed.
func (g *guard) event(now time.Time, e state.Event) state.Event {
	switch {
	case e.Task != nil:
		g.confirm(e.Task.AgentID, e.Task.Key)
	case e.Status != nil:
		if t := g.cluster.Task(e.Status.Task); t != nil {
			g.confirm(t.AgentID, t.Key)
		}
	case e.Agent != nil:
		g.cameBack(now, e.Agent.ID)
	case e.AgentGone != "":
		delete(g.away, e.AgentGone)
		delete(g.back, e.AgentGone)
	case e.Framework != nil:
		delete(g.quiet, e.Framework.ID)
	case e.FrameworkGone != "":
		delete(g.quiet, e.FrameworkGone)
	}
	return e
}

// confirm notes that the master knows a task of an agent that came back, or is
// about to: some tasks come before their agent.
func (g *guard) confirm(agent string, k state.TaskKey) {
	if a, ok := g.away[agent]; ok {
		if a.shown == nil {
			a.shown = map[state.TaskKey]struct{}{}
			g.away[agent] = a
		}
		a.shown[k] = struct{}{}
	}
	if b := g.back[agent]; b != nil {
		if delete(b.tasks, k); len(b.tasks) == 0 {
			delete(g.back, agent)
		}
	}
}

// cameBack notes that an agent is there again. The master tells of its tasks
// one by one, some before the agent and some after it.
func (g *guard) cameBack(now time.Time, agent string) {
	a, ok := g.away[agent]
	if !ok {
		return
	}
	delete(g.away, agent)
	b := &unconfirmed{until: now.Add(g.timeout), tasks: map[state.TaskKey]struct{}{}}
	for t := range g.cluster.TasksOn(agent) {
		if _, ok := a.shown[t.Key]; !ok {
			b.tasks[t.Key] = struct{}{}
		}
	}
	if len(b.tasks) > 0 {
		g.back[agent] = b
	}
}

// unsettled reports whether agents came back whose tasks have not all been
// shown: a full state tells which of them are over.
func (g *guard) unsettled() bool { return len(g.back) > 0 }

// keeping reports how many agents are believed in that the master does not
// have.
func (g *guard) keeping() int { return len(g.away) }

// next is when expire has something to do; zero for never.
func (g *guard) next() (at time.Time) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, a := range g.away {
		earlier(a.until)
	}
	for _, t := range g.quiet {
		earlier(t)
	}
	for _, b := range g.back {
		earlier(b.until)
	}
	return at
}

// expire gives up what was believed in for as long as it may be.
func (g *guard) expire(now time.Time) (events []state.Event) {
	for id, a := range g.away {
		if !now.Before(a.until) {
			delete(g.away, id)
			events = append(events, state.Event{AgentGone: id})
		}
	}
	for id, b := range g.back {
		if !now.Before(b.until) {
			delete(g.back, id)
			for k := range maps.Keys(b.tasks) {
				events = append(events, state.Event{TaskGone: &k})
			}
		}
	}
	for id, until := range g.quiet {
		if !now.Before(until) {
			delete(g.quiet, id)
			if !g.shows(id, events) {
				events = append(events, state.Event{FrameworkGone: id})
			}
		}
	}
	return events
}

// shows reports whether a framework has tasks beside those that go now: then
// the master knows it, whether it said so or not.
func (g *guard) shows(framework string, going []state.Event) bool {
	for t := range g.cluster.TasksOf(framework) {
		goes := slices.ContainsFunc(going, func(e state.Event) bool {
			return e.AgentGone == t.AgentID || e.TaskGone != nil && *e.TaskGone == t.Key
		})
		if _, away := g.away[t.AgentID]; !goes && !away {
			return true
		}
	}
	return false
}
