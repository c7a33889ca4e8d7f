package marathon

import (
	"container/heap"
	"net/netip"
	"slices"
	"time"

	"toponym/sim"
)

// launchOptions say how an instance is launched. With the zero value the scheduler
// chooses.
type launchOptions struct {
	Placement
	notOn   string // an agent that must not be chosen
	running bool   // TASK_RUNNING at once
	manual  bool   // it stays in TASK_STAGING until sim.Cluster.AdvanceTask
}

// Placement says where an instance runs. The scheduler chooses what is not set.
type Placement struct {
	AgentID   string
	HostPorts []uint16
	Addresses []netip.Prefix // on the first network of the app
	Healthy   *bool          // the first result of its health checks, known at once
}

// launch starts an instance of an app.
func (s *Scheduler) launch(a *App, o launchOptions) (*instance, error) {
	id := a.TaskID(s.newID())
	ports := a.HostPorts()
	if o.HostPorts != nil {
		ports = o.HostPorts
	}
	running := o.running || s.o.Startup <= 0 && !o.manual
	tasks, err := s.cluster.LaunchInstance(sim.Instance{
		FrameworkID: s.framework, Needs: a.Resources(), HostPorts: ports,
		AgentID: o.AgentID, NotOn: o.notOn, Running: running,
		Others: s.spread[a.ID],
		Tasks: func(hostPorts []uint16) ([]sim.Task, error) {
			list, err := a.Tasks(id, hostPorts)
			for i := range list {
				if len(o.Addresses) > 0 && len(list[i].Networks) > 0 {
					list[i].Networks = slices.Clone(list[i].Networks)
					list[i].Networks[0].Addresses = o.Addresses
				}
				if s.o.NoDiscovery {
					list[i].Discovery = nil
				}
			}
			return list, err
		},
	})
	if err != nil {
		return nil, err
	}
	i := s.add(a, id, tasks)
	switch {
	case o.Healthy != nil:
		s.setHealth(i, *o.Healthy)
	case running:
		s.becomesHealthy(i)
	case !o.manual:
		s.plan(s.o.Startup/2, i, (*Scheduler).comeUp)
	}
	return i, nil
}

// add registers an instance that was launched.
func (s *Scheduler) add(a *App, id string, tasks []string) *instance {
	i := &instance{
		id: id, app: a, place: len(s.order), tasks: tasks, staged: s.cluster.Now(),
	}
	if a.VersionInfo != nil {
		i.config = a.VersionInfo.LastConfigChangeAt
	}
	byMesos := false
	for _, id := range tasks {
		t, ok := s.cluster.Task(s.framework, id)
		if !ok {
			continue // it has ended already, which status will notice
		}
		i.agentID = t.AgentID
		byMesos = byMesos || t.HealthCheck != nil
		for p := range t.HostPorts() {
			i.ports = append(i.ports, p)
		}
	}
	i.checked = len(a.HealthChecks) > 0 && !byMesos
	s.instances[id] = i
	s.order = append(s.order, i)
	if s.spread[a.ID] == nil {
		s.spread[a.ID] = map[string]int{}
	}
	s.spread[a.ID][i.agentID]++
	return i
}

// kill gives an instance up and kills its tasks. Tasks on an agent that is away are
// killed when it returns.
func (s *Scheduler) kill(i *instance) {
	if i.ended {
		return
	}
	i.ended = true
	delete(s.instances, i.id)
	last := len(s.order) - 1
	s.order[i.place] = s.order[last]
	s.order[i.place].place = i.place
	s.order[last] = nil
	s.order = s.order[:last]
	on := s.spread[i.app.ID]
	if on[i.agentID]--; on[i.agentID] == 0 {
		delete(on, i.agentID)
	}
	if len(on) == 0 {
		delete(s.spread, i.app.ID)
	}
	if s.end(i) {
		s.lost[i.id] = i
	}
}

// end kills the tasks of an instance that have not ended. It reports whether some
// remain, on an agent that is away.
func (s *Scheduler) end(i *instance) (away bool) {
	i.tasks = slices.DeleteFunc(i.tasks, func(id string) bool {
		switch s.cluster.Presence(s.framework, id) {
		case sim.TaskPresent:
			if s.cluster.KillTask(s.framework, id) == nil { // an error: it has ended
				s.cluster.EndTask(s.framework, id, sim.TaskKilled)
			}
		case sim.TaskAway:
			return false
		}
		return true
	})
	return len(i.tasks) > 0
}

