package sim

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"toponym/sim/marathon"
)

// Simulation is a cluster with what moves it: apps, a life, masters, and a
// list of steps. It is safe for concurrent use.
type Simulation struct {
	*Cluster
	life  *Life
	steps []Step
	times ScenarioMarathon

	mu      sync.Mutex
	apps    map[string]*App                           // by framework and name
	masters func() (all []*Master, leader int)        // nil where no master serves the cluster
	actions map[string]func(Action) ([]string, error) // see SetAction
}

// NewSimulation makes a cluster as the scenario describes it. Nothing moves
// before Run is called.
func NewSimulation(s *Scenario, o Options) (*Simulation, error) {
	o.Seed = cmp.Or(o.Seed, s.Seed)
	sim := &Simulation{Cluster: NewCluster(o), apps: make(map[string]*App), actions: make(map[string]func(Action) ([]string, error)), steps: s.Steps, times: s.Marathon}
	apps, err := s.build(sim.Cluster)
	if err != nil {
		return nil, err
	}
	for _, a := range apps {
		sim.apps[appKey(a.Task.FrameworkID, a.Task.Name)] = a
	}
	sim.life = NewLife(sim.Cluster, apps, LifeOptions{
		Seed: o.Seed, Now: o.Now, Rate: s.Churn.Tasks, AgentRate: s.Churn.Agents,
	})
	return sim, nil
}

func appKey(frameworkID, name string) string { return frameworkID + "/" + name }

// NewMaster makes the only master of the simulation.
func (s *Simulation) NewMaster(o MasterOptions) *Master {
	m := NewMaster(s.Cluster, o)
	s.SetMasters(func() ([]*Master, int) { return []*Master{m}, 0 })
	return m
}

// SetMasters tells which masters there are, and which of them leads; the number
// is -1 without a leader. The control API reports them.
func (s *Simulation) SetMasters(list func() (all []*Master, leader int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.masters = list
}

// listMasters returns the masters and the number of the leader.
func (s *Simulation) listMasters() ([]*Master, int) {
	s.mu.Lock()
	list := s.masters
	s.mu.Unlock()
	if list == nil {
		return nil, -1
	}
	return list()
}

// SetAction implements an action whose name begins with "master-": package
// sim/masters knows how to kill a master.
func (s *Simulation) SetAction(name string, do func(Action) ([]string, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.actions[name] = do
}

// NewScheduler makes a Marathon for the cluster, whose API will be at addr.
// What is launched through it comes up at the scenario's times.
func (s *Simulation) NewScheduler(addr netip.AddrPort, o marathon.Settings) (*Scheduler, error) {
	return NewScheduler(s.Cluster, SchedulerOptions{
		Settings: o, Addr: addr,
		Startup: cmp.Or(time.Duration(s.times.Startup), DefaultStartup),
		Healthy: cmp.Or(time.Duration(s.times.Healthy), DefaultHealthy),
		Backoff: cmp.Or(time.Duration(s.times.Backoff), DefaultBackoff),
	})
}

// Life is what moves the tasks at random.
func (s *Simulation) Life() *Life { return s.life }

// Run lives and takes the scenario's steps, until ctx ends. It then returns
// nil. A step that cannot be taken ends it with an error.
func (s *Simulation) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lived := make(chan error, 1)
	go func() { lived <- s.life.Run(ctx) }()
	err := s.play(ctx)
	if err == nil {
		<-ctx.Done()
	}
	cancel()
	<-lived
	return err
}

// play takes the steps at their times.
func (s *Simulation) play(ctx context.Context) error {
	start := time.Now()
	for i, step := range s.steps {
		t := time.NewTimer(time.Duration(step.At) - time.Since(start))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		if _, err := s.Do(step.Action); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}

// findFramework takes an id or a name.
func (s *Simulation) findFramework(name string) (Framework, error) {
	frameworks := s.Frameworks()
	if name == "" && len(frameworks) == 1 {
		return frameworks[0], nil
	}
	for _, f := range frameworks {
		if f.ID == name || f.Name == name {
			return f, nil
		}
	}
	if name == "" {
		return Framework{}, fmt.Errorf("sim: which framework?")
	}
	return Framework{}, fmt.Errorf("sim: no framework %q", name)
}

// findAgent takes an id, a host name or an address.
func (s *Simulation) findAgent(name string) (Agent, error) {
	for _, a := range s.Agents() {
		if a.ID == name || a.Hostname == name || a.Addr.Addr().String() == name {
			return a, nil
		}
	}
	return Agent{}, fmt.Errorf("sim: no agent %q", name)
}

// findApp takes a name, of any framework where none is given.
func (s *Simulation) findApp(framework, name string) (*App, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if framework != "" {
		f, err := s.findFramework(framework)
		if err != nil {
			return nil, err
		}
		if a, ok := s.apps[appKey(f.ID, name)]; ok {
			return a, nil
		}
		return nil, fmt.Errorf("sim: framework %q has no app %q", framework, name)
	}
	var found *App
	for key, a := range s.apps {
		if strings.HasSuffix(key, "/"+name) && a.Task.Name == name {
			if found != nil {
				return nil, fmt.Errorf("sim: app %q of which framework?", name)
			}
			found = a
		}
	}
	if found == nil {
		return nil, fmt.Errorf("sim: no app %q", name)
	}
	return found, nil
}

// findTasks gives the tasks that an action means: the one with the id, or the
// oldest so many of the app, all of them where no number is given.
func (s *Simulation) findTasks(a Action) ([]Task, error) {
	var out []Task
	if a.Task != "" {
		for _, t := range s.Tasks() {
			if t.ID == a.Task {
				out = append(out, t)
			}
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("sim: no task %q", a.Task)
		}
		if len(out) > 1 {
			return nil, fmt.Errorf("sim: %d tasks have the id %q", len(out), a.Task)
		}
		return out, nil
	}
	var framework string
	if a.Framework != "" {
		f, err := s.findFramework(a.Framework)
		if err != nil {
			return nil, err
		}
		framework = f.ID
	}
	for _, t := range s.Tasks() {
		if t.Name == a.App && (framework == "" || t.FrameworkID == framework) {
			out = append(out, t)
		}
	}
	if len(out) == 0 { // it may have none now; those of a Scheduler are known by their tasks only
		if _, err := s.findApp(a.Framework, a.App); err != nil {
			return nil, err
		}
	}
	for _, t := range out {
		if t.FrameworkID != out[0].FrameworkID {
			return nil, fmt.Errorf("sim: app %q of which framework?", a.App)
		}
	}
	slices.SortFunc(out, func(a, b Task) int { return cmp.Or(a.since().Compare(b.since()), cmp.Compare(a.ID, b.ID)) })
	if a.Count > len(out) {
		return nil, fmt.Errorf("sim: app %q has %d tasks, and not %d", a.App, len(out), a.Count)
	}
	if a.Count > 0 {
		out = out[:a.Count]
	}
	return out, nil
}

// since is when the task was first heard of; now for one that was not yet.
func (t *Task) since() time.Time {
	if len(t.Statuses) == 0 {
		return time.Unix(1<<40, 0)
	}
	return t.Statuses[0].Time
}
