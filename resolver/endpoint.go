package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
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

	end context.CancelFunc // stops answering; nil before that has begun
}

// endpoints are those of a server. The goroutine that follows addresses changes them.
type endpoints struct {
	mu     sync.Mutex
	open   []*endpoint
	opened bool // Listen or UseSockets has been called
	// waiting says of each address and interface that is not open why.
	waiting map[string]string
}

func (e *endpoints) list() []*endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.open)
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
	for _, p := range s.places() {
		err := s.open(p)
		if err == nil {
			continue
		}
		if s.canWait(p, err) {
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
	for _, e := range s.endpoints.list() {
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

// open opens the sockets of a place and adds its endpoint.
func (s *Server) open(p place) error {
	if p.err != nil {
		return p.err
	}
	if p.addr.Port() == 0 {
		p.addr = netip.AddrPortFrom(p.addr.Addr(), s.Addr().Port())
	}
	udp, tcp, err := bind(p.addr.Addr(), p.addr.Port(), p.only6)
	if err != nil {
		return err
	}
	e := &endpoint{
		addr: netip.AddrPortFrom(p.addr.Addr(), addrPort(udp.LocalAddr()).Port()), only6: p.only6, iface: p.iface,
		udp: []*net.UDPConn{udp}, tcp: []*net.TCPListener{tcp},
	}
	s.endpoints.mu.Lock()
	defer s.endpoints.mu.Unlock()
	s.endpoints.open = append(s.endpoints.open, e)
	delete(s.endpoints.waiting, p.name())
	return nil
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
	final, release := after(ctx, shutdownTimeout)
	var workers sync.WaitGroup
	s.serveUDP(ctx, final, e, &workers)
	for _, l := range e.tcp {
		workers.Go(func() { s.accept(ctx, final, l, TCP, &workers) })
	}
	all.Go(func() {
		workers.Wait()
		e.end()
		release()
	})
}

// isOwn reports whether queries to an address come to this server, now or once the
// address is there.
func (s *Server) isOwn(a netip.AddrPort) bool {
	places := []place{}
	inherited := false
	for _, e := range s.endpoints.list() {
		places = append(places, place{addr: e.addr, only6: e.only6})
		inherited = inherited || e.inherited
	}
	if !inherited {
		for _, l := range s.o.Listen {
			if l.Addr.IsValid() {
				places = append(places, place{addr: netip.AddrPortFrom(l.Addr, s.port(l)), only6: s.only6(l)})
			}
		}
	}
	addr := a.Addr().WithZone("").Unmap()
	return slices.ContainsFunc(places, func(p place) bool { return p.addr.Port() == a.Port() && p.contains(addr) })
}
