package marathon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"toponym/sim"
)

// Options are the settings of a Scheduler. A duration of 0 means at once.
type Options struct {
	Settings
	// Name is the name of the framework, "marathon" by default. It is added to the
	// cluster unless there is one of that name.
	Name string
	// Addr is the address of the API; the framework that is added shows it.
	Addr netip.AddrPort
	// PID and Hostname are those of the framework that is added, derived from Addr
	// by default.
	PID, Hostname string
	// NoDiscovery omits the DiscoveryInfo of tasks, for schedulers that are not
	// Marathons.
	NoDiscovery bool
	// MaxInstances bounds the instances of one app, to 10,000 by default.
	MaxInstances int

	Startup time.Duration // from the launch of an instance until it runs
	Healthy time.Duration // from then until the first result of its health checks
	Backoff time.Duration // from the end of an instance until its replacement is launched
}

// The times of the demo: short enough to wait for, long enough to see.
const (
	DefaultStartup = 500 * time.Millisecond
	DefaultHealthy = 2 * time.Second
	DefaultBackoff = time.Second // Marathon's default for backoffSeconds
)

// Capabilities are the framework capabilities of a Marathon 1.5.
var Capabilities = []string{"MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE"}

const (
	maxVersions = 50     // of an app, as --zk_max_versions
	maxApps     = 50_000 // of a Scheduler
)

// Scheduler is a Marathon whose apps and pods run on a sim.Cluster. It is an
// http.Handler for Marathon's API. Run brings launched instances up, step by step,
// and replaces those that end. All methods can be called concurrently.
//
// Lock order: Scheduler.mu, then the lock of the cluster.
type Scheduler struct {
	o         Options
	cluster   *sim.Cluster
	framework string
	ids       *rand.Rand
	news      news
	planned   chan struct{} // a step was added
	events    eventStream

	mu          sync.Mutex
	apps        map[string]*entry
	groups      map[string]*group // without the root group
	rootVersion string
	deployments []*deployment          // that have not finished
	locks       map[string]*deployment // by id of an app
	ports       servicePorts
	lastVersion time.Time

	instances map[string]*instance      // that have not been given up
	order     []*instance               // the same, for RandomInstance
	spread    map[string]map[string]int // number of instances by app and agent
	lost      map[string]*instance      // given up while their agent is away
	steps     steps
}

// entry is an app with its former versions and its instances.
type entry struct {
	app       *App
	history   []*App      // oldest first; the last is app
	instances []*instance // oldest first
}

// instance is a launched instance of an app or a pod.
type instance struct {
	id       string
	app      *App // the definition at its launch
	config   string
	agentID  string
	place    int // in Scheduler.order
	tasks    []string
	ports    []uint16
	checked  bool            // by Marathon itself: Mesos knows of no check
	healthy  *bool           // the result of that check
	checking map[string]bool // tasks whose next failing check is planned
	staged   time.Time
	ended    bool
}

// NewScheduler returns a Marathon without apps. Launched instances come up once Run
// is called, or at once if Startup is 0.
func NewScheduler(c *sim.Cluster, o Options) (*Scheduler, error) {
	o.Name = cmp.Or(o.Name, "marathon")
	o.MaxInstances = cmp.Or(o.MaxInstances, 10_000)
	s := &Scheduler{
		o:         o,
		cluster:   c,
		ids:       rand.New(rand.NewPCG(c.Seed(), 4+uint64(len(c.Frameworks())))), // of its own
		planned:   make(chan struct{}, 1),
		apps:      map[string]*entry{},
		groups:    map[string]*group{},
		locks:     map[string]*deployment{},
		ports:     servicePorts{used: map[uint16]int{}},
		instances: map[string]*instance{},
		spread:    map[string]map[string]int{},
		lost:      map[string]*instance{},
	}
	s.news.wake, s.news.failed, s.events.wake = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)
	s.rootVersion = s.version()
	for _, f := range c.Frameworks() {
		if f.Name == o.Name {
			s.framework = f.ID
		}
	}
	if s.framework == "" {
		f := sim.Framework{
			Name: o.Name, PID: o.PID, Hostname: o.Hostname, Roles: []string{"*"}, Principal: o.Name,
			Capabilities: slices.Clone(Capabilities), Checkpoint: true, FailoverTimeout: 7 * 24 * time.Hour,
		}
		if o.Addr.IsValid() {
			f.Hostname = cmp.Or(f.Hostname, o.Addr.Addr().String())
			f.WebUI = "http://" + o.Addr.String()
			f.PID = cmp.Or(f.PID, fmt.Sprintf("scheduler-%s@%s", s.newID(), netip.AddrPortFrom(o.Addr.Addr(), 15101)))
		}
		var err error
		if s.framework, err = c.AddFramework(f); err != nil {
			return nil, err
		}
	}
	c.Listen(s.framework, s.hear)
	return s, nil
}

