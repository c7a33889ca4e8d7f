package sim

import (
	"container/heap"
	"time"
)

// step is what an instance does at a time.
type step struct {
	at   time.Time
	what func(*Scheduler, *launched)
	who  *launched
}

// steps are sorted by their times, as container/heap has it.
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

func (s *Scheduler) plan(after time.Duration, l *launched, what func(*Scheduler, *launched)) {
	heap.Push(&s.steps, step{time.Now().Add(after), what, l})
	nudge(s.planned)
}

// advance takes the steps that are due, and gives the time until the next.
func (s *Scheduler) advance(now time.Time) (next time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.steps) > 0 && !s.steps[0].at.After(now) {
		due := heap.Pop(&s.steps).(step)
		if s.running[due.who.id] == due.who {
			due.what(s, due.who)
		}
	}
	if len(s.steps) == 0 {
		return 0, false
	}
	return s.steps[0].at.Sub(now), true
}

// comeUp takes an instance to TASK_STARTING, or to TASK_RUNNING. One whose
// agent is away waits for it.
func (s *Scheduler) comeUp(l *launched) {
	running := true
	for _, id := range l.tasks {
		state, err := s.cluster.AdvanceTask(s.framework, id)
		running = running && err == nil && state != TaskStarting
	}
	if running {
		s.becomesHealthy(l)
		return
	}
	s.plan(max(s.options.Startup/2, time.Millisecond), l, (*Scheduler).comeUp)
}

// becomesHealthy gives a running instance its first health.
func (s *Scheduler) becomesHealthy(l *launched) {
	if s.options.Healthy > 0 {
		s.plan(s.options.Healthy, l, (*Scheduler).nowHealthy)
		return
	}
	s.nowHealthy(l)
}

func (s *Scheduler) nowHealthy(l *launched) {
	healthy := true
	if l.checked {
		l.healthy = &healthy
	}
	for _, id := range l.tasks {
		t, ok := s.cluster.Task(s.framework, id)
		if !ok || t.HealthCheck == nil || t.State != TaskRunning {
			continue
		}
		if t.Statuses[len(t.Statuses)-1].Healthy == nil { // nobody has said otherwise yet
			s.cluster.SetHealth(s.framework, id, true)
		}
	}
}
