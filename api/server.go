package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/zone"
)

// Limits of a connection. A client that is slower than this is cut off.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	bulkWriteTimeout  = 5 * time.Minute // for answers that list the whole cluster
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10

	stopTimeout = 5 * time.Second // what requests under way are given at the end
)

// Options are what a Server answers from, and where.
type Options struct {
	Store *zone.Store // what names are looked up in

	Version string // of the program, in /v1/version and on the page
	URL     string // of the project, in /v1/version

	Domain         string // as it is configured, such as "mesos"
	RefreshSeconds int    // as it is configured; /v1/axfr repeats it

	// EnumerationOn lets /v1/enumerate and /v1/axfr answer, which give the
	// whole cluster away. They are unknown paths otherwise.
	EnumerationOn bool
	// Enumerate makes the value that /v1/enumerate shows. It is called from
	// any goroutine, and only once the zone is ready. Where it is nil, the
	// path is unknown.
	Enumerate func() any
	// Explain says who owns the records of a name, which /v1/explain/{name}
	// shows. It is called from any goroutine, and only once the zone is ready.
	// Where it is nil, the path is unknown.
	Explain func(name records.Name) records.Explanation
	// Config makes the value that /v1/config shows, with its secrets taken
	// out. The argument is the zone's serial, 0 before the first state. Where
	// it is nil, the path is unknown.
	Config func(serial uint32) any
	// Status says where the state came from and how the server does. It is
	// called from any goroutine. Where it is nil, /v1/status is unknown.
	Status func() Status
	// Metrics answers /metrics. Where it is nil, the path is unknown.
	Metrics http.Handler

	Addr netip.AddrPort     // where to listen; port 0 takes any that is free
	Log  logrus.FieldLogger // nil logs nothing
}

// Server answers over HTTP.
type Server struct {
	o        Options
	log      logrus.FieldLogger
	page     *page
	bulk     chan struct{} // holds a token for each bulk answer under way
	handler  http.Handler
	listener net.Listener // nil before Listen
}

// New makes a server. It starts nothing and opens nothing.
func New(o Options) *Server {
	s := &Server{o: o, log: o.Log, page: newPage(), bulk: make(chan struct{}, maxBulk)}
	if s.log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		s.log = silent
	}
	s.handler = s.routes()
	return s
}

// Handler answers requests without a listener of the server's own.
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

// Adopt has the server answer on a listener that somebody else has opened, such
// as systemd, in the place of Listen.
func (s *Server) Adopt(l net.Listener) { s.listener = l }

// Addr is the address that the server listens on, which tells the port where
// any was asked for. It is for use after Listen: the zero AddrPort before.
func (s *Server) Addr() netip.AddrPort {
	if s.listener == nil {
		return netip.AddrPort{}
	}
	tcp, ok := s.listener.Addr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	a := tcp.AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Run answers requests until the context ends, and then lets those under way
// finish for 5 seconds. It listens first where Listen was not called. The
// error is nil unless listening failed. A server runs once.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	var open conns
	server := &http.Server{
		Handler:           open.owing(s.handler),
		ConnContext:       open.known,
		ConnState:         open.note,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(debugWriter{s.log}, "", 0),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(s.listener) }()

	select {
	case err := <-failed:
		_ = server.Close()
		return fmt.Errorf("api: %w", err)
	case <-ctx.Done():
	}

	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	_ = s.listener.Close()
	open.closeOthers()
	if err := server.Shutdown(limit); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			s.log.Warn("HTTP requests were cut off because they did not finish in time")
		}
		_ = server.Close()
	}
	<-failed
	return nil
}

// debugWriter takes what net/http has to say, all of it about clients that
// went away or sent something else than HTTP.
type debugWriter struct{ log logrus.FieldLogger }

func (w debugWriter) Write(b []byte) (int, error) {
	line := b
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	w.log.Debug(string(line))
	return len(b), nil
}