// newID returns a UUID that is determined by the cluster's seed.
func (s *Scheduler) newID() string { return sim.UUID(s.ids.Uint64(), s.ids.Uint64()) }

// FrameworkID returns the id of the framework.
func (s *Scheduler) FrameworkID() string { return s.framework }

// Name returns the name of the framework.
func (s *Scheduler) Name() string { return s.o.Name }

// version returns the time in Marathon's format, later than all versions before.
func (s *Scheduler) version() string {
	now := s.cluster.Now().UTC().Truncate(time.Millisecond)
	if !now.After(s.lastVersion) {
		now = s.lastVersion.Add(time.Millisecond)
	}
	s.lastVersion = now
	return now.Format(timeFormat)
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// news is what the cluster reported and Run has not handled yet. It has a lock of
// its own, because hear is called with the cluster's lock held.
type news struct {
	wake   chan struct{} // a task ended or an agent came
	failed chan struct{} // a health check failed

	mu        sync.Mutex
	ended     map[string]bool // apps of which an instance has ended
	room      bool            // a task ended or an agent came: there may be room
	unhealthy map[string]bool // tasks whose check by Mesos failed
}

// hear keeps news of the cluster for Run.
func (s *Scheduler) hear(n sim.SchedulerNews) {
	ended := n.Status != nil && (sim.Terminal(n.Status.State) || n.Status.State == sim.TaskUnreachable)
	if n.Task == nil || ended {
		s.news.mu.Lock()
		s.news.room = true
		if ended {
			if s.news.ended == nil {
				s.news.ended = map[string]bool{}
			}
			s.news.ended[AppOf(n.Task.ID)] = true
		}
		s.news.mu.Unlock()
		nudge(s.news.wake)
	}
	if n.Task != nil && n.Task.HealthCheck != nil && n.Status != nil && n.Status.Healthy != nil && !*n.Status.Healthy {
		s.news.mu.Lock()
		if s.news.unhealthy == nil {
			s.news.unhealthy = map[string]bool{}
		}
		s.news.unhealthy[n.Task.ID] = true
		s.news.mu.Unlock()
		nudge(s.news.failed)
	}
	if n.Task != nil {
		s.events.hear(n)
	}
}

// checkAgain plans the next check of unhealthy tasks: Mesos reports each failure.
func (s *Scheduler) checkAgain() {
	s.news.mu.Lock()
	tasks := s.news.unhealthy
	s.news.unhealthy = nil
	s.news.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range sortedKeys(tasks) {
		i := s.instances[instanceOf(id)]
		t, ok := s.cluster.Task(s.framework, id)
		if i == nil || !ok || t.HealthCheck == nil || i.checking[id] {
			continue
		}
		if i.checking == nil {
			i.checking = map[string]bool{}
		}
		i.checking[id] = true
		s.plan(max(t.HealthCheck.Interval, time.Second), i, func(s *Scheduler, i *instance) {
			delete(i.checking, id)
			t, ok := s.cluster.Task(s.framework, id)
			if !ok || t.State != sim.TaskRunning || s.cluster.Presence(s.framework, id) != sim.TaskPresent {
				return
			}
			if h := t.Statuses[len(t.Statuses)-1].Healthy; h != nil && !*h {
				s.cluster.SetHealth(s.framework, id, false)
			}
		})
	}
}

// nudge sends to a channel unless a value waits there already.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run brings instances up and replaces those that end, until ctx is done. It
// returns nil.
func (s *Scheduler) Run(ctx context.Context) error {
	step := time.NewTimer(0)
	defer step.Stop()
	backoff := time.NewTimer(0)
	defer backoff.Stop()
	waiting := true
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.events.wake:
			s.publishHeard()
			continue
		case <-s.news.failed:
			s.checkAgain()
			continue
		case <-s.news.wake:
			if !waiting {
				waiting = true
				backoff.Reset(s.o.Backoff)
			}
			continue
		case <-backoff.C:
			waiting = false
			s.Reconcile()
			continue
		case <-s.planned:
		case <-step.C:
		}
		if next, ok := s.advance(time.Now()); ok {
			step.Reset(next)
		}
	}
}

