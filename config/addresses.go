package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"toponym/internal/hostport"
)

// HostPort is the address of a listener. In settings, Host is an IP address in
// canonical form, or a host name in lower case, which was not looked up.
type HostPort = hostport.Addr

// parseHostPort parses host:port, or a host alone where defaultPort is not 0. It
// returns what is wrong otherwise.
func parseHostPort(s string, defaultPort uint16) (hp HostPort, problem string) {
	const notHostPort = "is not host:port"
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		bare := unbracket(s)
		_, isAddr := netip.ParseAddr(bare)
		if defaultPort == 0 || isAddr != nil && strings.ContainsAny(s, ":[]") {
			return hp, notHostPort
		}
		host, port = bare, strconv.Itoa(int(defaultPort))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return hp, "has no port from 1 to 65535"
	}
	hp.Port = uint16(n)
	if addr, err := netip.ParseAddr(host); err == nil {
		hp.Host = addr.Unmap().String()
		return hp, ""
	}
	if hp.Host, problem = normalName(host, maxName, true); problem != "" {
		return hp, notHostPort
	}
	// A name that ends in a number is an address with a typing error.
	if last := hp.Host[strings.LastIndexByte(hp.Host, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return hp, "is neither an IP address nor a host name with a port"
	}
	return hp, ""
}

// warnOfPort warns of an IPv6 address without brackets that ends like a port: in one of
// four digits, or in the default port. In brackets, the same address is not doubtful.
func warnOfPort(s string, defaultPort uint16, at position) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.ContainsAny(s, "[]%.") {
		return
	}
	host, port := s[:i], s[i+1:]
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n != uint64(defaultPort) && n < 1000 {
		return
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		at.warn(s, fmt.Sprintf(`is an address without a port: did you mean "[%s]:%s"? If not, write "[%s]"`, host, port, s))
	}
}

// unbracket removes the brackets of an IPv6 address without a port.
func unbracket(s string) string {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}

// masterPort is Mesos's default port of a master.
const masterPort = 5050

// masterAddress parses an item of masters.
func masterAddress(raw any, at position) (HostPort, bool) {
	s, ok := text(raw, at)
	if !ok {
		return HostPort{}, false
	}
	hp, problem := parseHostPort(s, masterPort)
	if problem != "" {
		return hp, at.reject(raw, problem, `something like "10.0.0.1" or "10.0.0.1:5050"`)
	}
	warnOfPort(s, masterPort, at)
	return hp, true
}

// agentPort is Mesos's default port of an agent.
const agentPort = 5051

// agentAddress parses mesos.
func agentAddress(raw any, at position) (string, bool) {
	s, ok := text(raw, at)
	if !ok || s == "" {
		return "", ok
	}
	hp, problem := parseHostPort(s, agentPort)
	if problem != "" {
		return "", at.reject(raw, problem, `something like "127.0.0.1:5051"`)
	}
	warnOfPort(s, agentPort, at)
	return hp.String(), true
}

// listenAddress parses the address of a listener. As in Mesos-DNS, an empty text
// stands for every IPv4 address.
func listenAddress(raw any, at position) (netip.Addr, bool) {
	s, ok := text(raw, at)
	if !ok {
		return netip.Addr{}, false
	}
	if s == "" {
		return netip.IPv4Unspecified(), true
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return addr, at.reject(raw, "is not an IP address", `something like "0.0.0.0" or "::"`)
	}
	return addr.Unmap(), rejectLinkLocal(addr, raw, at)
}

// rejectLinkLocal rejects a link-local IPv6 address without its zone, which no socket
// can listen on (RFC 4007 section 6).
func rejectLinkLocal(addr netip.Addr, raw any, at position) bool {
	if addr.Is6() && !addr.Is4In6() && addr.IsLinkLocalUnicast() && addr.Zone() == "" {
		return at.reject(raw, "is link-local and does not say of which interface", fmt.Sprintf(`something like "%s%%eth0"`, addr))
	}
	return true
}

// network parses a network in CIDR notation, or an address as a network of one.
func network(raw any, at position) (netip.Prefix, bool) {
	s, ok := text(raw, at)
	if !ok {
		return netip.Prefix{}, false
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return p, at.reject(raw, "is not a network", `something like "10.0.0.0/8" or "fd00::/8"`)
	}
	return p.Masked(), true
}
