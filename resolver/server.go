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

// Server answers DNS queries over UDP and TCP (RFC 1035, section 4.2; RFC
// 7766).
type Server struct {
	store    *zone.Store
	o        Options
	log      logrus.FieldLogger
	counters *counters
	*responder

	udp  *net.UDPConn
	tcp  *net.TCPListener
	addr netip.AddrPort

	adopted bool // udp and tcp, and these beside them
	moreUDP []*net.UDPConn
	moreTCP []*net.TCPListener
}

// New returns a server that answers from whatever zone the store holds when a
// query comes. It starts nothing.
func New(store *zone.Store, o Options) *Server {
	o = o.withDefaults()
	s := &Server{store: store, o: o, log: o.Log, counters: newCounters(store), responder: newResponder(o)}
	s.responder.counters = s.counters.newWorker() // for all connections, and for what comes later
	if o.Forward != nil {
		s.enableForwarding(newForwarder(*o.Forward, store, o.Log))
	}
	return s
}

// Listen opens the listeners. From then on the system keeps queries until
// [Server.Run] answers them, which must follow, as it closes the listeners. An
// error says what the operator can do, and unwraps to the system's.
func (s *Server) Listen() error {
	if s.udp != nil {
		return errors.New("resolver: the server listens already")
	}
	udp, tcp, err := bind(s.o.Addr, s.o.Port)
	if err != nil {
		return err
	}
	s.udp, s.tcp = udp, tcp
	s.addr = netip.AddrPortFrom(s.o.Addr, udp.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	return nil
}

// Addr is where the server listens, with both transports. It is not valid
// before [Server.Listen].
func (s *Server) Addr() netip.AddrPort { return s.addr }

const (
	// grace is how long replies on their way may take when the server ends.
	shutdownTimeout = 2 * time.Second

	// graceOutside is how long others may take then to answer what they were
	// asked before. After that clients get what was known, or SERVFAIL, and
	// have time to ask somebody else.
	forwardShutdownTimeout = time.Second
)

// Run answers queries until the context ends, after calling [Server.Listen] if
// nobody has yet. Then it closes the listeners, lets the replies to queries that
// have been read go out, for 2 s at most, and returns nil. Nothing that it
// started is left when it returns. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	if s.udp == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	// Ends grace after ctx: what is still open then is closed.
	final, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(shutdownTimeout, end)
		context.AfterFunc(final, func() { timer.Stop() })
	})
	defer stop()

	s.log.WithField("addr", s.addr).Debug("answering DNS queries")
	// What is asked of others outlives the clients' last query.
	asking, endAsking := context.WithCancel(context.WithoutCancel(ctx))
	defer endAsking()
	stopAsking := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(forwardShutdownTimeout, endAsking)
		context.AfterFunc(final, func() { timer.Stop() })
	})
	defer stopAsking()
	var upstreams sync.WaitGroup
	if s.forward != nil {
		s.forward.start(asking, s.isOwn, &upstreams)
	}
	var all sync.WaitGroup
	s.serveUDP(ctx, final, &all)
	s.serveTCP(ctx, final, &all)
	all.Wait()
	endAsking()
	upstreams.Wait()
	s.log.Debug("stopped answering DNS queries")
	return nil
}
