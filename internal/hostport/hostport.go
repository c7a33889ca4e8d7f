// Package hostport has the one form of network addresses whose host may be a
// name: host:port, with IPv6 addresses in brackets.
package hostport

import (
	"fmt"
	"net"
	"strconv"
)

// Addr is where something listens. Addresses are comparable.
type Addr struct {
	Host string // an IP address, IPv6 without brackets, or a host name
	Port uint16
}

// Parse reads host:port. It does not look at the host, except that there must be
// one, and accepts ports from 1 to 65535.
func Parse(s string) (Addr, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return Addr{}, fmt.Errorf("%.100q is not host:port", s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Addr{}, fmt.Errorf("%.100q has no port from 1 to 65535", s)
	}
	return Addr{Host: host, Port: uint16(n)}, nil
}

// String returns host:port, with an IPv6 address in brackets.
func (a Addr) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port))) }

// MarshalText returns String.
func (a Addr) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
