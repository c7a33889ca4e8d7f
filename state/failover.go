package state

import (
	"math"
	"time"
)

// Leadership identifies the time during which one master leads. A master that
// loses its leadership exits, and one that starts gives itself a new id, so
// the id is enough where it is known. Old versions and proxies may leave it
// out. No master is elected twice, so another time of election is another
// leadership in any case.
type Leadership struct {
	ID      string  // id of `/master/state`, MasterInfo.id
	PID     string  // host:port of the libprocess address
	Elected float64 // elected_time in seconds since 1970, by the master's clock; 0 where unknown
}

// electionPrecision is the difference in seconds up to which two times of
// election are the same: the APIs round differently.
const electionPrecision = 1e-3

// Same reports whether both are the same leadership. A part that is unknown in
// one of them decides nothing. Two unknown leaderships are not the same.
func (l Leadership) Same(o Leadership) bool {
	if l.ID != "" && o.ID != "" && l.ID != o.ID {
		return false
	}
	if l.Elected != 0 && o.Elected != 0 && math.Abs(l.Elected-o.Elected) > electionPrecision {
		return false
	}
	return l.ID != "" && l.ID == o.ID || l.PID != "" && l.PID == o.PID
}

// Known reports whether anything is known of the leadership.
func (l Leadership) Known() bool { return l != Leadership{} }

// ElectedAt returns when the leadership began, by the master's clock.
func (l Leadership) ElectedAt() (at time.Time, known bool) {
	if l.Elected <= 0 || l.Elected > math.MaxInt32*100 {
		return at, false
	}
	return time.UnixMicro(int64(l.Elected * 1e6)), true
}

// merge returns what two answers of one leadership tell together.
func (l Leadership) merge(o Leadership) Leadership {
	if o.ID != "" {
		l.ID = o.ID
	}
	if o.PID != "" {
		l.PID = o.PID
	}
	if o.Elected != 0 {
		l.Elected = o.Elected
	}
	return l
}

// failoverTracker decides what to retain when a new leader's state is
// incomplete.
//
// What a master reports is taken at its word, but not at once what it leaves
// out: a new leader knows the agents of its registry at first, few of which
// have registered with it, and none at all before it has recovered. Retained
// are, after another master began to lead,
//
//   - agents that the leader lists as recovered, until they register, the leader
//     no longer lists them, or agentReregisterTimeout has passed;
//   - agents that it neither lists nor has, where it does not report recovered
//     agents (before Mesos 1.2) or lacks more than half of the agents known
//     before: then it has lost its registry. Their time is not prolonged when
//     yet another master leads. Otherwise they go at once;
//   - the tasks of these agents, and the tasks of agents that registered but
//     whose tasks have not all been reported yet;
//   - the frameworks of these tasks, and others for the same time.
//
// It is pure: time and cluster come from the caller, and all changes that it
// returns must have been applied to the cluster before the next call.
type failoverTracker struct {
	cluster *Cluster
	timeout time.Duration // agentReregisterTimeout

	leader        Leadership
	started       bool // a full state of some leader was taken in
	leaderUnknown bool // the last full state did not say whose it is; leader is the one before
	empty         bool // the last full state was empty
	complete      bool // the leader has listed its agents, registered and recovered
	registryLost  bool // it lacked more than half of the agents known before when it did

	absent            map[string]absence     // agents that are retained
	missingFrameworks map[string]time.Time   // frameworks that are retained, and until when
	returned          map[string]unconfirmed // agents whose tasks have not all been reported

	wake time.Time // expire has nothing to do before; zero for never
}

// absence describes an agent that is retained.
type absence struct {
	until  time.Time
	listed bool                 // as recovered: once it no longer is, the leader has given it up
	tasks  map[TaskKey]struct{} // reported before the agent itself
}

// unconfirmed are the tasks of an agent that registered again which the leader
// has not reported yet.
type unconfirmed struct {
	until time.Time
	tasks map[TaskKey]struct{}
}

func newFailoverTracker(c *Cluster) failoverTracker {
	return failoverTracker{
		cluster: c, absent: map[string]absence{}, missingFrameworks: map[string]time.Time{}, returned: map[string]unconfirmed{},
	}
}

// event takes note of an event that is about to be applied to the cluster.
func (f *failoverTracker) event(now time.Time, e Event) {
	switch {
	case e.Task != nil:
		f.confirm(e.Task.AgentID, e.Task.Key)
	case e.Status != nil:
		if t := f.cluster.Task(e.Status.Task); t != nil {
			f.confirm(t.AgentID, t.Key)
		}
	case e.Agent != nil:
		f.registered(now, e.Agent.ID)
	case e.AgentGone != "":
		delete(f.absent, e.AgentGone)
		delete(f.returned, e.AgentGone)
	case e.Framework != nil:
		delete(f.missingFrameworks, e.Framework.ID)
	case e.FrameworkGone != "":
		delete(f.missingFrameworks, e.FrameworkGone)
	}
}

