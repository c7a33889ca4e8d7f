package scenario

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"toponym/sim"
	"toponym/sim/marathon"
)

// Options are the settings of a Simulation.
type Options struct {
	Seed uint64           // the scenario's when 0
	Now  func() time.Time // the clock; time.Now when nil
	Name string           // of the cluster; "sim" when empty
	// Marathon is the address of the API of the framework "marathon", which is
	// there even without apps if this is valid.
	Marathon netip.AddrPort
	Settings marathon.Settings // of all schedulers
}

// Simulation is a cluster with everything that moves it: schedulers, a life, and a
// list of steps. It is safe for concurrent use.
type Simulation struct {
	*sim.Cluster
	life       *Life
	steps      []Step
	schedulers []*marathon.Scheduler

	mu      sync.Mutex
	masters func() (all []*sim.Master, leader int)    // nil where no master serves the cluster
	actions map[string]func(Action) ([]string, error) // see SetAction
}

// New makes a cluster as the scenario describes it. Nothing moves before Run is
// called.
func New(s *Scenario, o Options) (*Simulation, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	seed := cmp.Or(o.Seed, s.Seed)
	out := &Simulation{
		Cluster: sim.NewCluster(sim.Options{Seed: seed, Now: o.Now, Name: o.Name}),
		actions: map[string]func(Action) ([]string, error){}, steps: s.Steps,
	}
	if err := out.build(s, o); err != nil {
		return nil, err
	}
	out.life = NewLife(out.Cluster, out.schedulers, LifeOptions{
		Seed: seed, Now: o.Now, Rate: s.Churn.Tasks, AgentRate: s.Churn.Agents,
	})
	return out, nil
}

