package config

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// Listen is where DNS is served: at an address, or at the addresses of a network
// interface.
type Listen struct {
	Addr      netip.Addr // not valid with an interface
	Interface string
	Port      uint16 // 0: that of the setting port
}

// String returns the form that the setting listener has.
func (l Listen) String() string {
	switch {
	case l.Port == 0 && l.Interface != "":
		return l.Interface
	case l.Port == 0:
		return l.Addr.String()
	case l.Interface != "":
		return l.Interface + ":" + strconv.Itoa(int(l.Port))
	}
	return netip.AddrPortFrom(l.Addr, l.Port).String()
}

// maxListeners bounds the setting listener: each address has a socket for each core.
const maxListeners = 64

// interfaceName matches names of network interfaces, which are at most 15 bytes long
// on Linux. That they begin with a letter tells them from addresses with an error.
var interfaceName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._@-]{0,14}$`)

// dnsListeners parses the setting listener: one item or a list. As in Mesos-DNS, an
// empty text stands for every IPv4 address.
func dnsListeners(raw any, at position) ([]Listen, bool) {
	const example = `something like "0.0.0.0", or ["10.0.0.1", "[fd00::1]:5353", "eth0"]`
	item := func(raw any, at position) (l Listen, ok bool) {
		s, ok := text(raw, at)
		if !ok {
			return l, false
		}
		if addr, err := netip.ParseAddr(unbracket(s)); err == nil {
			warnOfPort(s, dnsPort, at)
			return Listen{Addr: addr.Unmap()}, rejectLinkLocal(addr, raw, at)
		}
		if a, err := netip.ParseAddrPort(s); err == nil {
			if a.Port() == 0 {
				return l, at.reject(raw, "has no port from 1 to 65535", example)
			}
			return Listen{Addr: a.Addr().Unmap(), Port: a.Port()}, rejectLinkLocal(a.Addr(), raw, at)
		}
		name, port, hasPort := strings.Cut(s, ":")
		if hasPort {
			n, err := strconv.ParseUint(port, 10, 16)
			if err != nil || n == 0 {
				return l, at.reject(raw, "has no port from 1 to 65535", example)
			}
			l.Port = uint16(n)
		}
		if !interfaceName.MatchString(name) || strings.EqualFold(name, "localhost") {
			return l, at.reject(raw, "is neither an IP address nor a network interface", example)
		}
		l.Interface = name
		return l, true
	}
	if s, ok := raw.(string); ok && !at.env {
		if strings.TrimSpace(s) == "" {
			return []Listen{{Addr: netip.IPv4Unspecified()}}, true
		}
		l, ok := item(s, at)
		return []Listen{l}, ok
	}
	list, ok := listOf(item, example)(raw, at)
	switch {
	case ok && len(list) == 0:
		return nil, at.reject(raw, "is empty", example)
	case len(list) > maxListeners:
		return nil, at.reject(nil, fmt.Sprintf("has %d items", len(list)), fmt.Sprintf("at most %d", maxListeners))
	}
	return list, ok
}

// showListeners returns one item as a text, as most people write it.
func showListeners(list []Listen) any {
	texts := []string{}
	for _, l := range list {
		texts = append(texts, l.String())
	}
	if len(texts) == 1 {
		return texts[0]
	}
	return texts
}

// besideIPv4 reports whether an item of listener is :: while another one is 0.0.0.0 on
// the same port. Then it is for IPv6 alone.
func (c *Config) besideIPv4(l Listen) bool {
	if l.Addr != netip.IPv6Unspecified() {
		return false
	}
	for _, other := range c.Listener {
		if other.Addr == netip.IPv4Unspecified() && cmp.Or(other.Port, c.Port) == cmp.Or(l.Port, c.Port) {
			return true
		}
	}
	return false
}

// DNSAddr returns the first address of this host at which DNS is served according to
// the settings; not valid if only interfaces are named.
func (c *Config) DNSAddr() netip.AddrPort {
	for _, l := range c.Listener {
		if l.Addr.IsValid() {
			return netip.AddrPortFrom(l.Addr, cmp.Or(l.Port, c.Port))
		}
	}
	return netip.AddrPort{}
}
