//go:build bench && linux && (amd64 || arm64)

package main

import "time"

const (
	maxSockets = 64
	maxWindow  = 64
)

// inflight has the outstanding queries of one socket. A query id is the number of
// a slot and a count of its uses, so that a late response does not match the next
// query of its slot.
type inflight struct {
	slots  [maxWindow]slot
	free   []uint16
	window int
	opened int // slots in use; each response opens one more
}

type slot struct {
	id   uint16
	busy bool
	sent time.Duration
}

// newInflight starts with a window of one query, which grows with each response:
// full windows on many sockets at once would overflow the receive buffer of an idle
// server.
func newInflight(window int) *inflight {
	f := &inflight{free: make([]uint16, 0, maxWindow), window: window}
	f.open()
	return f
}

func (f *inflight) open() {
	if f.opened < f.window {
		f.slots[f.opened].id = uint16(f.opened)
		f.free = append(f.free, uint16(f.opened))
		f.opened++
	}
}

// count returns the number of outstanding queries.
func (f *inflight) count() int { return f.opened - len(f.free) }

// acquire returns the id of a new query. There must be a free slot.
func (f *inflight) acquire(now time.Duration) uint16 {
	i := f.free[len(f.free)-1]
	f.free = f.free[:len(f.free)-1]
	s := &f.slots[i]
	s.id += maxWindow
	s.busy, s.sent = true, now
	return s.id
}

// release undoes acquire, for a query that could not be sent.
func (f *inflight) release(id uint16) {
	f.slots[id%maxWindow].busy = false
	f.free = append(f.free, id%maxWindow)
}

// complete returns when the query of a response was sent; ok is false if there is
// no such query.
func (f *inflight) complete(id uint16) (sent time.Duration, ok bool) {
	s := &f.slots[id%maxWindow]
	if !s.busy || s.id != id {
		return 0, false
	}
	f.release(id)
	f.open()
	return s.sent, true
}

// expire drops the queries sent before a time and returns their number.
func (f *inflight) expire(before time.Duration) (lost uint64) {
	for i := range f.slots {
		if s := &f.slots[i]; s.busy && s.sent < before {
			f.release(s.id)
			lost++
		}
	}
	return lost
}