// status is the state of an instance that has not ended.
type status struct {
	State     string // as in Mesos, such as TASK_RUNNING; of a pod that of its last task
	Host      string
	Addresses []netip.Addr
	Healthy   *bool // nil without a result
	Started   time.Time
}

// status returns the state of an instance. ok is false once one of its tasks has
// ended or is unreachable: then the instance is given up, even if its agent returns.
func (s *Scheduler) status(i *instance) (out status, ok bool) {
	if i.ended {
		return status{}, false
	}
	out.State = sim.TaskRunning
	var results []*bool
	if i.checked {
		results = append(results, i.healthy)
	}
	for n, id := range i.tasks {
		t, ok := s.cluster.Task(s.framework, id)
		if !ok || sim.Terminal(t.State) {
			s.kill(i)
			return status{}, false
		}
		if n == 0 {
			a, _ := s.cluster.Agent(t.AgentID)
			out.Host = a.Hostname
		}
		if t.State != sim.TaskRunning {
			out.State = t.State
			continue
		}
		last := t.Statuses[len(t.Statuses)-1]
		if t.HealthCheck != nil {
			results = append(results, last.Healthy)
		}
		if last.Time.After(out.Started) {
			out.Started = last.Time
		}
		if n == 0 {
			out.Addresses = addressesOf(last.Container)
		}
	}
	if out.State == sim.TaskRunning {
		out.Healthy = worst(results)
	}
	return out, true
}

// worst combines the results of health checks: false if one is, nil if one is
// missing, and true otherwise.
func worst(results []*bool) *bool {
	var out *bool
	for i, r := range results {
		switch {
		case r != nil && !*r:
			return r
		case r == nil, i == 0:
			out = r
		case out != nil:
			out = r
		}
	}
	return out
}

func addressesOf(c *sim.ContainerStatus) []netip.Addr {
	var out []netip.Addr
	if c == nil {
		return nil
	}
	for _, n := range c.Networks {
		for _, p := range n.Addresses {
			out = append(out, p.Addr())
		}
	}
	return out
}

// step is a planned step of an instance.
type step struct {
	at       time.Time
	do       func(*Scheduler, *instance)
	instance *instance
}

// steps are a heap, the earliest step first.
type steps []step

func (s steps) Len() int           { return len(s) }
func (s steps) Less(i, j int) bool { return s[i].at.Before(s[j].at) }
func (s steps) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *steps) Push(v any)        { *s = append(*s, v.(step)) }
func (s *steps) Pop() any {
	last := len(*s) - 1
	v := (*s)[last]
	*s = (*s)[:last]
	return v
}

func (s *Scheduler) plan(after time.Duration, i *instance, do func(*Scheduler, *instance)) {
	heap.Push(&s.steps, step{time.Now().Add(after), do, i})
	nudge(s.planned)
}

// advance takes the steps that are due and returns the time until the next one.
func (s *Scheduler) advance(now time.Time) (next time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.steps) > 0 && !s.steps[0].at.After(now) {
		due := heap.Pop(&s.steps).(step)
		if !due.instance.ended {
			due.do(s, due.instance)
		}
	}
	if len(s.steps) == 0 {
		return 0, false
	}
	return s.steps[0].at.Sub(now), true
}

// comeUp advances an instance to TASK_STARTING or TASK_RUNNING. It tries again later
// while the agent is away.
func (s *Scheduler) comeUp(i *instance) {
	running := true
	for _, id := range i.tasks {
		state, err := s.cluster.AdvanceTask(s.framework, id)
		running = running && err == nil && state != sim.TaskStarting
	}
	if running {
		s.becomesHealthy(i)
		return
	}
	s.plan(max(s.o.Startup/2, time.Millisecond), i, (*Scheduler).comeUp)
}

// becomesHealthy gives a running instance the first result of its health checks.
func (s *Scheduler) becomesHealthy(i *instance) {
	now := func(s *Scheduler, i *instance) { s.setHealth(i, true) }
	if s.o.Healthy > 0 {
		s.plan(s.o.Healthy, i, now)
		return
	}
	now(s, i)
}

// setHealth gives an instance the first result of its checks, unless there is one.
func (s *Scheduler) setHealth(i *instance, healthy bool) {
	if i.checked {
		i.healthy = &healthy
		s.publishHealth(i, healthy)
	}
	for _, id := range i.tasks {
		t, ok := s.cluster.Task(s.framework, id)
		if !ok || t.HealthCheck == nil || t.State != sim.TaskRunning {
			continue
		}
		if t.Statuses[len(t.Statuses)-1].Healthy == nil {
			s.cluster.SetHealth(s.framework, id, healthy)
		}
	}
}
