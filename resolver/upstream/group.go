package upstream

import (
	"sync/atomic"
	"time"
)

// Group holds the servers for one part of the name space. It may be used by many
// goroutines.
type Group struct {
	client  *Client
	servers []*server
	asked   atomic.Uint32
	probe   bool // its one server is asked whatever its state is
}

// MaxServers is how many servers a group has at most. More are ignored.
const MaxServers = 16

// exploreEvery is how many questions go to the fastest server alone. The next one
// goes to two servers, so that the round trip times of the others stay known.
const exploreEvery = 128

// Canceler ends a question that was asked. Its handler is called, unless that has
// already happened.
type Canceler interface{ Cancel() }

// Ask asks the servers. It does not wait: the handler is called with the
// result, possibly before Ask returns.
func (g *Group) Ask(q Question, h Handler) Canceler { return g.ask(q, h, g.client.questionTimeout()) }

func (g *Group) ask(q Question, h Handler, timeout time.Duration) *exchange {
	x := &exchange{group: g, q: q, handler: h, deadline: time.Now().Add(timeout)}
	x.mu.Lock()
	x.next(false)
	if g.asked.Add(1)%exploreEvery == 0 && !x.done && g.pick(x.tried) >= 0 {
		x.next(false)
	}
	x.unlock()
	return x
}

// pick returns the index of the fastest server whose bit is not set in tried, or
// -1. Servers that are down are picked only when none is up.
func (g *Group) pick(tried uint64) int {
	best, bestSRTT, wanted := -1, int64(0), Down
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
		if srtt := s.health.srtt.Load(); best < 0 || srtt < bestSRTT {
			best, bestSRTT = i, srtt
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

// Addresses are those of the servers, as in the settings.
func (g *Group) Addresses() []string {
	addrs := make([]string, 0, len(g.servers))
	for _, s := range g.servers {
		addrs = append(addrs, s.addr.String())
	}
	return addrs
}