// Reconcile replaces the instances that have ended since the last call, and launches
// those that there was no room for. Run calls it.
func (s *Scheduler) Reconcile() {
	s.news.mu.Lock()
	ended, room := s.news.ended, s.news.room
	s.news.ended, s.news.room = nil, false
	s.news.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range sortedKeys(s.apps) {
		if e := s.apps[id]; ended[id] || room && len(e.instances) < e.app.Instances {
			s.reconcile(e)
		}
	}
	for id, i := range s.lost { // they have been replaced; those whose agent is back are killed
		if !s.end(i) {
			delete(s.lost, id)
		}
	}
	s.settle()
}

// reconcile launches and kills instances of an app until they are as it is defined,
// as far as the cluster has room. Instances of a former version are replaced one by
// one: the new one is launched first or, where there is no room for both, last.
func (s *Scheduler) reconcile(e *entry) {
	e.instances = slices.DeleteFunc(e.instances, func(i *instance) bool {
		_, ok := s.status(i)
		return !ok
	})
	config := e.app.VersionInfo.LastConfigChangeAt
	var current, old []*instance
	for _, i := range e.instances {
		if i.config == config {
			current = append(current, i)
		} else {
			old = append(old, i)
		}
	}
	for len(current) > e.app.Instances {
		n := len(current) - 1
		if e.app.KillSelection == "OLDEST_FIRST" {
			n = 0
		}
		s.kill(current[n])
		current = slices.Delete(current, n, n+1)
	}
	for len(current) < e.app.Instances {
		i, err := s.launch(e.app, launchOptions{})
		if err != nil && len(old) > 0 {
			s.kill(old[0])
			old = old[1:]
			i, err = s.launch(e.app, launchOptions{})
		} else if err == nil && len(old) > 0 && len(current)+1+len(old) > e.app.Instances {
			s.kill(old[0])
			old = old[1:]
		}
		if err != nil {
			break // the remaining old ones stay until there is room
		}
		current = append(current, i)
	}
	if len(current) == e.app.Instances {
		for _, i := range old {
			s.kill(i)
		}
		old = nil
	}
	e.instances = append(old, current...)
}

// settled reports whether exactly the instances run that the definition asks for,
// each with a first result of its health checks.
func (s *Scheduler) settled(e *entry) bool {
	if len(e.instances) != e.app.Instances {
		return false
	}
	for _, i := range e.instances {
		st, ok := s.status(i)
		unchecked := len(e.app.HealthChecks) > 0 && st.Healthy == nil
		if !ok || st.State != sim.TaskRunning || unchecked || i.config != e.app.VersionInfo.LastConfigChangeAt {
			return false
		}
	}
	return true
}

// App returns an app or a pod by its id or by the name of its tasks.
func (s *Scheduler) App(name string) (*App, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.find(name); e != nil {
		return e.app, true
	}
	return nil, false
}

func (s *Scheduler) find(name string) *entry {
	if e := s.apps[name]; e != nil {
		return e
	}
	p := parsePathID("/" + name)
	segments := slices.Clone(p.segments)
	if len(segments) == 1 { // "cart.shop" is /shop/cart, or /cart.shop
		if e := s.apps[p.String()]; e != nil {
			return e
		}
		segments = splitDots(name)
		slices.Reverse(segments)
	}
	return s.apps[pathID{segments, true}.String()]
}

