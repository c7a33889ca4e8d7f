package upstream

import (
	"slices"
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
	Looping              // not asked: queries to it come back to this server
)

// String is the state's name, as metrics and logs have it.
func (s State) String() string { return [...]string{"up", "down", "looping"}[s] }

// health records how fast a server responds, if at all.
type health struct {
	state  atomic.Int32
	srtt   atomic.Int64 // smoothed round trip time (RFC 6298, section 2), in ns; 0: not known
	rttvar atomic.Int64 // its variation, in ns

	mu     sync.Mutex
	failed []uint64 // hashes of the names that got no response since the last response
}

// Retransmission timeouts (RFC 6298, section 2, with other bounds).
const (
	initialRTO = 250 * time.Millisecond // until a round trip time is known
	minRTO     = 10 * time.Millisecond
	maxRTO     = time.Second
)

// downAfter is how many names in a row may get no response until the server is
// down. One name counts once, however often it is asked: the server may answer all
// others.
const downAfter = 3

// State is the server's state.
func (h *health) State() State { return State(h.state.Load()) }

// rto is the retransmission timeout: the time within which the server responds as
// a rule.
func (h *health) rto() time.Duration {
	srtt := h.srtt.Load()
	if srtt == 0 {
		return initialRTO
	}
	return min(max(time.Duration(srtt+4*h.rttvar.Load()), minRTO), maxRTO)
}

// onResponse notes a response, and its round trip time unless that is 0. It reports
// whether the server had been down.
func (h *health) onResponse(rtt time.Duration) (recovered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed = h.failed[:0]
	if rtt > 0 {
		h.sample(rtt)
	}
	return h.state.CompareAndSwap(int32(Down), int32(Up))
}

// onFailure notes that a question about a name, given by its hash, got no response
// although it was waited for. It reports whether the server is down from now on.
func (h *health) onFailure(name uint64, waited time.Duration) (down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A server that is slow for a name must not look as slow for all as the
	// timeout is long.
	if waited = min(waited, maxRTO); int64(waited) > h.srtt.Load() {
		h.sample(waited)
	}
	if len(h.failed) < downAfter && !slices.Contains(h.failed, name) {
		h.failed = append(h.failed, name)
	}
	return len(h.failed) >= downAfter && h.state.CompareAndSwap(int32(Up), int32(Down))
}

// suspect reports whether the server should be probed.
func (h *health) suspect() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.failed) > 0
}

// sample takes in a round trip time (RFC 6298, section 2).
func (h *health) sample(rtt time.Duration) {
	srtt, rttvar := h.srtt.Load(), h.rttvar.Load()
	if srtt == 0 {
		srtt, rttvar = int64(rtt), int64(rtt)/2
	} else {
		diff := int64(rtt) - srtt
		srtt += diff / 8
		rttvar += (max(diff, -diff) - rttvar) / 4
	}
	h.srtt.Store(max(srtt, 1))
	h.rttvar.Store(rttvar)
}
