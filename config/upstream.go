package config

import (
	"net/netip"
	"strings"
)

// Default ports of upstream servers.
const (
	dnsPort = 53
	tlsPort = 853 // RFC 7858, section 3.1
)

// Upstream is a server that names are forwarded to.
type Upstream struct {
	AddrPort netip.AddrPort
	TLS      bool   // DNS over TLS
	Name     string // the name in its certificate, in lower case; "": its address
}

// String returns IP:port, or tls://name@IP:port.
func (u Upstream) String() string { return u.prefix() + u.AddrPort.String() }

func (u Upstream) prefix() string {
	switch {
	case !u.TLS:
		return ""
	case u.Name == "":
		return "tls://"
	}
	return "tls://" + u.Name + "@"
}

// MarshalText returns String.
func (u Upstream) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// short returns String without the default port.
func (u Upstream) short() string {
	if u.TLS && u.AddrPort.Port() == tlsPort || !u.TLS && u.AddrPort.Port() == dnsPort {
		return u.prefix() + u.AddrPort.Addr().String()
	}
	return u.String()
}

// upstream parses an item of resolvers: an address, optionally with a port, or
// behind tls:// and the name in its certificate.
func upstream(raw any, at position) (u Upstream, ok bool) {
	s, ok := text(raw, at)
	if !ok {
		return u, false
	}
	const example = `something like "10.0.0.1", "[fd00::1]:5353" or "tls://dns.example.com@10.0.0.1"`
	port := uint16(dnsPort)
	rest, isTLS := strings.CutPrefix(s, "tls://")
	if isTLS {
		port = tlsPort
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			name, problem := normalName(rest[:i], maxName, true)
			if problem != "" {
				return u, at.reject(raw, "has a server name that is not a host name: "+problem, example)
			}
			u.Name, rest = name, rest[i+1:]
		}
	}
	addr, err := netip.ParseAddr(unbracket(rest))
	ap := netip.AddrPortFrom(addr, port)
	if err != nil {
		ap, err = netip.ParseAddrPort(rest)
	}
	if err != nil || ap.Port() == 0 {
		return u, at.reject(raw, "is neither an IP address nor IP:port", example)
	}
	warnOfPort(rest, port, at)
	u.AddrPort, u.TLS = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), isTLS
	return u, true
}
