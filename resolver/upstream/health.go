package upstream

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// State decides whether a server is asked.
type State int32

// The states of a server.
const (
	Up      State = iota // asked in its turn
	Down                 // asked only when no server is up, until it answers a probe
	Looping              // not asked: queries to it come back to this server
)

// String returns the state's name in metrics and logs.
func (s State) String() string { return [...]string{"up", "down", "looping"}[s] }

// health records how fast a server responds, if at all.
type health struct {
	state  atomic.Int32
	srtt   atomic.Int64 // smoothed round trip time (RFC 6298, section 2), in ns; 0: not known
	rttvar atomic.Int64 // its variation, in ns

	epoch     time.Time    // times below count from here
	waitSince atomic.Int64 // when the first query was sent after the last response, in ns; 0: none was

	mu           sync.Mutex
	lastResponse time.Time
	failed       []uint64 // hashes of the names that got no response since then
}

// Retransmission timeouts (RFC 6298, section 2, with other bounds).
const (
	initialRTO = 250 * time.Millisecond // until a round trip time is known
	minRTO     = 10 * time.Millisecond
	maxRTO     = time.Second
)

// suspectAfter is the time without a response, counted from the first query, after
// which a server is probed.
const suspectAfter = time.Second

// downAfter is the number of names in a row without a response after which the server
// is down. One name counts once, however often it is asked: the server may answer all
// others.
const downAfter = 3

// State is the server's state.
func (h *health) State() State { return State(h.state.Load()) }

// rto is the retransmission timeout: the time within which the server usually
// responds.
func (h *health) rto() time.Duration {
	srtt := h.srtt.Load()
	if srtt == 0 {
		return initialRTO
	}
	return min(max(time.Duration(srtt+4*h.rttvar.Load()), minRTO), maxRTO)
}

// onQuery notes that a query is sent.
func (h *health) onQuery(now time.Time) {
	if h.waitSince.Load() == 0 {
		h.waitSince.Store(max(int64(now.Sub(h.epoch)), 1))
	}
}

// onResponse notes a response, and its round trip time unless that is 0. It reports
// whether the server had been down.
func (h *health) onResponse(rtt time.Duration) (recovered bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastResponse = time.Now()
	h.waitSince.Store(0)
	h.failed = h.failed[:0]
	if rtt > 0 {
		h.sample(rtt)
	}
	return h.state.CompareAndSwap(int32(Down), int32(Up))
}

// onFailure notes that a query about a name, given by its hash, got no response although
// it was waited for. It reports whether the server is down from now on. A server that
// has responded to something else since the query was sent is not: only that name is slow.
//
// A probe counts twice: any response to it would have done, and several of its packets
// would have to be lost.
func (h *health) onFailure(name uint64, probe bool, sent time.Time, waited time.Duration) (down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lastResponse.After(sent) {
		return false
	}
	// A server that is slow for a name must not look as slow for all as the
	// timeout is long.
	if waited = min(waited, maxRTO); int64(waited) > h.srtt.Load() {
		h.sample(waited)
	}
	if len(h.failed) < downAfter && !slices.Contains(h.failed, name) {
		h.failed = append(h.failed, name)
		if probe {
			h.failed = append(h.failed, ^name)
		}
	}
	return len(h.failed) >= downAfter && h.state.CompareAndSwap(int32(Up), int32(Down))
}

// suspect reports whether the server should be probed.
func (h *health) suspect(now time.Time) bool {
	if since := h.waitSince.Load(); since != 0 && now.Sub(h.epoch)-time.Duration(since) > suspectAfter {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.failed) > 0
}

// heard returns when the server last responded; zero for never.
func (h *health) heard() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastResponse
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
