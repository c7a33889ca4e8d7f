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

// Options are the settings of a Scheduler. Times of 0 mean at once.
type Options struct {
	Settings
	// Name is the name of the framework, "marathon" when empty. A framework of
	// that name that is there already is taken over; otherwise one is added.
	Name string
	// Addr is the address of the API; the framework that is added shows it.
	Addr netip.AddrPort
	// PID and Hostname are those of the framework that is added; they follow from
	// Addr when empty.
	PID, Hostname string
	// NoDiscovery leaves out the DiscoveryInfo of tasks, as other schedulers than
	// Marathon do.
	NoDiscovery bool
	// MaxInstances bounds the instances of one app; 10,000 when 0.
	MaxInstances int

	Startup time.Duration // from the launch of an instance until it runs
	Healthy time.Duration // from then until the first result of its health checks
	Backoff time.Duration // from the end of an instance until its replacement is launched
}

// Times that are short enough to wait for, and long enough to see.
const (
	DefaultStartup = 500 * time.Millisecond
	DefaultHealthy = 2 * time.Second
	DefaultBackoff = time.Second // Marathon's default for backoffSeconds
)

// Capabilities are the framework capabilities of a Marathon 1.5.
var Capabilities = []string{"MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE"}

const (
	maxVersions = 50     // kept of each app, as --zk_max_versions
	maxApps     = 50_000 // kept at all
)

// Scheduler is a Marathon whose apps and pods run on a sim.Cluster. It is the
// http.Handler of Marathon's API and safe for concurrent use. Run starts what was
// launched, step by step, and replaces instances that have ended.
//
// It locks itself before it calls the cluster, and never the other way round.
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
	deployments []*deployment          // that are not over
	locks       map[string]*deployment // by app; an app has one at most
	ports       servicePorts
	lastVersion time.Time

	instances map[string]*instance // that have not ended, as far as is known
	order     []*instance          // the same, see RandomInstance
	spread    map[spreadKey]int    // how many of them there are
	lost      map[string]*instance // given up, but their agent may return
	steps     steps
}

// entry is an app with its past and its instances.
type entry struct {
	app       *App
	history   []*App      // oldest first; the last is app
	instances []*instance // oldest first
}

// instance is an instance of an app or a pod that was launched.
type instance struct {
	id       string
	app      *App // as it was then
	config   string
	on       spreadKey
	place    int // in Scheduler.order
	tasks    []string
	ports    []uint16
	checked  bool            // by Marathon itself: Mesos does not hear of that
	healthy  *bool           // the result of that
	checking map[string]bool // tasks whose next check by Mesos is planned
	staged   time.Time
	ended    bool
}

// spreadKey is an app on an agent.
type spreadKey struct{ app, agentID string }

// NewScheduler makes a Marathon without apps. Launched instances come up once Run
// is called, unless Startup is 0.
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
		spread:    map[spreadKey]int{},
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

// newID returns a UUID that follows from the cluster's seed.
func (s *Scheduler) newID() string { return sim.UUID(s.ids.Uint64(), s.ids.Uint64()) }

// FrameworkID returns the id of the framework.
func (s *Scheduler) FrameworkID() string { return s.framework }

// Name returns the name of the framework.
func (s *Scheduler) Name() string { return s.o.Name }

// version returns the time as Marathon writes it. No two are the same.
func (s *Scheduler) version() string {
	now := s.cluster.Now().UTC().Truncate(time.Millisecond)
	if !now.After(s.lastVersion) {
		now = s.lastVersion.Add(time.Millisecond)
	}
	s.lastVersion = now
	return now.Format(timeFormat)
}

const timeFormat = "2006-01-02T15:04:05.000Z"

// news is what the cluster has told and nobody has looked at yet. It has a lock of
// its own because the cluster is locked when it tells something.
type news struct {
	wake   chan struct{} // something ended or came
	failed chan struct{} // a health check failed

	mu        sync.Mutex
	ended     map[string]bool // apps of which an instance has ended
	room      bool            // an agent came or something ended: there may be room
	unhealthy map[string]bool // tasks that a check of Mesos found unhealthy
}

// hear takes note of what the cluster tells.
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

// checkAgain plans the next check of the tasks that were found unhealthy: Mesos tells
// of each failure.
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

// nudge wakes a loop that will look for itself what there is to do.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run brings instances up and replaces those that have ended, until ctx ends. It
// then returns nil.
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

// Reconcile launches what is missing since instances ended or agents came, and
// ends what is too much.
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
	for id, i := range s.lost { // back, though others have taken their places
		if !s.end(i) {
			delete(s.lost, id)
		}
	}
	s.settle()
}

// reconcile brings an app as near to its definition as the cluster has room. New
// instances come before old ones go, one after the other. Where there is no room
// for that, such as with a fixed host port, the old ones go first.
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
			break // the old ones that are left stay until there is room
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

// settled reports whether all instances run, and no others. Where there are health
// checks, each has had its first result.
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

// App finds an app or a pod by its id or by the name that its tasks have.
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

// Add runs a new app. Its instances run at once, where the placements say, and by
// default as many as the app has where the scheduler finds room.
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

// Start adds n instances to an app: on an agent, or where there is room when
// agentID is empty. They run at once, or stay in TASK_STAGING until
// sim.Cluster.AdvanceTask takes them on. It returns the ids of their tasks.
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

// ErrNoInstance says that a task belongs to no instance of an app.
var ErrNoInstance = errors.New("marathon: the task is of no instance of an app")

// Move replaces the instance of a task by one that runs on another agent, and
// returns the ids of its tasks. The agent is chosen when agentID is empty.
func (s *Scheduler) Move(taskID, agentID string) ([]string, error) {
	return s.replace(taskID, func(old *instance) launchOptions {
		return launchOptions{Placement: Placement{AgentID: agentID}, notOn: old.on.agentID, running: true}
	})
}

// Replace launches an instance on an agent in the place of one that has ended, and
// returns the ids of its tasks. They are in TASK_STAGING until
// sim.Cluster.AdvanceTask takes them on.
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

// RandomInstance draws an instance and returns the ids of its tasks.
func (s *Scheduler) RandomInstance(rng *rand.Rand) (tasks []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.order) == 0 {
		return nil, false
	}
	return slices.Clone(s.order[rng.IntN(len(s.order))].tasks), true
}