// confirm notes that the leader reported a task of an agent that has returned
// or is about to: some tasks are reported before their agent.
func (f *failoverTracker) confirm(agent string, k TaskKey) {
	if a, ok := f.absent[agent]; ok {
		if a.tasks == nil {
			a.tasks = map[TaskKey]struct{}{}
			f.absent[agent] = a
		}
		a.tasks[k] = struct{}{}
	}
	if r, ok := f.returned[agent]; ok {
		if delete(r.tasks, k); len(r.tasks) == 0 {
			delete(f.returned, agent)
		}
	}
}

// registered notes that an agent is back. The leader reports its tasks one by
// one, some before the agent and some after it.
func (f *failoverTracker) registered(now time.Time, agent string) {
	a, ok := f.absent[agent]
	if !ok {
		return
	}
	delete(f.absent, agent)
	r := unconfirmed{until: now.Add(f.timeout), tasks: map[TaskKey]struct{}{}}
	for t := range f.cluster.TasksOn(agent) {
		if _, ok := a.tasks[t.Key]; !ok {
			r.tasks[t.Key] = struct{}{}
		}
	}
	if len(r.tasks) > 0 {
		f.returned[agent] = r
		f.wakeAt(r.until)
	}
}

// identify names the leader whose last full state did not name it. What is
// retained stays.
func (f *failoverTracker) identify(l Leadership) {
	if f.leaderUnknown && l.Known() && !f.leader.Same(l) {
		f.leader, f.leaderUnknown = l, false
	}
}

// fullState takes note of a full state and returns what the cluster retains
// although the state lacks it.
func (f *failoverTracker) fullState(now time.Time, s *FullState, in corrected, j *Journal) retained {
	f.checkLeader(now, s)
	keep := retained{agents: map[string]bool{}, frameworks: map[string]bool{}}
	taskFrameworks := f.retainAgents(now, s, in, &keep)
	f.retainFrameworks(now, in, taskFrameworks, &keep)
	for id := range f.returned {
		// The state shows which of its tasks are over, unless it is older than
		// the return.
		if !j.hasAgent(id) || in.listed[id] {
			delete(f.returned, id)
		}
	}
	return keep
}

// checkLeader makes all agents and frameworks absent when another master leads.
func (f *failoverTracker) checkLeader(now time.Time, s *FullState) {
	wasEmpty := f.empty
	f.empty = s.Empty()
	if f.started && f.leader.Same(s.Leadership) && !f.restarted(s) {
		f.leader = f.leader.merge(s.Leadership)
		if f.leaderUnknown { // it has been the same all the time
			clear(f.absent)
			clear(f.missingFrameworks)
		}
		f.leaderUnknown = false
		return
	}
	differs := s.Leadership.Known() && !f.leader.Same(s.Leadership)
	f.started, f.leaderUnknown, f.complete, f.registryLost = true, !s.Leadership.Known(), false, false
	if !f.leaderUnknown {
		f.leader = s.Leadership
	}
	until := now.Add(f.timeout)
	if f.ledLong(s) {
		until = now // its agents have had their time
	}
	// Nobody can register with a leader that has not recovered.
	prolong := s.Empty() && (differs || !wasEmpty)
	for a := range f.cluster.Agents() {
		if absent, ok := f.absent[a.ID]; !ok || prolong {
			f.absent[a.ID] = absence{until: until}
		} else {
			f.absent[a.ID] = absence{until: absent.until}
		}
	}
	for w := range f.cluster.Frameworks() {
		if _, ok := f.missingFrameworks[w.ID]; !ok || prolong {
			f.missingFrameworks[w.ID] = until
		}
	}
	clear(f.returned)
	f.wakeAt(until)
}

// restarted reports whether a leader that seems to be the same has forgotten
// everything, so that it is another one. Its id would tell, but not all masters
// give one.
func (f *failoverTracker) restarted(s *FullState) bool {
	_, agents, _ := f.cluster.Counts()
	return s.Empty() && agents > 0 && (s.Leadership.ID == "" || f.leader.ID == "")
}

// ledLong reports whether the leader has waited for its agents to the end.
func (f *failoverTracker) ledLong(s *FullState) bool {
	return s.LeaderAge > f.timeout && !s.Empty()
}

