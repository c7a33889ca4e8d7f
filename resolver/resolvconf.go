package resolver

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/miekg/dns"

	"toponym/resolver/upstream"
)

// followEvery is how often resolv.conf is looked at. Watching it would miss what
// those do who mount another file there.
const followEvery = 5 * time.Second

// maxResolvConf is more than any such file has, in octets.
const maxResolvConf = 64 << 10

// rest keeps the servers for all names but those of zones: the ones that are
// given, or else that resolv.conf names. While it cannot be read, or names
// nobody, what was known before stays.
type defaultUpstreams struct {
	f          *forwarder
	isOwn      func(netip.AddrPort) bool
	configured []Upstream // that known follows from; nil: it follows from resolv.conf
	current    []Upstream
	problem    string
}

func (r *defaultUpstreams) run(ctx context.Context) {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			r.refresh()
		case <-r.f.upstreamsChanged:
			r.refresh()
		case <-ctx.Done():
			return
		}
	}
}

func (r *defaultUpstreams) refresh() {
	f := r.f
	if given := *f.configured.Load(); len(given) > 0 {
		if !slices.Equal(given, r.configured) {
			r.configured, r.current, r.problem = given, f.withoutOwnAddresses(given, r.isOwn), ""
			f.client.Release(f.defaultGroup.Swap(f.client.Group(r.current)))
		}
		return
	}
	r.configured = nil
	servers, err := readResolvConf(f.o.ResolvConf, r.isOwn)
	problem := ""
	switch {
	case err != nil:
		problem = "cannot be read: " + err.Error()
	case len(servers) == 0:
		problem = "names no server but this one"
	case !slices.Equal(servers, r.current):
		f.client.Release(f.defaultGroup.Swap(f.client.Group(servers)))
		f.log.Infof("names outside of our zones are forwarded to %v, as %s says", servers, f.o.ResolvConf)
		r.current = servers
	}
	switch {
	case problem == "" || problem == r.problem:
	case len(r.current) == 0:
		f.log.Warnf("%s %s: nobody can be asked for names outside of our zones", f.o.ResolvConf, problem)
	default:
		f.log.Warnf("%s %s: names outside of our zones are still forwarded to %v", f.o.ResolvConf, problem, r.current)
	}
	r.problem = problem
}

// readResolvConf gives the servers that a file in the format of resolv.conf(5)
// names, but for our own addresses.
func readResolvConf(path string, own func(netip.AddrPort) bool) ([]Upstream, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	buf := make([]byte, maxResolvConf)
	n, err := file.Read(buf)
	if err != nil && n == 0 {
		return nil, err
	}
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(buf[:n]))
	if err != nil {
		return nil, err
	}
	var servers []Upstream
	for _, s := range conf.Servers {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			continue
		}
		at := upstream.Address{AddrPort: netip.AddrPortFrom(addr.Unmap(), 53)}
		if !own(at.AddrPort) && !slices.Contains(servers, at) {
			servers = append(servers, at)
		}
	}
	return servers, nil
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
