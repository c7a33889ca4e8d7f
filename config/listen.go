package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
)

// Default ports of listeners with TLS.
const (
	dotPort   = 853  // DNS over TLS (RFC 7858, section 3.1)
	httpsPort = 8443 // of the API; 443 belongs to web servers
)

// listenAddresses parses one address of a listener or a list of them, each
// IP:port, or an IP address for the default port.
func listenAddresses(defaultPort uint16) parser[[]netip.AddrPort] {
	example := fmt.Sprintf(`something like "0.0.0.0:%d" or ["10.0.0.1", "[fd00::1]:%d"]`, defaultPort, defaultPort)
	item := func(raw any, at position) (a netip.AddrPort, ok bool) {
		s, ok := text(raw, at)
		if !ok {
			return a, false
		}
		if addr, err := netip.ParseAddr(unbracket(s)); err == nil {
			warnOfPort(s, defaultPort, at)
			return netip.AddrPortFrom(addr.Unmap(), defaultPort), rejectLinkLocal(addr, raw, at)
		}
		a, err := netip.ParseAddrPort(s)
		if err != nil {
			return a, at.reject(raw, "is neither IP:port nor an IP address", example)
		}
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), rejectLinkLocal(a.Addr(), raw, at)
	}
	return func(raw any, at position) ([]netip.AddrPort, bool) {
		if s, ok := raw.(string); ok && !at.env {
			if strings.TrimSpace(s) == "" {
				return nil, true
			}
			raw = []any{s}
		}
		return listOf(item, example)(raw, at)
	}
}

// loopbackAddress parses an IP:port that only this machine reaches.
func loopbackAddress(raw any, at position) (a netip.AddrPort, ok bool) {
	s, ok := text(raw, at)
	if !ok || strings.TrimSpace(s) == "" {
		return a, ok
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil || !a.Addr().Unmap().IsLoopback() {
		return netip.AddrPort{}, at.reject(raw, "is not IP:port with a loopback address", `something like "127.0.0.1:6060"`)
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), true
}

// listener is a TCP listener of the settings.
type listener struct {
	key   string         // the setting that has its port
	addr  netip.AddrPort // without an address: those of an interface
	only6 bool           // does not receive IPv4 at ::
}

// listeners returns the TCP listeners that the settings ask for.
func (c *Config) listeners() []listener {
	var all []listener
	if c.DNSOn {
		for _, l := range c.Listener {
			all = append(all, listener{"port", netip.AddrPortFrom(l.Addr, cmp.Or(l.Port, c.Port)), c.besideIPv4(l)})
		}
		for _, a := range c.TLSListen {
			all = append(all, listener{key: "tlsListen", addr: a})
		}
	}
	if c.HTTPOn {
		all = append(all, listener{key: "httpport", addr: c.ListenHTTP()})
		for _, a := range c.HTTPSListen {
			all = append(all, listener{key: "httpsListen", addr: a})
		}
	}
	if c.PprofListen.IsValid() {
		all = append(all, listener{key: "pprofListen", addr: c.PprofListen})
	}
	return all
}

// checkListeners rejects listeners that exclude each other, and warns of those that
// are not used.
func (l *loader) checkListeners() {
	c := l.config
	if !l.valid("dnson", "httpon", "port", "httpport", "listener", "HTTPListener", "tlsListen", "httpsListen", "pprofListen") {
		return
	}
	all := c.listeners()
	for i, b := range all {
		for _, a := range all[:i] {
			if a.addr.Port() == 0 || a.addr.Port() != b.addr.Port() || !overlap(a, b) {
				continue
			}
			if a.addr == b.addr && a.key == "port" && b.key == "port" {
				l.reject("listener", fmt.Sprintf("has %s twice", a.addr), "each address once")
			} else if a.key == b.key && a.key == "port" {
				l.reject("listener", fmt.Sprintf("has both %s and %s", nameOf(a.addr), nameOf(b.addr)), "addresses that do not contain each other")
			} else {
				l.reject(b.key, fmt.Sprintf("is %d, like %s, on the same address", b.addr.Port(), a.key), "another port")
			}
			break
		}
	}
	if !c.DNSOn && len(c.TLSListen) > 0 {
		l.warn("tlsListen", "not used: dnson is false")
	}
	if !c.HTTPOn && len(c.HTTPSListen) > 0 {
		l.warn("httpsListen", "not used: httpon is false")
	}
}

// overlap reports whether two listeners exclude each other on a port. One on ::
// receives IPv4 as well, unless only6 is set. The addresses of an interface are not
// known, but are within 0.0.0.0 or ::.
func overlap(a, b listener) bool {
	covers := func(all, one listener) bool {
		at, addr := all.addr.Addr(), one.addr.Addr()
		return at.IsUnspecified() && (!addr.IsValid() || at.Is4() == addr.Is4() || at.Is6() && !all.only6)
	}
	return a.addr.Addr().IsValid() && a.addr.Addr() == b.addr.Addr() || covers(a, b) || covers(b, a)
}

func nameOf(a netip.AddrPort) string {
	if !a.Addr().IsValid() {
		return "an interface"
	}
	return a.Addr().String()
}
