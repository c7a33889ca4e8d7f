package upstream

import (
	"sync"
	"sync/atomic"
	"time"
)

// State says whether a server is asked.
type State int32

// The states of a server.
const (
	Up      State = iota // asked in its turn
	Down                 // asked only when no server is up, until it answers a probe
	Looping              // not asked: what it is asked comes back to us
)

func (s State) String() string { return [...]string{"up", "down", "looping"}[s] }

// health is what is known of how soon a server answers, if at all.
type health struct {
	state  atomic.Int32
	srtt   atomic.Int64 // smoothed (RFC 6298, section 2), in ns; 0: not known
	rttvar atomic.Int64 // its mean deviation

	mu       sync.Mutex
	failures int // questions without a reply since the last reply
}

const (
	initialRTO = 250 * time.Millisecond // until something is known
	minRTO     = 10 * time.Millisecond
	maxRTO     = time.Second

	// restAfter is how many questions in a row may stay without a reply.
	downAfter = 3
)

func (h *health) State() State { return State(h.state.Load()) }

// usual is the time within which the server answers as a rule.
func (h *health) rto() time.Duration {
	l := h.srtt.Load()
	if l == 0 {
		return initialRTO
	}
	return min(max(time.Duration(l+4*h.rttvar.Load()), minRTO), maxRTO)
}

// replied notes a reply, and its latency unless that is 0. It reports whether the
// server had been resting.
func (h *health) onResponse(after time.Duration) (back bool) {
	h.mu.Lock()
	h.failures = 0
	if after > 0 {
		h.sample(after)
	}
	back = h.state.CompareAndSwap(int32(Down), int32(Up))
	h.mu.Unlock()
	return back
}

// unanswered notes a question that has stayed without a reply for a while. It
// reports whether the server rests from now on.
func (h *health) onTimeout(after time.Duration) (rests bool) {
	if after < h.rto() {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if int64(after) > h.srtt.Load() {
		h.sample(after)
	}
	return h.fail(1)
}

// broke notes that the server's host says that nobody answers there.
func (h *health) onUnreachable() (rests bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fail(downAfter)
}

func (h *health) fail(by int) (rests bool) {
	h.failures += by
	return h.failures >= downAfter && h.state.CompareAndSwap(int32(Up), int32(Down))
}

// suspect reports whether the server should be probed.
func (h *health) suspect() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failures > 0
}

func (h *health) sample(d time.Duration) {
	l, v := h.srtt.Load(), h.rttvar.Load()
	if l == 0 {
		l, v = int64(d), int64(d)/2
	} else {
		off := int64(d) - l
		l += off / 8
		v += (max(off, -off) - v) / 4
	}
	h.srtt.Store(max(l, 1))
	h.rttvar.Store(v)
}
