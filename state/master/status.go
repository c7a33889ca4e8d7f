package master

import (
	"maps"
	"sync"
	"time"

	"toponym/state/leader"
)

// Status is what the watcher is doing.
type Status struct {
	// Source is how the leading master is read: Stream while its events are
	// followed, Poll while its state is polled, Auto while there is no contact.
	Source Source
	Leader leader.Address // where the leading master was asked last; zero before the first state
	Since  time.Time      // when the present contact with it began; zero without contact
	Heard  time.Time      // when a state, an event or a heartbeat came last
	Full   time.Time      // when the last full state was read

	LastFailover time.Time // when another master was found to lead; zero for never
	Failovers    uint64    // how often one was, also at the same address as before

	LastError   string // why there is no state, or no full state beside a stream; empty where there is one
	LastErrorAt time.Time
	Errors      uint64 // how often there was none

	// Reading is the state that is being read before there is contact; nil for none.
	Reading *Reading

	Streams  int               // streams that have begun
	Resyncs  int               // full states read beside them
	Events   map[string]uint64 // events by type, heartbeats among them; unknown types under "UNKNOWN"
	Retained int               // agents that are retained although a new leader does not have them yet
}

// Reading tells how far reading a state is.
type Reading struct {
	At    leader.Address // whose state it is
	Since time.Time
	Bytes int64 // that have come
	Total int64 // 0: not known
}

// statusBoard holds a status for others to read.
type statusBoard struct {
	mu   sync.Mutex
	s    Status
	mute bool // the master of s does not answer, although its stream has not ended
}

// Status returns what the watcher is doing. It may be called from any goroutine.
func (w *Watcher) Status() Status {
	b := &w.status
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.s
	s.Events = maps.Clone(s.Events)
	if b.mute {
		s.Source, s.Since = Auto, time.Time{}
	}
	return s
}

func (b *statusBoard) change(f func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.s)
}

func (s *Status) recovered() { s.LastError, s.LastErrorAt = "", time.Time{} }

// unanswered is the error of a master that does not answer.
func unanswered(at leader.Address) string { return at.String() + " does not answer" }

// alive notes whether a master that is followed answers, and reports whether that has
// changed.
func (b *statusBoard) alive(at leader.Address, alive bool, now time.Time) (changed bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.s.Source == Auto || b.mute == !alive {
		return false
	}
	b.mute = !alive
	if b.s.recovered(); b.mute {
		b.s.LastError, b.s.LastErrorAt = unanswered(at), now
	}
	return true
}

// waiting notes that a master that was asked for its state is silent.
func (b *statusBoard) waiting(at leader.Address, now time.Time) {
	b.change(func(s *Status) { s.LastError, s.LastErrorAt = unanswered(at), now })
}

// reading notes how far reading a state is; nil for the end.
func (b *statusBoard) reading(r *Reading) { b.change(func(s *Status) { s.Reading = r }) }

func (b *statusBoard) polled(lead leader.Address, now time.Time) {
	b.change(func(s *Status) {
		b.mute = false
		s.recovered()
		if s.Source != Poll || s.Leader != lead {
			s.Since = now
		}
		s.Source, s.Leader, s.Heard, s.Full = Poll, lead, now, now
	})
}

func (b *statusBoard) following(lead leader.Address, now time.Time) {
	b.change(func(s *Status) {
		b.mute = false
		s.recovered()
		s.Source, s.Leader, s.Since, s.Heard, s.Full = Stream, lead, now, now, now
		s.Streams++
	})
}

// unknownEvents counts the types of events that are unknown here, of which a
// master could invent any number.
const unknownEvents = "UNKNOWN"

func (b *statusBoard) event(m message, now time.Time) {
	kind := m.known
	if kind == "" {
		kind = unknownEvents
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
		s.recovered()
		s.Full, s.Heard = now, now
		s.Resyncs++
	})
}

// read notes that a state was read without its tasks.
func (b *statusBoard) read() { b.change((*Status).recovered) }

// failed notes an error. Beside a stream the source stays, otherwise there is no
// contact.
func (b *statusBoard) failed(err error, now time.Time) {
	b.change(func(s *Status) { s.LastError, s.LastErrorAt, s.Errors = errorText(err), now, s.Errors+1 })
}

func (b *statusBoard) lost() {
	b.change(func(s *Status) { b.mute, s.Source, s.Since = false, Auto, time.Time{} })
}

func (b *statusBoard) failover(now time.Time) {
	b.change(func(s *Status) { s.LastFailover, s.Failovers = now, s.Failovers+1 })
}

func (b *statusBoard) retained(n int) { b.change(func(s *Status) { s.Retained = n }) }
