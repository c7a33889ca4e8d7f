package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

const (
	// addressInterval is how often the server looks for addresses that have come or
	// gone. The system would tell of them at once, but an address of IPv6 cannot be
	// used before the system has made sure that nobody else has it.
	addressInterval = time.Second

	// maxEndpoints bounds the addresses, each of which has sockets and buffers for
	// each core.
	maxEndpoints = 128
)

// place is an address to listen on, or an interface whose addresses are not known.
type place struct {
	addr  netip.AddrPort
	only6 bool   // for IPv6 alone, at ::
	iface string // the interface that was named, if any
	err   error  // why its addresses are not known
}

// name identifies the place in the log.
func (p place) name() string {
	switch {
	case p.iface == "":
		return p.addr.String()
	case !p.addr.IsValid():
		return p.iface
	}
	return fmt.Sprintf("%v (%s)", p.addr, p.iface)
}

// contains reports whether queries to an address, which has no zone, come to the
// place.
func (p place) contains(addr netip.Addr) bool {
	at := p.addr.Addr()
	if !at.IsUnspecified() {
		return at.WithZone("") == addr
	}
	if at.Is4() && addr.Is6() || p.only6 && addr.Is4() {
		return false
	}
	if addr.IsLoopback() || addr.IsUnspecified() {
		return true
	}
	local, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(local, func(l net.Addr) bool { return addrOf(l).WithZone("") == addr })
}

// includes reports whether a place is for all addresses, a given one among them.
func (p place) includes(at netip.AddrPort) bool {
	return p.addr.Addr().IsUnspecified() && p.addr.Port() == at.Port() &&
		(p.addr.Addr().Is4() == at.Addr().Is4() || p.addr.Addr().Is6() && !p.only6)
}

// addrOf is an address of an interface, not valid if it is of another kind.
func addrOf(a net.Addr) netip.Addr {
	p, err := netip.ParsePrefix(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr().Unmap()
}

// listenOptions is where a server is to listen, see [Options]. Values are immutable.
type listenOptions struct {
	items []Listen
	port  uint16
}

// only6 reports whether an item is :: while another one has IPv4 on the same port.
func (w *listenOptions) only6(l Listen) bool {
	return l.Addr == netip.IPv6Unspecified() && slices.ContainsFunc(w.items, func(other Listen) bool {
		return other.Addr == netip.IPv4Unspecified() && cmp.Or(other.Port, w.port) == cmp.Or(l.Port, w.port)
	})
}

// port is that of an item: where the options leave it to the system, all have the one
// that the first has got.
func (s *Server) port(w *listenOptions, l Listen) uint16 {
	return cmp.Or(l.Port, w.port, s.Addr().Port())
}

// places returns where to listen now, each address once. Addresses of interfaces that
// one for all addresses contains are left out.
func (s *Server) places(w *listenOptions) []place {
	var all []place
	add := func(p place) {
		at := p.addr
		known := slices.ContainsFunc(all, func(q place) bool {
			return at.IsValid() && (q.addr == at || p.iface != "" && q.includes(at))
		})
		if !known && len(all) < maxEndpoints {
			all = append(all, p)
		}
	}
	for _, l := range w.items {
		if l.Interface == "" {
			add(place{addr: netip.AddrPortFrom(l.Addr, s.port(w, l)), only6: w.only6(l)})
		}
	}
	for _, l := range w.items {
		if l.Interface == "" {
			continue
		}
		addrs, err := s.o.addressesOf(l.Interface)
		if err != nil {
			add(place{iface: l.Interface, err: err})
		}
		for _, a := range addrs {
			add(place{addr: netip.AddrPortFrom(a, s.port(w, l)), iface: l.Interface})
		}
	}
	return all
}

var errNoAddress = errors.New("the interface has no address")

// interfaceAddrs returns the addresses of an interface, those that are link-local with
// it as their zone.
func interfaceAddrs(name string) (addrs []netip.Addr, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, errors.New("there is no such interface")
	}
	local, err := i.Addrs()
	if err != nil {
		return nil, err
	}
	for _, l := range local {
		a := addrOf(l)
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(name)
		}
		if a.IsValid() {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, errNoAddress
	}
	return addrs, nil
}

// canWait reports whether a place that cannot be opened is no reason to give up at the
// start: what is missing may come, if it is one of several or an interface. Hosts
// without IPv6 have none to listen on beside IPv4, or have given it to another server.
func (w *listenOptions) canWait(p place, err error) bool {
	if p.only6 || p.err != nil {
		return true
	}
	missing := errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
	return missing && (len(w.items) > 1 || p.iface != "")
}

// noteWaiting keeps why a place is not open, and logs it if that is new.
func (s *Server) noteWaiting(name string, err error) {
	s.endpoints.mu.Lock()
	defer s.endpoints.mu.Unlock()
	if s.endpoints.waiting[name] == err.Error() {
		return
	}
	if s.endpoints.waiting == nil {
		s.endpoints.waiting = map[string]string{}
	}
	s.endpoints.waiting[name] = err.Error()
	log := s.log.WithFields(logrus.Fields{"addr": name, "error": err})
	if errors.Is(err, syscall.EAFNOSUPPORT) {
		log.Info("not answering DNS there before the host has addresses of that family")
		return
	}
	log.Warn("cannot answer DNS there yet; trying again each second")
}

// followAddresses opens the addresses that come, and closes those that an interface no
// longer has, until ctx ends. An address that was named stays open: it is of use again
// when it is back. It also takes over what [Listeners.Use] hands over.
func (s *Server) followAddresses(ctx context.Context, all *sync.WaitGroup) {
	ticker := time.NewTicker(s.o.addressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-s.endpoints.next:
			s.takeOver(ctx, next, all)
		case <-ticker.C:
			s.closeLeaving()
			if s.mayChange() {
				s.refreshAddresses(ctx, all)
			}
		}
	}
}

// mayChange reports whether addresses can come or go.
func (s *Server) mayChange() bool {
	if s.inherited() {
		return false
	}
	return len(s.endpoints.waiting) > 0 || slices.ContainsFunc(s.listening.Load().items, func(l Listen) bool { return l.Interface != "" })
}

func (s *Server) refreshAddresses(ctx context.Context, all *sync.WaitGroup) {
	places := s.places(s.listening.Load())
	for _, e := range s.endpoints.current() {
		if e.iface != "" && !slices.ContainsFunc(places, func(p place) bool { return p.addr == e.addr }) {
			s.log.WithFields(logrus.Fields{"addr": e.addr, "interface": e.iface}).Info("stopped answering DNS: the interface no longer has the address")
			s.endpoints.stopping(e)
			e.end()
		}
	}
	names := map[string]bool{}
	for _, p := range places {
		if slices.ContainsFunc(s.endpoints.current(), func(e *endpoint) bool { return e.serves(p) }) {
			continue
		}
		names[p.name()] = true
		e, err := s.open(p)
		if err != nil {
			s.noteWaiting(p.name(), err)
			continue
		}
		s.add(e)
		s.log.WithField("addr", e.addr).Info("answering DNS over UDP and TCP")
		s.serve(ctx, e, all)
	}
	s.endpoints.forgetWaiting(names)
}
