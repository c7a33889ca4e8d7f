package upstream

import (
	"errors"
	"sync/atomic"
	"time"
)

// Group is the servers for a part of the names. It may be used by many
// goroutines.
type Group struct {
	client  *Client
	servers []*server
	asked   atomic.Uint32
	probe   bool // its one server is asked whatever its state is
}

// MaxServers is how many servers a group has at most. More are left out.
const MaxServers = 16

// exploreEvery is how many questions go to the fastest server alone. The next
// one goes to two, so that the latency of the others stays known.
const exploreEvery = 128

var errNobody = errors.New("no server can be asked")

// Ask asks the servers. It does not wait: what comes of it is said to the asker,
// maybe before Ask returns.
func (g *Group) Ask(q Question, asker Handler) { g.ask(q, asker, g.client.o.Timeout) }

func (g *Group) ask(q Question, asker Handler, timeout time.Duration) {
	x := &exchange{group: g, q: q, handler: asker, deadline: time.Now().Add(timeout)}
	x.mu.Lock()
	x.advance(false)
	if g.asked.Add(1)%exploreEvery == 0 && !x.done && g.pick(x.tried) >= 0 {
		x.advance(false)
	}
	x.unlock()
}

// pick chooses the fastest of the servers that were not tried, or gives -1.
// Those that rest are asked only when none is up.
func (g *Group) pick(tried uint64) int {
	best, bestScore, wanted := -1, int64(0), Down
	for i, s := range g.servers {
		state := s.health.State()
		if g.probe {
			state = Up
		}
		if state == Looping || state == Down && wanted == Up {
			continue
		}
		if state == Up && wanted == Down {
			best, wanted = -1, Up
		}
		if tried&(1<<i) != 0 {
			continue
		}
		if score := s.health.srtt.Load(); best < 0 || score < bestScore {
			best, bestScore = i, score
		}
	}
	return best
}

// Down reports whether none of the servers is up.
func (g *Group) Down() bool {
	for _, s := range g.servers {
		if s.health.State() == Up {
			return false
		}
	}
	return true
}

// Len is the number of servers.
func (g *Group) Len() int { return len(g.servers) }
