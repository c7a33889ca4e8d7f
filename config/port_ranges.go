package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// PortRange is a range of ports, with both ends.
type PortRange struct{ First, Last uint16 }

// String returns "10000-20000", or one number.
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// MarshalText implements encoding.TextMarshaler.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// portRange parses "10000-20000" or a single port.
func portRange(raw any, at position) (r PortRange, ok bool) {
	if n, problem := toInt(raw); problem == "" {
		raw = strconv.FormatInt(n, 10)
	}
	s, ok := text(raw, at)
	if !ok {
		return r, false
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	for _, end := range []struct {
		text   string
		number *uint16
	}{{first, &r.First}, {last, &r.Last}} {
		n, err := strconv.ParseUint(strings.TrimSpace(end.text), 10, 16)
		if err != nil || n == 0 {
			return r, at.reject(raw, "is not a range of ports", `something like "10000-20000"`)
		}
		*end.number = uint16(n)
	}
	if r.First > r.Last {
		return r, at.reject(raw, "ends before it begins", `something like "10000-20000"`)
	}
	return r, true
}

// bindAddress parses an address that a program may listen on.
func bindAddress(raw any, at position) (netip.Addr, bool) {
	s, ok := text(raw, at)
	if !ok {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(unbracket(s))
	if err != nil || addr.Zone() != "" {
		return addr, at.reject(raw, "is not an IP address", `something like "10.0.0.42"`)
	}
	return addr.Unmap(), true
}
