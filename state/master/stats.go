package master

import (
	"sync"
	"time"
)

// Stats are what a watcher has met since it was made.
type Stats struct {
	Errors     uint64 // failures to read the state
	Reconnects uint64 // streams that were opened after the first

	LastError   string // the newest failure, on one line; empty for none
	LastErrorAt time.Time
}

// stats is written by the watcher and read by anybody.
type stats struct {
	mu sync.Mutex
	Stats
}

func (s *stats) failed(reason string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Errors++
	s.LastError, s.LastErrorAt = reason, at
}

// Stats may be called from any goroutine.
func (w *Watcher) Stats() Stats {
	w.stats.mu.Lock()
	defer w.stats.mu.Unlock()
	return w.stats.Stats
}
