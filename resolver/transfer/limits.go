package transfer

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

// slotWait is how long a transfer waits for one of the slots before it is answered
// with SERVFAIL. A secondary that is answered so tries again after the RETRY time
// of the SOA record, which is long, while most transfers take milliseconds; and one
// that gets no response gives up after 5 s at the earliest (Knot).
const slotWait = 4 * time.Second

// slots bound the transfers that are under way, in all and per client.
type slots struct {
	max, maxPerClient int

	mu      sync.Mutex
	held    int
	clients map[netip.Prefix]*clientSlots
	queue   []*waiter // oldest first
}

// clientSlots are the slots of one client, while it has transfers.
type clientSlots struct{ held, waiting int }

type waiter struct {
	client *clientSlots
	ready  chan struct{} // closed when it has got a slot
}

// newSlots returns slots of which one client may hold half.
func newSlots(most int) *slots {
	return &slots{max: most, maxPerClient: max(1, most/2), clients: map[netip.Prefix]*clientSlots{}}
}

// acquire takes a slot for a client. ok is false if none becomes free within
// slotWait or before the context ends.
func (s *slots) acquire(ctx context.Context, client netip.Prefix) (release func(), ok bool) {
	s.mu.Lock()
	c := s.clients[client]
	if c == nil {
		c = &clientSlots{}
		s.clients[client] = c
	}
	w := &waiter{client: c, ready: make(chan struct{})}
	c.waiting++
	s.queue = append(s.queue, w)
	s.admit()
	s.mu.Unlock()

	timer := time.NewTimer(slotWait)
	defer timer.Stop()
	select {
	case <-w.ready:
	default:
		select {
		case <-w.ready:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, q := range s.queue {
		if q == w {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			c.waiting--
			s.forget(client)
			return nil, false
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held--
		c.held--
		s.forget(client)
		s.admit()
	}, true
}

// admit gives free slots to those that wait, the oldest first whose client may have
// another.
func (s *slots) admit() {
	rest := s.queue[:0]
	for _, w := range s.queue {
		if s.held == s.max || w.client.held == s.maxPerClient {
			rest = append(rest, w)
			continue
		}
		s.held++
		w.client.held++
		w.client.waiting--
		close(w.ready)
	}
	clear(s.queue[len(rest):])
	s.queue = rest
}

func (s *slots) forget(client netip.Prefix) {
	if c := s.clients[client]; c.held+c.waiting == 0 {
		delete(s.clients, client)
	}
}

// count returns how many slots are held.
func (s *slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// Go looks for packets at once only when a processor has nothing else to do, so a
// goroutine that makes messages pauses every now and then.
const (
	breather  = 50 * time.Microsecond
	restEvery = time.Millisecond
)

// turns are the tokens that allow a goroutine to make messages: half as many as
// there are processors. The other half is left to answering.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// turn is the turn of one transfer.
type turn struct {
	of     turns
	held   bool
	rested time.Time
}

// take waits for a token until the context ends.
func (t *turn) take(ctx context.Context) error {
	if t.rested.IsZero() {
		t.rested = time.Now()
	} else if time.Since(t.rested) >= restEvery {
		time.Sleep(breather)
		t.rested = time.Now()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case t.of <- struct{}{}:
		t.held = true
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// give returns the token.
func (t *turn) give() {
	if t.held {
		t.held = false
		<-t.of
	}
}
