package resolver

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/zone"
)

// Server answers DNS queries over UDP, TCP and TLS (RFC 1035, section 4.2; RFC
// 7766; RFC 7858).
type Server struct {
	store     *zone.Store
	o         Options
	log       logrus.FieldLogger
	counters  *counters
	responder *responder // counts for all connections, and for pending queries

	connections *connectionTable
	handshakes  handshakeCounts
	turns       turns

	listening atomic.Pointer[listenOptions]
	endpoints endpoints
	tls       []*net.TCPListener // for queries over TLS

	background sync.WaitGroup // goroutines that are started while it runs
}

// New returns a server that answers each query from the zone that the store holds
// when the query comes. It starts nothing.
func New(store *zone.Store, o Options) *Server {
	if o.addressesOf == nil {
		o.addressesOf, o.addressInterval = interfaceAddrs, addressInterval
	}
	if o.leaveAfter == 0 {
		o.leaveAfter = leaveAfter
	}
	s := &Server{store: store, o: o, log: o.Log, counters: newCounters(store), responder: newResponder(o)}
	s.listening.Store(&listenOptions{o.Listen, o.Port})
	s.endpoints.next = make(chan *Listeners)
	s.connections = newConnectionTable(o.TCPMaxConnections, o.TCPMaxConnectionsPerClient)
	s.responder.counters = s.counters.newWorker()
	if o.Forward != nil {
		s.responder.enableForwarding(newForwarder(*o.Forward, store, o.Tap, o.Log))
	}
	return s
}

const (
	// shutdownTimeout is how long responses on their way may take when the
	// server ends.
	shutdownTimeout = 2 * time.Second

	// forwardShutdownTimeout is how long upstream servers may take then to answer
	// what they were asked before. After that clients get what is known, or
	// SERVFAIL, and have time to ask another server.
	forwardShutdownTimeout = time.Second
)

// Run answers queries until the context ends, after calling [Server.Listen] if the
// server has no sockets yet. Then it closes the listeners, and returns nil when
// the responses to all queries that were read have been sent, after 2 s at most.
// Nothing that it started is left then. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	if !s.endpoints.opened {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	// What is still open when final ends is closed.
	final, end := after(ctx, shutdownTimeout)
	defer end()
	s.log.WithField("addr", s.Addrs()).Debug("answering DNS queries")

	// Questions to upstream servers outlive the clients' last query.
	forwarding, endForwarding := after(ctx, forwardShutdownTimeout)
	defer endForwarding()
	var upstreams sync.WaitGroup
	if f := s.responder.forward; f != nil {
		f.start(forwarding, s.isOwn, &upstreams)
	}

	if err := s.turns.begin(); err != nil {
		s.log.WithError(err).Warn("busy connections may delay others by 10 ms: no pipe can be opened")
	} else {
		s.background.Go(s.turns.run)
	}

	var all sync.WaitGroup
	for _, e := range s.endpoints.list() {
		s.serve(ctx, e, &all)
	}
	for _, l := range s.tls {
		all.Go(func() { s.accept(ctx, ctx, final, l, TLS, &all) })
	}
	all.Go(func() { s.followAddresses(ctx, &all) })
	all.Wait()
	s.turns.end()
	endForwarding()
	upstreams.Wait()
	s.background.Wait()
	s.log.Debug("stopped answering DNS queries")
	return nil
}

// after returns a context that ends some time after another, or when it is
// canceled.
func after(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, cancel)
		context.AfterFunc(later, func() { timer.Stop() })
	})
	return later, func() {
		stop()
		cancel()
	}
}
