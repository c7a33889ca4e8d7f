package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// LifeOptions are the settings of a Life.
type LifeOptions struct {
	Seed uint64
	// Rate is how many changes of tasks there are in a second: tasks that are
	// launched, that take a step, or whose health changes.
	Rate float64
	// AgentRate is how many agents stop answering in a second, and as many
	// return.
	AgentRate float64
	Now       func() time.Time // the clock that Run goes by; time.Now when nil
}

// Life makes a cluster live: instances of apps are replaced step by step, fail,
// become unhealthy and healthy again, agents leave and return. The number of
// tasks stays what it was, by and large. What happens follows from the seed. It
// is safe for concurrent use.
type Life struct {
	cluster *Cluster
	now     func() time.Time

	mu      sync.Mutex
	options LifeOptions
	rng     *rand.Rand
	apps    []*App
	running []instance
	flight  []flying // the oldest first
	away    []string // agents
	steps   uint64
}

// instance is a task of an app.
type instance struct {
	app *App
	id  string
}

// flying is an instance on its way, and what comes next for it.
type flying struct {
	instance
	next func(l *Life, i instance) // one change
}

// NewLife makes a life of the tasks that apps have now. Nothing happens before
// Step or Run is called. The cluster may be changed by others as well.
func NewLife(c *Cluster, apps []*App, o LifeOptions) *Life {
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Life{cluster: c, now: o.Now, options: o, rng: rand.New(rand.NewPCG(o.Seed, 2)), apps: apps}
	type key struct{ framework, name string }
	byName := make(map[key]*App, len(apps))
	for _, a := range apps {
		byName[key{a.Task.FrameworkID, a.Task.Name}] = a
	}
	for _, t := range c.Tasks() {
		if a := byName[key{t.FrameworkID, t.Name}]; a != nil {
			l.running = append(l.running, instance{a, t.ID})
		}
	}
	return l
}

// Run lives at the rate of the options, until ctx ends. It then returns nil.
// After a pause of the machine it does not make up for more than a second.
func (l *Life) Run(ctx context.Context) error {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	var due, agents float64
	for last := l.now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := l.now()
		passed := min(now.Sub(last), time.Second).Seconds()
		last = now
		rate, agentRate := l.Rates()
		for due += passed * rate; due >= 1; due-- {
			l.Step()
		}
		for agents += passed * agentRate; agents >= 1; agents-- {
			l.StepAgent()
		}
	}
}

// Step makes one change to a task, if there is one that can change.
func (l *Life) Step() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps++
	// A task is on its way for half a second or so: as many are at a time as
	// there are changes in that, but never more than a tenth of all.
	atOnce := min(int(l.options.Rate/2), (len(l.running)+len(l.flight))/10) + 1
	if len(l.flight) < atOnce && len(l.running) > 0 {
		l.begin()
		return
	}
	if len(l.flight) > 0 {
		f := l.flight[0]
		l.flight = l.flight[1:]
		f.next(l, f.instance)
	}
}

// begin starts something with an instance that runs.
func (l *Life) begin() {
	n := l.rng.IntN(len(l.running))
	i := l.running[n]
	last := len(l.running) - 1
	l.running[n] = l.running[last]
	l.running = l.running[:last]
	if !l.there(i) {
		return
	}
	f := i.app.Task.FrameworkID
	switch what := l.rng.IntN(100); {
	case what < 15 && i.app.Task.HealthCheck != nil:
		l.cluster.SetHealth(f, i.id, false)
		l.then(i, (*Life).recover)
	case what < 25:
		state := []string{TaskFailed, TaskFinished, TaskLost}[l.rng.IntN(3)]
		l.cluster.EndTask(f, i.id, state)
		l.then(i, (*Life).replace)
	default:
		l.cluster.KillTask(f, i.id)
		l.then(i, (*Life).killed)
	}
}

func (l *Life) then(i instance, next func(*Life, instance)) {
	l.flight = append(l.flight, flying{i, next})
}

// there looks after an instance that something else may have happened to. One
// on an agent that is away is kept for later; one that is gone is replaced.
func (l *Life) there(i instance) bool {
	switch l.cluster.whereabouts(i.app.Task.FrameworkID, i.id) {
	case taskThere:
		return true
	case taskAway:
		l.running = append(l.running, i)
	default:
		l.then(i, (*Life).replace)
	}
	return false
}

func (l *Life) recover(i instance) {
	if l.there(i) {
		l.cluster.SetHealth(i.app.Task.FrameworkID, i.id, true)
		l.running = append(l.running, i)
	}
}

func (l *Life) killed(i instance) {
	if l.there(i) {
		l.cluster.EndTask(i.app.Task.FrameworkID, i.id, TaskKilled)
		l.then(i, (*Life).replace)
	}
}

// replace launches an instance in the place of one that is gone, on any agent.
func (l *Life) replace(i instance) {
	agent, ok := l.cluster.anyAgent(l.rng, AgentRegistered)
	if !ok {
		l.then(i, (*Life).replace) // nobody is there to run it
		return
	}
	id, err := l.cluster.LaunchApp(i.app, agent, false)
	if err != nil {
		l.then(i, (*Life).replace) // this agent is full
		return
	}
	l.then(instance{i.app, id}, (*Life).advance)
}

func (l *Life) advance(i instance) {
	switch l.cluster.whereabouts(i.app.Task.FrameworkID, i.id) {
	case taskGone:
		l.then(i, (*Life).replace)
		return
	case taskAway:
		l.then(i, (*Life).advance)
		return
	}
	state, err := l.cluster.AdvanceTask(i.app.Task.FrameworkID, i.id)
	if err == nil && state == TaskStarting {
		l.then(i, (*Life).advance)
		return
	}
	l.running = append(l.running, i)
}

// StepAgent makes one agent unreachable, and lets one return: the one that has
// been away for longest, once there are more than a few.
func (l *Life) StepAgent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if agent, ok := l.cluster.anyAgent(l.rng, AgentRegistered); ok {
		if l.cluster.MarkUnreachable(agent) == nil {
			l.away = append(l.away, agent)
		}
	}
	if len(l.away) > 3 {
		l.cluster.Reregister(l.away[0]) // an error says that it is back already
		l.away = slices.Delete(l.away, 0, 1)
	}
}

// Steps is how many steps there have been.
func (l *Life) Steps() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps
}

// Rates are the Rate and AgentRate that it lives at; SetRates changes them.
func (l *Life) Rates() (tasks, agents float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.Rate, l.options.AgentRate
}

// SetRates changes how fast it lives. What is negative counts as 0.
func (l *Life) SetRates(tasks, agents float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.options.Rate, l.options.AgentRate = max(tasks, 0), max(agents, 0)
}
