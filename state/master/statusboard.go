package master

import (
	"maps"
	"sync"
	"time"

	"toponym/state/leader"
)

// Status is how the watcher fares.
type Status struct {
	Source   Source         // Stream while one is followed, Poll while states are read; Auto before either
	Leader   leader.Address // where the leading master was asked; zero before the first state
	Heard    time.Time      // when something of the cluster was heard last: a state, an event or a heartbeat
	Full     time.Time      // when the last full state was read
	Failover time.Time      // when another master was found to lead; zero for never
	Restarts uint64         // how often that was one at the same address as before

	LastError   string // why there was no state, or no full one beside a stream; empty for never
	LastErrorAt time.Time
	Errors      uint64 // how often that was so

	Streams  int               // streams that have begun
	Resyncs  int               // full states read beside them
	Events   map[string]uint64 // events by type, heartbeats among them; the unknown under "UNKNOWN"
	Retained int               // agents that a new leader does not have yet and that are believed in
}

// statusBoard holds a status for others to read.
type statusBoard struct {
	mu sync.Mutex
	s  Status
}

// Status tells how the watcher fares. It may be called from any goroutine.
func (w *Watcher) Status() Status {
	b := &w.status
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Events = maps.Clone(s.Events)
	return s
}

func (b *statusBoard) change(f func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s)
}

func (b *statusBoard) polled(lead leader.Address, now time.Time) {
	b.change(func(s *Status) { s.Source, s.Leader, s.Heard, s.Full = Poll, lead, now, now })
}

func (b *statusBoard) following(lead leader.Address, now time.Time) {
	b.change(func(s *Status) {
		s.Source, s.Leader, s.Heard, s.Full = Stream, lead, now, now
		s.Streams++
	})
}

func (b *statusBoard) event(m message, now time.Time) {
	kind := m.kind
	if !m.known {
		kind = "UNKNOWN" // anybody could invent any number of others
	}
	b.change(func(s *Status) {
		if s.Events == nil {
			s.Events = map[string]uint64{}
		}
		s.Events[kind]++
		s.Heard = now
	})
}

func (b *statusBoard) resynced(now time.Time) {
	b.change(func(s *Status) {
		s.Full, s.Heard = now, now
		s.Resyncs++
	})
}

func (b *statusBoard) failed(err error, now time.Time) {
	b.change(func(s *Status) { s.LastError, s.LastErrorAt, s.Errors = oneLine(err), now, s.Errors+1 })
}

func (b *statusBoard) failover(now time.Time, restart bool) {
	b.change(func(s *Status) {
		if s.Failover = now; restart {
			s.Restarts++
		}
	})
}
func (b *statusBoard) keeping(n int) { b.change(func(s *Status) { s.Retained = n }) }
