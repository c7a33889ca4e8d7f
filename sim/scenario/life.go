package scenario

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"toponym/sim"
	"toponym/sim/marathon"
)

// LifeOptions are the settings of a Life.
type LifeOptions struct {
	Seed uint64
	// Rate is the number of changes of tasks in a second: launches, steps of a
	// task, and changes of its health.
	Rate float64
	// AgentRate is the number of agents that stop answering in a second; as many
	// return.
	AgentRate float64
	Now       func() time.Time // the clock of Run; time.Now when nil
}

// Life makes the instances of schedulers fail, become unhealthy and healthy again,
// and be replaced step by step; agents leave and return. The number of tasks stays
// about the same. What happens follows from the seed. It is safe for concurrent
// use.
type Life struct {
	cluster    *sim.Cluster
	schedulers []*marathon.Scheduler
	now        func() time.Time

	mu      sync.Mutex
	options LifeOptions
	rng     *rand.Rand
	flight  []flight        // oldest first
	busy    map[string]bool // the tasks of flight
	away    []string        // agents
	steps   uint64
}

// flight is an instance in transition, and the change that comes next for it.
type flight struct {
	scheduler *marathon.Scheduler
	tasks     []string
	next      func(*Life, flight)
}

// NewLife makes a life of the instances that schedulers have. Nothing happens
// before Step or Run is called. Others may change the cluster meanwhile.
func NewLife(c *sim.Cluster, schedulers []*marathon.Scheduler, o LifeOptions) *Life {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Life{
		cluster: c, schedulers: schedulers, now: o.Now, options: o,
		rng: rand.New(rand.NewPCG(o.Seed, 2)), busy: map[string]bool{},
	}
}

// Run makes changes at the rates of the options until ctx ends. It then returns
// nil. After a pause of the machine it makes up for at most a second.
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

// Step makes one change to a task, if one can change.
func (l *Life) Step() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.steps++
	total := 0
	for _, s := range l.schedulers {
		total += s.Len()
	}
	// A transition takes about half a second, so that many are under way at a
	// time, but never more than a tenth of all instances.
	atOnce := min(int(l.options.Rate/2), total/10) + 1
	if len(l.flight) < atOnce && l.begin(total) {
		return
	}
	if len(l.flight) > 0 {
		f := l.flight[0]
		l.flight = l.flight[1:]
		for _, id := range f.tasks {
			delete(l.busy, id)
		}
		f.next(l, f)
	}
}

// begin makes something happen to a running instance. It reports false when it
// finds none at the first attempts.
func (l *Life) begin(total int) bool {
	for range 5 {
		f, ok := l.draw(total)
		if !ok || slices.ContainsFunc(f.tasks, func(id string) bool { return l.busy[id] }) {
			continue
		}
		t, ok := l.cluster.Task(f.scheduler.FrameworkID(), f.tasks[0])
		if !ok || t.State != sim.TaskRunning || !l.present(f) {
			continue
		}
		switch what := l.rng.IntN(100); {
		case what < 15 && t.HealthCheck != nil:
			l.cluster.SetHealth(t.FrameworkID, t.ID, false)
			l.later(f, (*Life).recover)
		case what < 25:
			l.end(f, []string{sim.TaskFailed, sim.TaskFinished, sim.TaskLost}[l.rng.IntN(3)])
			l.later(f, (*Life).replace)
		default:
			for _, id := range f.tasks {
				l.cluster.KillTask(t.FrameworkID, id)
			}
			l.later(f, (*Life).killed)
		}
		return true
	}
	return false
}

// draw picks one of all instances.
func (l *Life) draw(total int) (flight, bool) {
	if total == 0 {
		return flight{}, false
	}
	n := l.rng.IntN(total)
	for _, s := range l.schedulers {
		if n -= s.Len(); n < 0 {
			tasks, ok := s.RandomInstance(l.rng)
			return flight{scheduler: s, tasks: tasks}, ok
		}
	}
	return flight{}, false
}

func (l *Life) later(f flight, next func(*Life, flight)) {
	f.next = next
	l.flight = append(l.flight, f)
	for _, id := range f.tasks {
		l.busy[id] = true
	}
}

// end ends the tasks of an instance.
func (l *Life) end(f flight, state string) {
	for _, id := range f.tasks {
		l.cluster.EndTask(f.scheduler.FrameworkID(), id, state) // an error says that it has ended
	}
}

// present reports whether the agent of an instance is there, and it has not ended.
func (l *Life) present(f flight) bool {
	return !slices.ContainsFunc(f.tasks, func(id string) bool {
		return l.cluster.Presence(f.scheduler.FrameworkID(), id) != sim.TaskPresent
	})
}

func (l *Life) recover(f flight) {
	if l.present(f) { // else it is the scheduler's to replace
		l.cluster.SetHealth(f.scheduler.FrameworkID(), f.tasks[0], true)
	}
}

func (l *Life) killed(f flight) {
	l.end(f, sim.TaskKilled)
	l.later(f, (*Life).replace)
}

// replace launches an instance in the place of one that has ended, on any agent.
func (l *Life) replace(f flight) {
	agent, ok := l.cluster.RandomAgent(l.rng)
	if !ok {
		l.later(f, (*Life).replace) // no agent is there to run it
		return
	}
	tasks, err := f.scheduler.Replace(f.tasks[0], agent)
	switch {
	case err == nil:
		f.tasks = tasks
		l.later(f, (*Life).advance)
	case !errors.Is(err, marathon.ErrNoInstance):
		l.later(f, (*Life).replace) // this agent is full
	}
}

func (l *Life) advance(f flight) {
	starting := false
	for _, id := range f.tasks {
		state, err := l.cluster.AdvanceTask(f.scheduler.FrameworkID(), id)
		starting = starting || err == nil && state == sim.TaskStarting
	}
	switch {
	case starting:
		l.later(f, (*Life).advance)
	case l.cluster.Presence(f.scheduler.FrameworkID(), f.tasks[0]) == sim.TaskAway:
		l.later(f, (*Life).advance)
	case l.cluster.Presence(f.scheduler.FrameworkID(), f.tasks[0]) == sim.TaskEnded:
		l.later(f, (*Life).replace)
	}
}

// StepAgent makes one agent unreachable. Once more than a few are away, the one
// that left first returns.
func (l *Life) StepAgent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if agent, ok := l.cluster.RandomAgent(l.rng); ok {
		if l.cluster.MarkUnreachable(agent) == nil {
			l.away = append(l.away, agent)
		}
	}
	if len(l.away) > 3 {
		l.cluster.Reregister(l.away[0]) // an error says that it is back already
		l.away = slices.Delete(l.away, 0, 1)
	}
}

// Steps returns how many steps there have been.
func (l *Life) Steps() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps
}

// Rates returns Rate and AgentRate; SetRates changes them.
func (l *Life) Rates() (tasks, agents float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.options.Rate, l.options.AgentRate
}

// SetRates changes Rate and AgentRate. Negative rates count as 0.
func (l *Life) SetRates(tasks, agents float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.options.Rate, l.options.AgentRate = max(tasks, 0), max(agents, 0)
}
