package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
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

	udp  []*net.UDPConn
	tcp  []*net.TCPListener
	tls  []*net.TCPListener // for queries over TLS
	addr netip.AddrPort

	background sync.WaitGroup // goroutines that are started while it runs

	// inherited is set for sockets that another program has opened.
	inherited bool
}

// New returns a server that answers each query from the zone that the store holds
// when the query comes. It starts nothing.
func New(store *zone.Store, o Options) *Server {
	o.Addr = o.Addr.Unmap()
	o.MaxUDPSize = max(o.MaxUDPSize, minUDPSize)
	s := &Server{store: store, o: o, log: o.Log, counters: newCounters(store), responder: newResponder(o)}
	s.connections = newConnectionTable(o.TCPMaxConnections, o.TCPMaxConnectionsPerClient)
	s.responder.counters = s.counters.newWorker()
	if o.Forward != nil {
		s.responder.enableForwarding(newForwarder(*o.Forward, store, o.Log))
	}
	return s
}

// Listen opens the listeners. From then on the system keeps queries until
// [Server.Run] answers them, which must follow, as it closes the listeners. An
// error unwraps to the system's.
func (s *Server) Listen() error {
	if s.udp != nil {
		return errListening
	}
	udp, tcp, err := bind(s.o.Addr, s.o.Port)
	if err != nil {
		return err
	}
	s.udp, s.tcp = []*net.UDPConn{udp}, []*net.TCPListener{tcp}
	s.addr = netip.AddrPortFrom(s.o.Addr, udp.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	return nil
}

var errListening = errors.New("resolver: the server has its sockets already")

// UseSockets has the server answer on sockets that another program has opened,
// such as systemd, instead of calling [Server.Listen]. It takes one or more of
// each kind, which [Server.Run] closes.
func (s *Server) UseSockets(udp []*net.UDPConn, tcp []*net.TCPListener) error {
	switch {
	case s.udp != nil:
		return errListening
	case len(udp) == 0:
		return errors.New("no socket for DNS over UDP was handed over")
	case len(tcp) == 0:
		return errors.New("no socket for DNS over TCP was handed over")
	}
	for _, u := range udp {
		if err := configureUDP(u); err != nil {
			return err
		}
	}
	s.inherited, s.udp, s.tcp = true, udp, tcp
	at := udp[0].LocalAddr().(*net.UDPAddr).AddrPort()
	s.addr = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	return nil
}

// Addr is where the server listens, with both transports. It is not valid before
// [Server.Listen] or [Server.UseSockets].
func (s *Server) Addr() netip.AddrPort { return s.addr }

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
	if s.udp == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	// What is still open when final ends is closed.
	final, end := after(ctx, shutdownTimeout)
	defer end()
	s.log.WithField("addr", s.addr).Debug("answering DNS queries")

	// Questions to upstream servers outlive the clients' last query.
	forwarding, endForwarding := after(ctx, forwardShutdownTimeout)
	defer endForwarding()
	var upstreams sync.WaitGroup
	if f := s.responder.forward; f != nil {
		f.start(forwarding, s.isOwn, &upstreams)
	}

	var all sync.WaitGroup
	s.serveUDP(ctx, final, &all)
	s.serveTCP(ctx, final, &all)
	all.Wait()
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

// isOwn reports whether queries to an address come to this server.
func (s *Server) isOwn(a netip.AddrPort) bool {
	if a.Port() != s.addr.Port() {
		return false
	}
	addr := a.Addr().WithZone("").Unmap()
	if s.o.Addr.Is4() && addr.Is6() {
		return false
	}
	if !s.o.Addr.IsUnspecified() {
		return addr == s.o.Addr.WithZone("")
	}
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true
	}
	local, err := net.InterfaceAddrs()
	if err != nil {
		return false
	}
	for _, l := range local {
		if p, err := netip.ParsePrefix(l.String()); err == nil && p.Addr().Unmap().WithZone("") == addr {
			return true
		}
	}
	return false
}
