package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/api/haproxy"
	"toponym/api/traefik"
	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// Limits of a connection. A client that is slower is cut off. Answers that are
// written in chunks have limits of their own (stream.go).
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10

	stopTimeout = 5 * time.Second // for requests that are under way when the server stops
)

// Options say what a Server answers from, and where it listens. Functions may be
// called from any goroutine.
type Options struct {
	Store *zone.Store // what names are looked up in

	Version string // of the program, in /v1/version and on the page
	URL     string // of the project, in /v1/version

	Domain string // the setting, such as "mesos"
	// RefreshSeconds returns the setting; /v1/axfr repeats it.
	RefreshSeconds func() int

	// EnumerationOn enables the paths that disclose the whole cluster:
	// /v1/enumerate, /v1/axfr, /v1/instances and those below /v1/sd.
	EnumerationOn bool
	// DCOS makes /v1/hosts answer as dcos-net does, and adds /v1/records.
	DCOS bool
	// VIPs lists the VIPs for /v1/vips. It is called only when the zone is ready. Nil
	// disables the path.
	VIPs func() []records.VIP
	// Instances iterates over the tasks that have names, for /v1/instances and the
	// paths below /v1/sd. It is called only when the zone is ready. Nil disables
	// them.
	Instances func(records.InstanceFilter) iter.Seq[*records.Instance]
	// Hosts returns the masters and agents, for /v1/sd/prometheus. It is not nil
	// where Instances is not.
	Hosts func() records.Hosts
	// Traefik says which apps are in the configuration of /v1/sd/traefik. Nil
	// disables that path.
	Traefik *traefik.Options
	// HAProxy returns what apps may have in the configurations of /v1/sd/haproxy,
	// and where the server answers DNS by TCP: the zero AddrPort if it does not, and
	// an unspecified address for all addresses of the host. Nil disables the path.
	HAProxy func() (haproxy.Rules, netip.AddrPort)
	// Enumerate iterates over frameworks and their tasks for /v1/enumerate. It is
	// called only when the zone is ready. Its argument says which names to list. Nil
	// disables the path.
	Enumerate func(keep func(name []byte) bool) iter.Seq2[string, iter.Seq[records.EnumeratedTask]]
	// Explain says who owns the records of a name for /v1/explain/{name}. It is
	// called only when the zone is ready. Nil disables the path.
	Explain func(name records.Name) records.Explanation
	// ReverseOff is set if there are no PTR records of the cluster.
	ReverseOff bool
	// Search finds apps, tasks, frameworks and agents for the page. It is called only
	// when the zone is ready. Nil disables it.
	Search func(records.Search) records.SearchResult
	// Task describes a task for the page. It is needed with Search, and so are
	// Instances and Hosts.
	Task func(state.TaskKey) (records.TaskDescription, bool)
	// Settings returns the current settings, without secrets, for the page.
	// Nil disables that part.
	Settings func() []Setting
	// History is what /v1/watch tells of. Nil disables the path.
	History *zone.History
	// FrameworkNames returns the names of a framework, or why it has none. It is
	// needed with History.
	FrameworkNames func(framework string) (records.FrameworkNames, error)
	// MaxWatchers and MaxWatchersPerClient bound the clients that watch at the same
	// time; 0 disables /v1/watch.
	MaxWatchers, MaxWatchersPerClient int
	// Route returns how a name is answered that the zone does not have: nil if the
	// answer is the zone's NXDOMAIN, and a zero value if queries are refused. The
	// function is nil if nothing is forwarded.
	Route func(name records.Name) *Route
	// Preview returns the response to a query of type ANY for a name, over TCP, for a
	// client within recursionAllow; nil if upstream servers are asked. The function is nil
	// if no DNS is served.
	Preview func(name records.Name) *dns.Msg
	// Config returns the value that /v1/config shows, without secrets. The argument
	// is the serial of the zone, 0 before the first state. Nil disables the path.
	Config func(serial uint32) any
	// Status returns the state of the server for /v1/status and the page. Nil
	// disables the path.
	Status func() Status
	// Trends returns the figures of the last hour for /v1/status/trends and the page. Nil
	// disables the path.
	Trends func() Trends
	// Top counts queries until the context ends, for /v1/top. Nil disables the path.
	Top func(ctx context.Context, rows int) Top
	// Metrics answers /metrics. Nil disables the path.
	Metrics http.Handler

	// Access says who may read what at the start, see SetAccess. A path for which there
	// is no rule is open to all, and so are /healthz and /readyz always.
	Access []Access

	// Background calls a function that takes long, and returns when it has ended. Nil
	// calls it as it is.
	Background func(func())

	// MaxConnections bounds the open connections; 0 means 512. Idle ones are closed to
	// make room for new ones. It should be larger than MaxWatchers.
	MaxConnections int

	Addr netip.AddrPort // where to listen; port 0 takes any free one
	// TLS makes the TLS side of a server out of a connection; see package handshake.
	// ListenTLS needs it.
	TLS func(net.Conn) *tls.Conn
	Log logrus.FieldLogger // nil logs nothing
}

