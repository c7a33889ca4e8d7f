package resolver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Listen is where queries are answered: at an address of this machine, or at all
// addresses of a network interface.
type Listen struct {
	Addr      netip.Addr // 0.0.0.0 and :: stand for all; not valid with an interface
	Interface string
	Port      uint16 // 0: that of the options
}

// ListenError is an address that cannot be listened on.
type ListenError struct {
	Addr netip.AddrPort
	Err  error // unwraps to the system's
}

// Error implements error.
func (e *ListenError) Error() string { return fmt.Sprintf("%v: %v", e.Addr, e.Err) }

// Unwrap returns the reason.
func (e *ListenError) Unwrap() error { return e.Err }

// endpoint is an address at which queries are answered over UDP and TCP.
type endpoint struct {
	addr  netip.AddrPort
	only6 bool // does not receive IPv4 at ::
	iface string

	udp       []*net.UDPConn
	tcp       []*net.TCPListener
	inherited bool // another program has opened the sockets

	// Once it answers: stop takes no more queries over UDP nor connections, and end
	// lets the connections end as well.
	stop, end context.CancelFunc
	leaving   time.Time // when to stop; zero if it stays
	stopped   bool      // it has been told to stop; its sockets may still be open
}

// serves reports whether queries to a place come to the endpoint.
func (e *endpoint) serves(p place) bool {
	if e.addr == p.addr {
		return !e.only6 || p.only6
	}
	return e.addr.Addr() == netip.IPv6Unspecified() && !e.only6 && p.addr == netip.AddrPortFrom(netip.IPv4Unspecified(), e.addr.Port())
}

// endpoints are those of a server. The goroutine that follows addresses changes them.
type endpoints struct {
	mu     sync.Mutex
	open   []*endpoint
	opened bool // Listen or UseSockets has been called
	// waiting says of each address and interface that is not open why.
	waiting map[string]string
	next    chan *Listeners
}

func (e *endpoints) list() []*endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.open)
}

// current returns those that stay.
func (e *endpoints) current() []*endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.open), func(e *endpoint) bool { return !e.leaving.IsZero() })
}

// serve reports whether queries to a place come to one of them that can stay.
func (e *endpoints) serve(p place) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.open, func(e *endpoint) bool { return !e.stopped && e.serves(p) })
}

// stopping notes that an endpoint is told to stop.
func (e *endpoints) stopping(one *endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	one.stopped = true
	if one.leaving.IsZero() {
		one.leaving = time.Now()
	}
}

// closed notes that the sockets of an endpoint are closed.
func (e *endpoints) closed(one *endpoint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.open = slices.DeleteFunc(e.open, func(other *endpoint) bool { return other == one && one.stopped })
}

// forgetWaiting forgets why places were not open, but for some.
func (e *endpoints) forgetWaiting(but map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	maps.DeleteFunc(e.waiting, func(name, _ string) bool { return !but[name] })
}

// inherited reports whether another program has opened the sockets.
func (s *Server) inherited() bool {
	open := s.endpoints.list()
	return len(open) > 0 && open[0].inherited
}

// Listen opens the listeners. From then on the system keeps queries until
// [Server.Run] answers them, which must follow, as it closes the listeners.
//
// It is no error if one of several addresses is not there yet, nor if IPv6 beside
// 0.0.0.0 is not available: [Server.Run] opens it later. Other errors are
// [ListenError].
func (s *Server) Listen() error {
	if s.endpoints.opened {
		return errListening
	}
	w := s.listening.Load()
	for _, p := range s.places(w) {
		e, err := s.open(p)
		if err == nil {
			s.add(e)
			continue
		}
		if w.canWait(p, err) {
			s.noteWaiting(p.name(), err)
			continue
		}
		for _, e := range s.endpoints.open {
			e.close()
		}
		s.endpoints.open = nil
		return &ListenError{p.addr, err}
	}
	s.endpoints.opened = true
	return nil
}

var errListening = errors.New("resolver: the server has its sockets already")