// Add adds an app with a running instance for each placement, or, without
// placements, as many as it is defined to have.
func (s *Scheduler) Add(a *App, at ...Placement) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.apps[a.ID] != nil {
		return fmt.Errorf("marathon: there are two apps %s", a.ID)
	}
	if err := s.checkLimits(change{a.ID: a}); err != nil {
		return err
	}
	s.rootVersion = s.version()
	e := s.define(a, s.rootVersion)
	if len(at) == 0 {
		at = make([]Placement, a.Instances)
	}
	for _, p := range at {
		i, err := s.launch(e.app, launchOptions{Placement: p, running: true})
		if err != nil {
			return fmt.Errorf("app %s: %w", a.ID, err)
		}
		e.instances = append(e.instances, i)
	}
	return nil
}

// Start adds n instances to an app and returns the ids of their tasks. The scheduler
// chooses the agents if agentID is empty. Unless they are to run at once, the tasks
// stay in TASK_STAGING until sim.Cluster.AdvanceTask.
func (s *Scheduler) Start(app string, n int, agentID string, running bool) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(app)
	if e == nil {
		return nil, fmt.Errorf("marathon: no app %q", app)
	}
	var ids []string
	for range n {
		i, err := s.launch(e.app, launchOptions{Placement: Placement{AgentID: agentID}, running: running, manual: !running})
		if err != nil {
			return ids, err
		}
		ids = append(ids, i.tasks...)
		next := *e.app
		next.VersionInfo, next.Instances = nil, next.Instances+1
		e.instances = append(e.instances, i)
		s.define(&next, s.version())
	}
	return ids, nil
}

// Scale changes the number of instances of an app, as a client of the API does.
func (s *Scheduler) Scale(app string, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(app)
	if e == nil {
		return fmt.Errorf("marathon: no app %q", app)
	}
	if n < 0 {
		return fmt.Errorf("marathon: an app cannot have %d instances", n)
	}
	next := *e.app
	next.VersionInfo, next.Instances = nil, n
	_, err := s.apply(change{e.app.ID: &next}, true)
	return err
}

// ErrNoInstance is returned for a task that belongs to no app of the Scheduler.
var ErrNoInstance = errors.New("marathon: the task is of no instance of an app")

// Move replaces the instance of a task by one that runs on another agent, and
// returns the ids of its tasks. The scheduler chooses the agent if agentID is empty.
func (s *Scheduler) Move(taskID, agentID string) ([]string, error) {
	return s.replace(taskID, func(old *instance) launchOptions {
		return launchOptions{Placement: Placement{AgentID: agentID}, notOn: old.agentID, running: true}
	})
}

// Replace replaces an instance that has ended by one on an agent, and returns the ids
// of its tasks, which stay in TASK_STAGING until sim.Cluster.AdvanceTask.
func (s *Scheduler) Replace(taskID, agentID string) ([]string, error) {
	return s.replace(taskID, func(*instance) launchOptions {
		return launchOptions{Placement: Placement{AgentID: agentID}, manual: true}
	})
}

func (s *Scheduler) replace(taskID string, how func(old *instance) launchOptions) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := instanceOf(taskID)
	e := s.apps[AppOf(taskID)]
	if e == nil {
		return nil, ErrNoInstance
	}
	n := slices.IndexFunc(e.instances, func(i *instance) bool { return i.id == id })
	if n < 0 {
		return nil, ErrNoInstance
	}
	old := e.instances[n]
	next, err := s.launch(e.app, how(old))
	if err != nil {
		return nil, err
	}
	e.instances[n] = next
	s.kill(old)
	return slices.Clone(next.tasks), nil
}

// Len returns the number of instances.
func (s *Scheduler) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.order)
}

// RandomInstance returns the ids of the tasks of a random instance.
func (s *Scheduler) RandomInstance(rng *rand.Rand) (tasks []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) == 0 {
		return nil, false
	}
	return slices.Clone(s.order[rng.IntN(len(s.order))].tasks), true
}