// Server answers over HTTP. It is a prometheus.Collector of its own numbers.
type Server struct {
	o                                     Options
	log                                   logrus.FieldLogger
	pages                                 *pages
	plots                                 plots
	stopping                              context.Context // ends when the server begins to stop
	stop                                  context.CancelFunc
	metrics                               *metrics
	processors                            *processors
	bulk, feeds, traefik, large, explains *slots
	views                                 *slots // of the page, about many tasks
	tops                                  *slots
	pasts                                 *slots      // of watchers that read old versions
	changes                               *changeFeed // nil without /v1/watch
	connections                           *connections
	haproxy                               *haproxyFeed
	handler                               http.Handler
	access                                atomic.Pointer[[]Access]
	listener                              net.Listener   // nil before Listen
	secure                                []net.Listener // of ListenTLS
}

// New returns a server. It starts and opens nothing.
func New(o Options) *Server {
	s := &Server{
		o: o, log: o.Log, pages: newPages(), metrics: newMetrics(),
		processors:  newProcessors(),
		bulk:        newSlots(maxBulk, maxBulkPerClient),
		feeds:       newSlots(maxFeeds, maxFeedsPerClient),
		traefik:     newSlots(maxTraefik, maxTraefikPerClient),
		large:       newSlots(maxLarge, maxLargePerClient),
		explains:    newSlots(maxExplains, maxExplainsPerClient),
		views:       newSlots(maxViews, maxViewsPerClient),
		tops:        newSlots(maxTops, maxTopsPerClient),
		connections: newConnections(o.MaxConnections),
		haproxy:     &haproxyFeed{table: haproxy.NewTable(), waiting: newSlots(maxHAProxyWaiting, maxHAProxyWaitingOfOne)},
	}
	if s.log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		s.log = silent
	}
	if o.History != nil && o.MaxWatchers > 0 {
		s.pasts = newSlots(maxPasts, maxPastsPerClient)
		s.changes = newChangeFeed(o.History, s.processors, s.inBackground, o.MaxWatchers, o.MaxWatchersPerClient)
	}
	s.SetAccess(o.Access)
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.handler = s.routes()
	return s
}

// Handler answers requests without the server's listener.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen opens the server's port. Requests wait there until Run is called.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.o.Addr.String())
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	s.listener = l
	return nil
}

// ListenTLS opens a port for requests over HTTPS, in addition to that of Listen.
func (s *Server) ListenTLS(at netip.AddrPort) error {
	l, err := net.Listen("tcp", at.String())
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	s.secure = append(s.secure, tlsListener{l, s.o.TLS})
	return nil
}

// tlsListener is a listener whose connections have TLS. The handshake is that of
// the goroutine that reads the first request.
type tlsListener struct {
	net.Listener
	secure func(net.Conn) *tls.Conn
}

// Accept implements net.Listener.
func (l tlsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.secure(c), nil
}

// Adopt makes the server answer on a listener that systemd, for example, has
// opened. It replaces Listen.
func (s *Server) Adopt(l net.Listener) { s.listener = l }

// Addr is the address that the server listens on, with the actual port. It is the
// zero AddrPort before Listen.
func (s *Server) Addr() netip.AddrPort {
	if s.listener == nil {
		return netip.AddrPort{}
	}
	return addrOf(s.listener)
}

// TLSAddrs are the addresses of ListenTLS, with the actual ports.
func (s *Server) TLSAddrs() (addrs []netip.AddrPort) {
	for _, l := range s.secure {
		addrs = append(addrs, addrOf(l))
	}
	return addrs
}

func addrOf(l net.Listener) netip.AddrPort {
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := tcp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Run answers requests until the context ends, and then waits up to 5 seconds for
// those that are under way. It listens first if Listen was not called. The error is
// nil unless listening failed. A server runs once.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	// With HTTP/2, a connection would have many requests at a time, which the limits
	// on connections and slow readers do not expect.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Protocols:         protocols,
		Handler:           s.connections.markBusy(s.handler),
		ConnContext:       s.connections.withConnection,
		ConnState:         s.connections.stateChanged,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(debugWriter{s.log}, "", 0),
	}
	listeners := append([]net.Listener{s.listener}, s.secure...)
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}

	select {
	case err := <-failed:
		_ = server.Close()
		s.stop()
		if s.changes != nil {
			s.changes.end()
		}
		for range len(listeners) - 1 {
			<-failed
		}
		return fmt.Errorf("api: %w", err)
	case <-ctx.Done():
	}

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, l := range listeners {
		_ = l.Close()
	}
	s.stop()
	if s.changes != nil {
		s.changes.end() // and with it all watchers
	}
	s.connections.closeIdle()
	if err := server.Shutdown(limit); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			s.log.WithField("timeout", stopTimeout).Warn("stopping cut off HTTP requests that were under way")
		}
		_ = server.Close()
	}
	for range listeners {
		<-failed
	}
	return nil
}

// debugWriter logs the messages of net/http at level debug: all are about clients
// that went away or sent something other than HTTP.
type debugWriter struct{ log logrus.FieldLogger }

func (w debugWriter) Write(b []byte) (int, error) {
	line := b
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	w.log.Debug(shorten(string(line)))
	return len(b), nil
}