// UseSockets has the server answer on sockets that another program has opened,
// such as systemd, instead of calling [Server.Listen]. It takes one or more of
// each kind, which [Server.Run] closes.
func (s *Server) UseSockets(udp []*net.UDPConn, tcp []*net.TCPListener) error {
	switch {
	case s.endpoints.opened:
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
	s.endpoints.open = []*endpoint{{addr: addrPort(udp[0].LocalAddr()), udp: udp, tcp: tcp, inherited: true}}
	s.endpoints.opened = true
	return nil
}

// Addrs are where the server listens at this moment, with both transports.
func (s *Server) Addrs() (addrs []netip.AddrPort) {
	for _, e := range s.endpoints.current() {
		addrs = append(addrs, e.addr)
	}
	return addrs
}

// Addr is the first of [Server.Addrs]; not valid if there is none.
func (s *Server) Addr() netip.AddrPort {
	if addrs := s.Addrs(); len(addrs) > 0 {
		return addrs[0]
	}
	return netip.AddrPort{}
}

// open opens the sockets of a place.
func (s *Server) open(p place) (*endpoint, error) {
	if p.err != nil {
		return nil, p.err
	}
	if p.addr.Port() == 0 {
		p.addr = netip.AddrPortFrom(p.addr.Addr(), s.Addr().Port())
	}
	udp, tcp, err := bind(p.addr.Addr(), p.addr.Port(), p.only6, s.shareWith(p))
	if err != nil {
		return nil, err
	}
	return &endpoint{
		addr: netip.AddrPortFrom(p.addr.Addr(), addrPort(udp.LocalAddr()).Port()), only6: p.only6, iface: p.iface,
		udp: []*net.UDPConn{udp}, tcp: []*net.TCPListener{tcp},
	}, nil
}

// shareWith lets sockets at a place be opened beside those of this server that are in
// its way: one of the two is for all addresses. It reports whether there are any.
func (s *Server) shareWith(p place) (shared bool) {
	for _, e := range s.endpoints.list() {
		at := place{addr: e.addr, only6: e.only6}
		if e.addr == p.addr || at.includes(p.addr) || p.includes(e.addr) {
			shared = shareSockets(e.udp[0], e.tcp[0]) || shared
		}
	}
	return shared
}

// add adds an endpoint.
func (s *Server) add(e *endpoint) {
	s.endpoints.mu.Lock()
	defer s.endpoints.mu.Unlock()
	s.endpoints.open = append(s.endpoints.open, e)
	delete(s.endpoints.waiting, place{addr: e.addr, iface: e.iface}.name())
}

func (e *endpoint) close() {
	for _, u := range e.udp {
		u.Close()
	}
	for _, l := range e.tcp {
		l.Close()
	}
}

// serve starts the goroutines that answer at an endpoint until ctx ends or the
// endpoint's end is called, and returns. Then its sockets are closed, and responses
// on their way have 2 s.
func (s *Server) serve(ctx context.Context, e *endpoint, all *sync.WaitGroup) {
	ctx, e.end = context.WithCancel(ctx)
	taking, stop := context.WithCancel(ctx)
	e.stop = stop
	final, release := after(ctx, shutdownTimeout)
	lastUDP, releaseUDP := after(taking, shutdownTimeout)
	var sockets, connections sync.WaitGroup
	s.serveUDP(taking, lastUDP, e, &sockets)
	for _, l := range e.tcp {
		sockets.Go(func() { s.accept(taking, ctx, final, l, TCP, &connections) })
	}
	all.Go(func() {
		sockets.Wait()
		s.endpoints.closed(e)
		connections.Wait()
		e.end()
		release()
		releaseUDP()
	})
}

// isOwn reports whether queries to an address come to this server, now or once the
// address is there.
func (s *Server) isOwn(a netip.AddrPort) bool {
	places := []place{}
	for _, e := range s.endpoints.list() {
		places = append(places, place{addr: e.addr, only6: e.only6})
	}
	if w := s.listening.Load(); !s.inherited() {
		for _, l := range w.items {
			if l.Addr.IsValid() {
				places = append(places, place{addr: netip.AddrPortFrom(l.Addr, s.port(w, l)), only6: w.only6(l)})
			}
		}
	}
	addr := a.Addr().WithZone("").Unmap()
	return slices.ContainsFunc(places, func(p place) bool { return p.addr.Port() == a.Port() && p.contains(addr) })
}
