package state

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParsePorts reads port ranges as `/master/state` has them:
// "[31000-31001, 31005-31005]". Parts that are not ranges of ports are skipped;
// the error names the first of them.
func ParsePorts(s string) ([]PortRange, error) {
	inner, ok := strings.CutPrefix(strings.TrimSpace(s), "[")
	if ok {
		inner, ok = strings.CutSuffix(inner, "]")
	}
	if !ok {
		return nil, fmt.Errorf("ports %.60q are not in brackets", s)
	}
	if strings.TrimSpace(inner) == "" {
		return nil, nil
	}
	ranges := make([]PortRange, 0, 1+strings.Count(inner, ","))
	var first error
	for part := range strings.SplitSeq(inner, ",") {
		r, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		ranges = append(ranges, r)
	}
	return ranges, first
}

// parseRange reads "first-last". A single number is a range of one port.
func parseRange(s string) (PortRange, error) {
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		b = a
	}
	first, err1 := strconv.ParseUint(a, 10, 16)
	last, err2 := strconv.ParseUint(b, 10, 16)
	if err1 != nil || err2 != nil || first > last {
		return PortRange{}, fmt.Errorf("%.60q is not a range of ports, as in 31000-31005", s)
	}
	return PortRange{uint16(first), uint16(last)}, nil
}

// broadcast reaches all hosts of a network.
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// ParseAddr reads an address of a task or an agent. The prefix length that Mesos
// appends to IPv6 addresses of containers is dropped. Addresses that no client
// can connect to are an error: unspecified ones, multicast and broadcast, and
// those with a zone, which has a meaning on one host only.
func ParseAddr(s string) (netip.Addr, error) {
	host, _, _ := strings.Cut(s, "/")
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("%.60q is not an IP address", s)
	}
	a = a.Unmap()
	if a.IsUnspecified() || a.IsMulticast() || a == broadcast || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%.60q is not an address that clients can connect to", s)
	}
	return a, nil
}
