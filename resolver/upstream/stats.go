package upstream

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Stats are what is known of one server.
type Stats struct {
	Address    string        // as in the settings
	Queries    uint64        // sent
	Responses  uint64        // of those, answered in time
	Failures   uint64        // no reply, no connection, or a reply of no use
	Hedges     uint64        // sent because another server, or this one, was late
	Truncated  uint64        // replies that were asked for again over TCP
	Mismatched uint64        // messages that answered no question
	SRTT       time.Duration // smoothed; 0: not known
	State      State
}

// Stats are those of all servers, by address.
func (c *Client) Stats() []Stats {
	var all []Stats
	for _, s := range c.serverList() {
		n := &s.counters
		all = append(all, Stats{
			Address:    s.addr.String(),
			Queries:    n.queries.Load(),
			Responses:  n.responses.Load(),
			Failures:   n.failures.Load(),
			Hedges:     n.hedges.Load(),
			Truncated:  n.truncated.Load(),
			Mismatched: n.mismatched.Load(),
			SRTT:       time.Duration(s.health.srtt.Load()),
			State:      s.health.State(),
		})
	}
	slices.SortFunc(all, func(a, b Stats) int { return strings.Compare(a.Address, b.Address) })
	return all
}

// lines keeps what is logged of a server to a line a minute: the last of what
// there was to say. Run logs it, so that who answers queries does not wait for
// a disk.
type rateLimitedLog struct {
	mu   sync.Mutex
	next time.Time
	held string
	more int
}

const linePause = time.Minute

// say has something logged about the server.
func (s *server) logf(what string) {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = what
	l.more++
}

// flush logs what is to be said, if it may be by now.
func (s *server) flushLog() {
	l := &s.log
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.more == 0 || now.Before(l.next) {
		return
	}
	text := fmt.Sprintf("upstream %s %s", s.addr, l.held)
	if l.more > 1 {
		text += fmt.Sprintf(" (and %d more)", l.more-1)
	}
	s.client.o.Log.Warn(text)
	l.next, l.held, l.more = now.Add(linePause), "", 0
}
