//go:build bench && linux && (amd64 || arm64)

package main

import "time"

const (
	maxSockets = 64
	maxWindow  = 64
)

// flight knows the queries that are on their way on one socket. An id is the
// number of a slot and, above it, how often the slot was used: an answer that
// comes after its query was given up is not taken for another's.
type flight struct {
	slots  [maxWindow]slot
	free   []uint16
	window int
	opened int // slots in use so far: each answer opens one more
}

type slot struct {
	id   uint16
	busy bool
	sent time.Duration
}

// newFlight begins with one query and has its window full some answers later:
// full windows of many sockets at once are a burst that overflows the buffer of
// a server that sleeps.
func newFlight(window int) *flight {
	f := &flight{free: make([]uint16, 0, maxWindow), window: window}
	f.open()
	return f
}

func (f *flight) open() {
	if f.opened < f.window {
		f.slots[f.opened].id = uint16(f.opened)
		f.free = append(f.free, uint16(f.opened))
		f.opened++
	}
}

// count is how many queries are on their way.
func (f *flight) count() int { return f.opened - len(f.free) }

// take gives the id of a new query. There must be a free slot.
func (f *flight) take(now time.Duration) uint16 {
	i := f.free[len(f.free)-1]
	f.free = f.free[:len(f.free)-1]
	s := &f.slots[i]
	s.id += maxWindow
	s.busy, s.sent = true, now
	return s.id
}

// giveBack undoes take, for a query that could not be sent.
func (f *flight) giveBack(id uint16) {
	f.slots[id%maxWindow].busy = false
	f.free = append(f.free, id%maxWindow)
}

// landed says when the query of an answer was sent. It is false for an answer
// that nobody waits for.
func (f *flight) landed(id uint16) (sent time.Duration, ok bool) {
	s := &f.slots[id%maxWindow]
	if !s.busy || s.id != id {
		return 0, false
	}
	f.giveBack(id)
	f.open()
	return s.sent, true
}

// expire gives up what was sent before a moment and says how many that were.
func (f *flight) expire(before time.Duration) (lost uint64) {
	for i := range f.slots {
		if s := &f.slots[i]; s.busy && s.sent < before {
			f.giveBack(s.id)
			lost++
		}
	}
	return lost
}