// build fills the cluster.
func (s *Simulation) build(sc *Scenario, o Options) error {
	for _, n := range sim.StandardNetworks() {
		s.AddNetwork(n)
	}
	for _, n := range sc.Networks {
		s.AddNetwork(n.network())
	}
	for _, a := range sc.Agents.List {
		if _, err := s.AddAgent(sim.Agent{Hostname: a.Hostname, Addr: netip.AddrPortFrom(a.Address, 0)}); err != nil {
			return err
		}
	}
	var err error
	switch {
	case sc.Tasks > 0:
		s.schedulers, err = Populate(s.Cluster, Spec{Tasks: sc.Tasks, Agents: sc.Agents.Count, Seed: sc.Seed})
	case len(sc.Agents.List) == 0:
		_, err = addAgents(s.Cluster, max(sc.Agents.Count, 1))
	}
	if err != nil {
		return err
	}
	frameworks := slices.Clone(sc.Frameworks)
	own := slices.IndexFunc(frameworks, func(f Framework) bool { return f.Name == "marathon" })
	if own < 0 && (len(sc.Apps) > 0 || o.Marathon.IsValid()) {
		own = len(frameworks)
		frameworks = append(frameworks, Framework{Name: "marathon"})
	}
	for i, f := range frameworks {
		options := marathon.Options{
			Settings: o.Settings, Name: f.Name, PID: f.PID, Hostname: f.Hostname, NoDiscovery: f.NoDiscovery,
			Startup: sc.Marathon.Startup.or(marathon.DefaultStartup),
			Healthy: sc.Marathon.Healthy.or(marathon.DefaultHealthy),
			Backoff: sc.Marathon.Backoff.or(marathon.DefaultBackoff),
		}
		if i == own {
			options.Addr = o.Marathon
		}
		m := s.scheduler(f.Name)
		if m == nil {
			if m, err = marathon.NewScheduler(s.Cluster, options); err != nil {
				return err
			}
			s.schedulers = append(s.schedulers, m)
		}
		apps := f.Apps
		if i == own {
			apps = slices.Concat(apps, sc.Apps)
		}
		for _, a := range apps {
			at, err := s.placements(sc.Placement[a.ID])
			if err != nil {
				return fmt.Errorf("placement of %s: %w", a.ID, err)
			}
			if err := m.Add(a, at...); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Duration) or(usual time.Duration) time.Duration {
	if d == nil {
		return usual
	}
	return time.Duration(*d)
}

func (s *Simulation) placements(list []Placement) ([]marathon.Placement, error) {
	var out []marathon.Placement
	for _, p := range list {
		a, err := s.findAgent(p.Agent)
		if err != nil {
			return nil, err
		}
		out = append(out, marathon.Placement{AgentID: a.ID, HostPorts: p.Ports, Addresses: p.Addresses})
	}
	return out, nil
}

// scheduler returns the scheduler of a framework, such as "marathon", or nil.
func (s *Simulation) scheduler(name string) *marathon.Scheduler {
	for _, m := range s.schedulers {
		if m.Name() == name || m.FrameworkID() == name {
			return m
		}
	}
	return nil
}

// Marathon returns the scheduler of the framework "marathon", or nil without one.
func (s *Simulation) Marathon() *marathon.Scheduler { return s.scheduler("marathon") }

// NewMaster makes the only master of the simulation.
func (s *Simulation) NewMaster(o sim.MasterOptions) *sim.Master {
	m := sim.NewMaster(s.Cluster, o)
	s.SetMasters(func() ([]*sim.Master, int) { return []*sim.Master{m}, 0 })
	return m
}

// SetMasters tells which masters there are, and which of them leads; the number is
// -1 without a leader. The control API reports them.
func (s *Simulation) SetMasters(list func() (all []*sim.Master, leader int)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.masters = list
}

func (s *Simulation) listMasters() ([]*sim.Master, int) {
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

// Life returns what changes tasks at random.
func (s *Simulation) Life() *Life { return s.life }

// Run runs the schedulers and the life, and takes the scenario's steps, until ctx
// ends. It then returns nil. A step that fails ends it with an error.
func (s *Simulation) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, m := range s.schedulers {
		g.Go(func() error { return m.Run(ctx) })
	}
	g.Go(func() error { return s.life.Run(ctx) })
	g.Go(func() error { return s.play(ctx) })
	return g.Wait()
}

// play carries out the steps at their times.
func (s *Simulation) play(ctx context.Context) error {
	start := time.Now()
	due := slices.Clone(s.steps)
	for len(due) > 0 {
		step := due[0]
		due = due[1:]
		t := time.NewTimer(time.Duration(step.At) - time.Since(start))
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		_, err := s.Do(step.Action)
		switch {
		case step.Every > 0: // an error need not come again the next time
			step.At += step.Every
			next, _ := slices.BinarySearchFunc(due, step.At, func(s Step, at Duration) int {
				return cmp.Or(cmp.Compare(s.At, at), -1)
			})
			due = slices.Insert(due, next, step)
		case err != nil:
			return fmt.Errorf("the step %q at %v: %w", step.Do, time.Duration(step.At), err)
		}
	}
	<-ctx.Done()
	return nil
}

// findFramework takes an id or a name; it may be empty if there is only one framework.
func (s *Simulation) findFramework(name string) (sim.Framework, error) {
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
		return sim.Framework{}, errors.New("there is more than one framework: name it")
	}
	return sim.Framework{}, fmt.Errorf("no framework %q", name)
}

// findAgent takes an id, a host name or an address.
func (s *Simulation) findAgent(name string) (sim.Agent, error) {
	for _, a := range s.Agents() {
		if a.ID == name || a.Hostname == name || a.Addr.Addr().String() == name {
			return a, nil
		}
	}
	return sim.Agent{}, fmt.Errorf("no agent %q", name)
}

// findApp takes the id of an app or the name of its tasks. Without a framework, all
// frameworks are searched.
func (s *Simulation) findApp(framework, name string) (*marathon.Scheduler, *marathon.App, error) {
	var in *marathon.Scheduler
	var found *marathon.App
	if framework != "" {
		f, err := s.findFramework(framework)
		if err != nil {
			return nil, nil, err
		}
		framework = f.ID
	}
	for _, m := range s.schedulers {
		if framework != "" && m.FrameworkID() != framework {
			continue
		}
		if a, ok := m.App(name); ok {
			if found != nil {
				return nil, nil, fmt.Errorf("more than one framework has an app %q: name the framework", name)
			}
			in, found = m, a
		}
	}
	if found == nil {
		return nil, nil, fmt.Errorf("no app %q", name)
	}
	return in, found, nil
}

// findTasks returns the tasks of an action: the one with the id, or the oldest
// Count of the app, all of them if Count is 0. Tasks of an app that are being killed
// can only end.
func (s *Simulation) findTasks(a Action) ([]sim.Task, error) {
	var out []sim.Task
	if a.Task != "" {
		for _, t := range s.Tasks() {
			if t.ID == a.Task {
				out = append(out, t)
			}
		}
		switch len(out) {
		case 0:
			return nil, fmt.Errorf("no task %q", a.Task)
		case 1:
			return out, nil
		}
		return nil, fmt.Errorf("%d tasks have the id %q", len(out), a.Task)
	}
	m, app, err := s.findApp(a.Framework, a.App)
	if err != nil {
		return nil, err
	}
	for _, t := range s.Tasks() {
		if t.State == sim.TaskKilling && !slices.Contains([]string{"advance", "end", "finish"}, a.Do) {
			continue
		}
		if t.FrameworkID == m.FrameworkID() && marathon.AppOf(t.ID) == app.ID {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b sim.Task) int { return cmp.Or(since(&a).Compare(since(&b)), cmp.Compare(a.ID, b.ID)) })
	if a.Count > len(out) {
		return nil, fmt.Errorf("app %q has %d tasks, not %d", a.App, len(out), a.Count)
	}
	if a.Count > 0 {
		out = out[:a.Count]
	}
	return out, nil
}

// since returns when a task had its first status; one without any is the newest.
func since(t *sim.Task) time.Time {
	if len(t.Statuses) == 0 {
		return time.Unix(1<<40, 0)
	}
	return t.Statuses[0].Time
}
