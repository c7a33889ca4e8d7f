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

// patience is how long a transfer waits for a slot before one of those under way is cut
// off: that whose client is furthest behind [minRate]. So clients that read nothing keep
// others out for a moment, rather than for the timeout of a transfer.
const patience = time.Second

// minBehind is how far behind a client must be for that. One on a good network never is.
const minBehind = time.Second

// slots bound the transfers that are under way, in all and per client.
type slots struct {
	max, maxPerClient int

	mu      sync.Mutex
	held    map[*holder]struct{}
	clients map[netip.Prefix]*clientSlots
	queue   []*waiter // oldest first
}

// holder is a transfer that has or wants a slot.
type holder struct {
	client netip.Prefix
	behind func() time.Duration // how much longer the client takes than at the least rate
	cut    func()               // cuts the transfer off, so that it gives its slot back soon
	gone   bool                 // cut has been called
}

// clientSlots are the slots of one client, while it has transfers.
type clientSlots struct{ held, waiting int }

type waiter struct {
	*holder
	slots *clientSlots
	ready chan struct{} // closed when it has got a slot
}

// newSlots returns slots of which one client may hold half.
func newSlots(most int) *slots {
	return &slots{max: most, maxPerClient: max(1, most/2), held: map[*holder]struct{}{}, clients: map[netip.Prefix]*clientSlots{}}
}

// acquire takes a slot. ok is false if none becomes free within slotWait or before the
// context ends.
func (s *slots) acquire(ctx context.Context, h *holder) (release func(), ok bool) {
	s.mu.Lock()
	c := s.clients[h.client]
	if c == nil {
		c = &clientSlots{}
		s.clients[h.client] = c
	}
	w := &waiter{holder: h, slots: c, ready: make(chan struct{})}
	c.waiting++
	s.queue = append(s.queue, w)
	s.admit()
	s.mu.Unlock()

	s.wait(ctx, w)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, q := range s.queue {
		if q == w {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			c.waiting--
			s.forget(h.client)
			return nil, false
		}
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.held, h)
		c.held--
		s.forget(h.client)
		s.admit()
	}, true
}

// wait waits until a transfer has a slot, for slotWait or until the context ends. It
// cuts off another one if that helps.
func (s *slots) wait(ctx context.Context, w *waiter) {
	select {
	case <-w.ready:
		return
	default:
	}
	end, look := time.NewTimer(slotWait), time.NewTicker(patience)
	defer end.Stop()
	defer look.Stop()
	for {
		select {
		case <-w.ready:
			return
		case <-end.C:
			return
		case <-ctx.Done():
			return
		case <-look.C:
			s.cutSlowest(w)
		}
	}
}

// cutSlowest cuts off the transfer that is furthest behind of those that keep another
// one waiting.
func (s *slots) cutSlowest(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var slowest *holder
	most := minBehind
	for h := range s.held {
		switch {
		case w.slots.held == s.maxPerClient && h.client != w.client:
		case h.gone:
			return // its slot is free in a moment
		default:
			if behind := h.behind(); behind >= most {
				slowest, most = h, behind
			}
		}
	}
	if slowest != nil {
		slowest.gone = true
		slowest.cut()
	}
}

// admit gives free slots to those that wait, the oldest first whose client may have
// another.
func (s *slots) admit() {
	rest := s.queue[:0]
	for _, w := range s.queue {
		if len(s.held) == s.max || w.slots.held == s.maxPerClient {
			rest = append(rest, w)
			continue
		}
		s.held[w.holder] = struct{}{}
		w.slots.held++
		w.slots.waiting--
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
	return len(s.held)
}

// Go looks for packets at once only when a processor has nothing else to do, so a
// goroutine that makes messages pauses every now and then.
const (
	breather  = 50 * time.Microsecond
	restEvery = time.Millisecond
)

// rest pauses if the last pause was long ago, and returns when the last one was.
func rest(last time.Time) time.Time {
	if time.Since(last) < restEvery {
		return last
	}
	time.Sleep(breather)
	return time.Now()
}

// turns are the tokens that allow a goroutine to make messages: half as many as
// there are processors. The other half is left to answering.
type turns chan struct{}

func newTurns() turns { return make(turns, max(1, runtime.GOMAXPROCS(0)/2)) }

// turn is the turn of one transfer.
type turn struct {
	of     turns
	ctx    context.Context
	held   bool
	rested time.Time
}

// Attempt implements [Turn].
func (t *turn) Attempt(write func()) error {
	if !t.held {
		if err := t.take(); err != nil {
			return err
		}
	}
	defer t.give()
	write()
	return nil
}

// Release implements [Turn].
func (t *turn) Release() { t.give() }

// take waits for a token until the context ends.
func (t *turn) take() error {
	if t.rested.IsZero() {
		t.rested = time.Now()
	} else {
		t.rested = rest(t.rested)
	}
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	select {
	case t.of <- struct{}{}:
		t.held = true
		return nil
	case <-t.ctx.Done():
		return context.Cause(t.ctx)
	}
}

// give returns the token.
func (t *turn) give() {
	if t.held {
		t.held = false
		<-t.of
	}
}
