package api

import (
	"context"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"toponym/zone"
)

// Limits of what is done for clients at the same time.
const (
	// Answers about the whole cluster. Each holds a pointer for every name or
	// task.
	maxBulk          = 4
	maxBulkPerClient = 2

	// Feeds for load balancers and monitoring, which are read every few seconds.
	maxFeeds          = 4
	maxFeedsPerClient = 2

	// Configurations of Traefik, each of which is in memory as a whole.
	maxTraefik          = 2
	maxTraefikPerClient = 1

	// Answers about names with more than largeAnswer records.
	largeAnswer       = 256
	maxLarge          = 32
	maxLargePerClient = 8

	// Explanations. Each looks at every task.
	maxExplains          = 1
	maxExplainsPerClient = 1

	// Pages for people that look at every task. Each holds pointers to all of them.
	maxViews          = 2
	maxViewsPerClient = 2

	// slotWait is how long a request waits for its turn before it is refused.
	slotWait = 2 * time.Second
)

// semaphore bounds how many goroutines do something at the same time.
type semaphore chan struct{}

// acquire waits for a place until the context ends.
func (s semaphore) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// release frees a place.
func (s semaphore) release() { <-s }

// A goroutine that makes answers pauses every now and then, because Go looks for
// packets at once only when a processor has nothing else to do.
const (
	breather    = 50 * time.Microsecond
	maxBreather = 20 * time.Millisecond
	restEvery   = time.Millisecond // of a long answer
)

// processors are the tokens that allow a goroutine to make answers: half as many as
// there are processors. The other half is left to DNS.
type processors struct {
	tokens  semaphore
	waiting atomic.Int32
	held    atomic.Int64 // how long a token was held last, in nanoseconds
}

func newProcessors() *processors {
	return &processors{tokens: make(semaphore, max(1, runtime.GOMAXPROCS(0)/2))}
}

// acquire waits for a token until the context ends. If others wait as well, it pauses
// for as long as the answer before took, so that answers take half of the time of a
// processor.
func (p *processors) acquire(ctx context.Context) error {
	p.waiting.Add(1)
	err := p.tokens.acquire(ctx)
	if p.waiting.Add(-1) > 0 && err == nil {
		time.Sleep(min(max(breather, time.Duration(p.held.Load())), maxBreather))
	}
	return err
}

// release returns a token that was held since a given time.
func (p *processors) release(since time.Time) {
	p.held.Store(int64(time.Since(since)))
	p.tokens.release()
}

// response is a ResponseWriter that holds a processor token while an answer is
// made, and returns it before it writes or waits: a client that
// does not read delays no other client.
type response struct {
	http.ResponseWriter
	ctx        context.Context
	processors *processors
	working    bool      // holds a token
	since      time.Time // when it got the token
}

// resume takes a token.
func (w *response) resume() error {
	if w.working {
		return nil
	}
	err := w.processors.acquire(w.ctx)
	w.working, w.since = err == nil, time.Now()
	return err
}

// pause returns the token.
func (w *response) pause() {
	if w.working {
		w.working = false
		w.processors.release(w.since)
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	w.pause()
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// inTurn answers with h while it holds a processor token.
func (s *Server) inTurn(h func(w *response, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		turn := &response{ResponseWriter: w, ctx: r.Context(), processors: s.processors}
		defer turn.pause()
		if turn.resume() == nil {
			h(turn, r)
		}
	}
}

// slots bounds the requests of a kind that are under way, in all and per client.
type slots struct {
	all       semaphore
	perClient int

	mu      sync.Mutex
	clients map[netip.Addr]*clientSlots
}

// clientSlots are the slots of one client, as long as it has requests.
type clientSlots struct {
	held     semaphore
	requests int // that hold a slot or wait for one
}

func newSlots(all, perClient int) *slots {
	return &slots{all: make(semaphore, all), perClient: perClient, clients: map[netip.Addr]*clientSlots{}}
}

// acquire takes a slot for a client. ok is false if none becomes free within
// slotWait or before the context ends.
func (s *slots) acquire(ctx context.Context, client netip.Addr) (release func(), ok bool) {
	ctx, cancel := context.WithTimeout(ctx, slotWait)
	defer cancel()
	s.mu.Lock()
	c := s.clients[client]
	if c == nil {
		c = &clientSlots{held: make(semaphore, s.perClient)}
		s.clients[client] = c
	}
	c.requests++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.requests--; c.requests == 0 {
			delete(s.clients, client)
		}
	}
	if c.held.acquire(ctx) != nil {
		leave()
		return nil, false
	}
	if s.all.acquire(ctx) != nil {
		c.held.release()
		leave()
		return nil, false
	}
	return func() { s.all.release(); c.held.release(); leave() }, true
}

// enter takes one of the slots for an answer, or answers with 503.
func (s *Server) enter(w *response, r *http.Request, slots *slots) (leave func(), ok bool) {
	w.pause()
	leave, ok = slots.acquire(r.Context(), clientOf(r.RemoteAddr))
	if !ok {
		s.busy(w)
		return nil, false
	}
	if w.resume() != nil {
		leave()
		return nil, false
	}
	return leave, true
}

// limited answers with h in the background while it holds one of the slots, or with
// 503.
func (s *Server) limited(slots *slots, h zoneHandler) zoneHandler {
	return func(w *response, r *http.Request, z *zone.Zone) {
		if leave, ok := s.enter(w, r, slots); ok {
			defer leave()
			s.inBackground(func() { h(w, r, z) })
		}
	}
}

// inBackground does long work. A panic, with which net/http breaks a connection,
// reaches the caller.
func (s *Server) inBackground(f func()) {
	if s.o.Background == nil {
		f()
		return
	}
	var cause any
	s.o.Background(func() {
		defer func() { cause = recover() }()
		f()
	})
	if cause != nil {
		panic(cause)
	}
}

// busy tells the client to send the request again later.
func (s *Server) busy(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1") // seconds (RFC 9110, section 10.2.3)
	s.writeError(w, http.StatusServiceUnavailable, "too many requests of this kind are under way: try again")
}

// clientOf is the address of a client for limits: for IPv6 the /64 network,
// because one host can use all of its addresses.
func clientOf(remote string) netip.Addr {
	p, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	a := p.Addr().Unmap().WithZone("")
	if a.Is6() {
		network, _ := a.Prefix(64)
		return network.Addr()
	}
	return a
}