// retainAgents decides which agents stay although the leader does not have
// them. It returns the frameworks of their tasks, and until when these stay.
func (f *failoverTracker) retainAgents(now time.Time, s *FullState, in corrected, keep *retained) map[string]time.Time {
	registered := make(map[string]bool, len(in.agents))
	for _, a := range in.agents {
		registered[a.ID] = true
		delete(f.absent, a.ID)
	}
	recovered := make(map[string]bool, len(s.Recovered))
	for _, id := range s.Recovered {
		recovered[id] = true
	}
	givesUp := f.givesUp(s, registered, recovered)
	frameworks := map[string]time.Time{}
	for a := range f.cluster.Agents() {
		if registered[a.ID] {
			continue
		}
		absent, waiting := f.absent[a.ID]
		switch {
		case recovered[a.ID]: // the leader waits for it
			if !absent.listed {
				absent.until = now.Add(f.timeout)
			}
			absent.listed = true
		case !waiting, absent.listed, givesUp: // the leader does not
			delete(f.absent, a.ID)
			continue
		}
		if !now.Before(absent.until) {
			delete(f.absent, a.ID)
			continue
		}
		f.absent[a.ID] = absent
		f.wakeAt(absent.until)
		keep.agents[a.ID] = true
		f.frameworksOn(a.ID, absent.until, s, frameworks)
	}
	return frameworks
}

// givesUp reports whether the leader waits for no agents but those that it
// lists as recovered.
func (f *failoverTracker) givesUp(s *FullState, registered, recovered map[string]bool) bool {
	if !s.ListsRecovered || s.Empty() {
		return false
	}
	if !f.complete {
		missing, known := 0, 0
		for a := range f.cluster.Agents() {
			known++
			if !registered[a.ID] && !recovered[a.ID] {
				missing++
			}
		}
		f.complete, f.registryLost = true, 2*missing > known
	}
	return !f.registryLost
}

// frameworksOn adds the frameworks of tasks on an agent that the state lacks.
func (f *failoverTracker) frameworksOn(agent string, until time.Time, s *FullState, frameworks map[string]time.Time) {
	for t := range f.cluster.TasksOn(agent) {
		if s.Index(); s.byKey[t.Key] == nil && until.After(frameworks[t.Key.Framework]) {
			frameworks[t.Key.Framework] = until
		}
	}
}

// retainFrameworks decides which frameworks stay although the state lacks them.
func (f *failoverTracker) retainFrameworks(now time.Time, in corrected, ofTasks map[string]time.Time, keep *retained) {
	listed := make(map[string]bool, len(in.frameworks))
	for _, w := range in.frameworks {
		listed[w.ID] = true
		delete(f.missingFrameworks, w.ID)
	}
	for w := range f.cluster.Frameworks() {
		if listed[w.ID] {
			continue
		}
		until := f.missingFrameworks[w.ID]
		if t := ofTasks[w.ID]; t.After(until) {
			until = t
		}
		if !now.Before(until) {
			delete(f.missingFrameworks, w.ID)
			continue
		}
		f.missingFrameworks[w.ID] = until
		f.wakeAt(until)
		keep.frameworks[w.ID] = true
	}
}

func (f *failoverTracker) wakeAt(t time.Time) {
	if f.wake.IsZero() || t.Before(f.wake) {
		f.wake = t
	}
}

// expire returns the removal of what has been retained for long enough.
func (f *failoverTracker) expire(now time.Time) (gone []Event) {
	if f.wake.IsZero() || now.Before(f.wake) {
		return nil
	}
	f.wake = time.Time{}
	agents, tasks := map[string]bool{}, map[TaskKey]bool{} // that go
	for id, a := range f.absent {
		if now.Before(a.until) {
			f.wakeAt(a.until)
			continue
		}
		delete(f.absent, id)
		agents[id] = true
		gone = append(gone, Event{AgentGone: id})
	}
	for id, r := range f.returned {
		if now.Before(r.until) {
			f.wakeAt(r.until)
			continue
		}
		delete(f.returned, id)
		for k := range r.tasks {
			tasks[k] = true
			gone = append(gone, Event{TaskGone: &k})
		}
	}
	for id, until := range f.missingFrameworks {
		if now.Before(until) {
			f.wakeAt(until)
			continue
		}
		delete(f.missingFrameworks, id)
		if !f.hasTasks(id, agents, tasks) {
			gone = append(gone, Event{FrameworkGone: id})
		}
	}
	return gone
}

// hasTasks reports whether a framework has tasks on registered agents, beside
// those agents and tasks that go now: then the leader knows it, whether it said
// so or not.
func (f *failoverTracker) hasTasks(framework string, agents map[string]bool, tasks map[TaskKey]bool) bool {
	for t := range f.cluster.TasksOf(framework) {
		if _, absent := f.absent[t.AgentID]; !absent && !agents[t.AgentID] && !tasks[t.Key] {
			return true
		}
	}
	return false
}
