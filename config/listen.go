package config

import (
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
			return netip.AddrPortFrom(addr.Unmap(), defaultPort), true
		}
		a, err := netip.ParseAddrPort(s)
		if err != nil {
			return a, at.reject(raw, "is neither IP:port nor an IP address", example)
		}
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), true
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

// listener is a TCP listener of the settings.
type listener struct {
	key  string // the setting that has its port
	addr netip.AddrPort
}

// listeners returns the TCP listeners that the settings ask for.
func (c *Config) listeners() []listener {
	var all []listener
	if c.DNSOn {
		all = append(all, listener{"port", c.ListenDNS()})
		for _, a := range c.TLSListen {
			all = append(all, listener{"tlsListen", a})
		}
	}
	if c.HTTPOn {
		all = append(all, listener{"httpport", c.ListenHTTP()})
		for _, a := range c.HTTPSListen {
			all = append(all, listener{"httpsListen", a})
		}
	}
	return all
}

// checkListeners rejects listeners that exclude each other, and warns of those that
// are not used.
func (l *loader) checkListeners() {
	c := l.config
	if !l.valid("dnson", "httpon", "port", "httpport", "listener", "HTTPListener", "tlsListen", "httpsListen") {
		return
	}
	all := c.listeners()
	for i, b := range all {
		for _, a := range all[:i] {
			if a.addr.Port() != 0 && a.addr.Port() == b.addr.Port() && overlap(a.addr.Addr(), b.addr.Addr()) {
				l.reject(b.key, fmt.Sprintf("is %d, like %s, on the same address", b.addr.Port(), a.key), "another port")
			}
		}
	}
	if !c.DNSOn && len(c.TLSListen) > 0 {
		l.warn("tlsListen", "not used: dnson is false")
	}
	if !c.HTTPOn && len(c.HTTPSListen) > 0 {
		l.warn("httpsListen", "not used: httpon is false")
	}
}

// overlap reports whether listeners on two addresses exclude each other on a port.
// One on :: receives IPv4 as well.
func overlap(a, b netip.Addr) bool {
	covers := func(all, one netip.Addr) bool {
		return all.IsUnspecified() && (all.Is6() || one.Is4())
	}
	return a == b || covers(a, b) || covers(b, a)
}
