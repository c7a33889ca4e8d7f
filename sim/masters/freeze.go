package masters

import (
	"context"
	"sync"
)

// Freezer makes a master fall silent, as a process does that is stopped or
// swapped out: connections are accepted and stay open, and nothing is answered
// on them until Thaw. Its Wait method is the Gate of a sim.MasterOptions.
type Freezer struct {
	mu     sync.Mutex
	frozen chan struct{} // closed by Thaw; nil when the master is not frozen
}

// Freeze silences the master.
func (f *Freezer) Freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen == nil {
		f.frozen = make(chan struct{})
	}
}

// Thaw lets a frozen master continue.
func (f *Freezer) Thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen != nil {
		close(f.frozen)
		f.frozen = nil
	}
}

// Wait blocks while the master is frozen. It reports false if ctx ended first.
func (f *Freezer) Wait(ctx context.Context) bool {
	for {
		f.mu.Lock()
		frozen := f.frozen
		f.mu.Unlock()
		if frozen == nil {
			return true
		}
		select {
		case <-frozen:
		case <-ctx.Done():
			return false
		}
	}
}
