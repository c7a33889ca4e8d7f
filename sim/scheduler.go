package sim

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"toponym/sim/marathon"
)

// SchedulerOptions are the settings of a Scheduler. Times of 0 mean at once.
type SchedulerOptions struct {
	marathon.Settings
	// Name is the name of its framework, "marathon" when empty. A framework of
	// that name that is there already is taken over; else one is added.
	Name string
	// Addr is where its API is, for the framework that is added.
	Addr netip.AddrPort

	Startup time.Duration // from the launch of an instance until it runs
	Healthy time.Duration // from then until the first result of its health checks
	Backoff time.Duration // from the end of an instance until the next is launched in its place
}

// Times that are short enough to wait for, and long enough to see.
const (
	DefaultStartup = 500 * time.Millisecond
	DefaultHealthy = 2 * time.Second
	DefaultBackoff = time.Second // Marathon's default for backoffSeconds
)

// Scheduler is a Marathon whose apps and pods run on a Cluster. It is the
// http.Handler of Marathon's API. Run makes what was launched come up, and
// replaces what has ended.
//
// Locks are taken in this order: the Marathon's, the Scheduler's, the
// Cluster's. What the Cluster tells is only noted down, so it takes none.
type Scheduler struct {
	cluster   *Cluster
	marathon  *marathon.Marathon
	options   SchedulerOptions
	framework string
	wake      chan struct{} // something ended or came back
	planned   chan struct{} // a step was added

	mu      sync.Mutex
	running map[string]*launched // by the id of the instance; see take and drop
	spread  map[spreadKey]int    // how many of them there are
	lost    map[string]*launched // given up, but its agent may return
	steps   steps
}

// launched is an instance that was launched and has not ended.
type launched struct {
	id      string
	app     *marathon.App
	on      spreadKey
	tasks   []string
	ports   []uint16
	checked bool  // by Marathon itself: Mesos does not hear of that
	healthy *bool // what that gave
	staged  time.Time
}

// spreadKey is an app on an agent.
type spreadKey struct{ app, agentID string }

func (s *Scheduler) drop(l *launched) {
	delete(s.running, l.id)
	if s.spread[l.on]--; s.spread[l.on] == 0 {
		delete(s.spread, l.on)
	}
}

// NewScheduler makes a Marathon without apps. Launched instances come up once
// Run is called, unless they do so at once.
func NewScheduler(c *Cluster, o SchedulerOptions) (*Scheduler, error) {
	o.Name = cmp.Or(o.Name, "marathon")
	s := &Scheduler{
		cluster: c,
		options: o,
		wake:    make(chan struct{}, 1),
		planned: make(chan struct{}, 1),
		running: make(map[string]*launched),
		spread:  make(map[spreadKey]int),
		lost:    make(map[string]*launched),
	}
	for _, f := range c.Frameworks() {
		if f.Name == o.Name {
			s.framework = f.ID
		}
	}
	ids := rand.New(rand.NewPCG(c.seed, 4))
	newID := func() string { return uuid(ids.Uint64(), ids.Uint64()) }
	if s.framework == "" {
		f := Framework{
			Name: o.Name, Roles: []string{"*"}, Principal: o.Name, Capabilities: marathonCapabilities,
			Checkpoint: true, FailoverTimeout: 7 * 24 * time.Hour,
		}
		if o.Addr.IsValid() {
			f.Hostname = o.Addr.Addr().String()
			f.WebUI = "http://" + o.Addr.String()
			f.PID = fmt.Sprintf("scheduler-%s@%s", newID(), netip.AddrPortFrom(o.Addr.Addr(), 15101))
		}
		var err error
		if s.framework, err = c.AddFramework(f); err != nil {
			return nil, err
		}
	}
	s.marathon = marathon.New((*launcher)(s), marathon.Options{
		Settings: o.Settings, Name: o.Name, FrameworkID: s.framework, Now: c.now, NewID: newID, MaxInstances: 10_000,
	})
	c.mu.Lock()
	c.schedulers = append(c.schedulers, func(f *framework) {
		if f == nil || f.ID == s.framework {
			nudge(s.wake)
		}
	})
	c.mu.Unlock()
	return s, nil
}

// nudge leaves a word for a loop that will look after it.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// ServeHTTP answers as Marathon's API does.
func (s *Scheduler) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.marathon.ServeHTTP(w, r) }

// Run brings instances up and replaces those that have ended, until ctx ends.
// It then returns nil.
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
		case <-s.wake:
			if !waiting {
				waiting = true
				backoff.Reset(s.options.Backoff)
			}
			continue
		case <-backoff.C:
			waiting = false
			s.marathon.Reconcile()
			s.endLost()
			continue
		case <-s.planned:
		case <-step.C:
		}
		if next, ok := s.advance(time.Now()); ok {
			step.Reset(next)
		}
	}
}

// Adopt takes over tasks that run already as the instances of an app.
func (s *Scheduler) Adopt(a *marathon.App, tasks []string) error {
	s.mu.Lock()
	for _, id := range tasks {
		s.becomesHealthy(s.take(a, id, []string{id}))
	}
	s.mu.Unlock()
	return s.marathon.Adopt(a, tasks)
}

// take notes down an instance that was launched.
func (s *Scheduler) take(a *marathon.App, id string, tasks []string) *launched {
	l := &launched{id: id, app: a, on: spreadKey{app: a.ID}, tasks: tasks, staged: s.cluster.now()}
	byMesos := false
	for _, id := range tasks {
		t, ok := s.cluster.Task(s.framework, id)
		if !ok {
			continue // it ended at once: Status will say so
		}
		l.on.agentID = t.AgentID
		byMesos = byMesos || t.HealthCheck != nil
		for p := range t.hostPorts() {
			l.ports = append(l.ports, p)
		}
	}
	l.checked = len(a.HealthChecks) > 0 && !byMesos
	s.running[id] = l
	s.spread[l.on]++
	return l
}

// Move replaces an instance of an app by one on another agent, as MoveTask
// does, and gives its id.
func (s *Scheduler) Move(id, agentID string) (string, error) {
	return s.marathon.Replace(id, func() (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		l, ok := s.running[id]
		if !ok || len(l.tasks) != 1 {
			return "", fmt.Errorf("sim: %q is no instance of an app", id)
		}
		next, err := s.cluster.MoveTask(s.framework, id, agentID)
		if err != nil {
			return "", err
		}
		s.drop(l)
		s.becomesHealthy(s.take(l.app, next, []string{next}))
		return next, nil
	})
}

// endLost ends what came back though others have taken its place.
func (s *Scheduler) endLost() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, l := range s.lost {
		if !s.end(l) {
			delete(s.lost, id)
		}
	}
}
