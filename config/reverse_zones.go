package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxReverseZones bounds the zones that reverseZones makes.
const maxReverseZones = 256

// defaultReverseZones returns the private networks (RFC 1918, RFC 4193), unless
// zoneResolvers has servers for their reverse names.
func (c *Config) defaultReverseZones() any {
	var list []any
	for _, text := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
		if c.reverseZoneResolver(netip.MustParsePrefix(text)) == "" {
			list = append(list, text)
		}
	}
	return list
}

// reverseZoneResolver returns a key of zoneResolvers that has reverse names of a
// network, "" for none.
func (c *Config) reverseZoneResolver(p netip.Prefix) string {
	for key := range c.ZoneResolvers {
		for _, zone := range reverseZoneNames(p) {
			if within(zone, key) || within(key, zone) {
				return key
			}
		}
	}
	return ""
}

// ReverseZoneNames returns the names of the zones for the networks of reverseZones,
// such as 10.in-addr.arpa.
func (c *Config) ReverseZoneNames() (names []string) {
	for _, p := range c.ReverseZones {
		names = append(names, reverseZoneNames(p)...)
	}
	return names
}

// reverseNetwork parses a network of reverseZones.
func reverseNetwork(raw any, at position) (netip.Prefix, bool) {
	p, ok := network(raw, at)
	if ok && p.Bits() == 0 {
		return p, at.reject(raw, "is every address", `something like "10.0.0.0/8"`)
	}
	return p, ok
}

// reverseZoneNames returns the zones that together have the reverse names of a
// network (RFC 1035, section 3.5; RFC 3596, section 2.5): one, where it ends
// between two labels, else several that are smaller.
func reverseZoneNames(p netip.Prefix) (names []string) {
	per, domain := 8, "in-addr.arpa" // bits for each label
	if p.Addr().Is6() {
		per, domain = 4, "ip6.arpa"
	}
	labels := (p.Bits() + per - 1) / per
	for i := range 1 << (labels*per - p.Bits()) {
		b := p.Masked().Addr().AsSlice()
		// The network ends within the last label, so i only sets bits of that.
		last := labels - 1
		b[last*per/8] |= byte(i << (8 - per - last*per%8))
		name := domain
		for l := range labels {
			if per == 8 {
				name = fmt.Sprintf("%d.%s", b[l], name)
			} else {
				name = fmt.Sprintf("%x.%s", b[l/2]>>(4*(1-l%2))&15, name)
			}
		}
		names = append(names, name)
	}
	return names
}

// checkReverseZones rejects networks whose reverse names are forwarded, and too
// many zones.
func (l *loader) checkReverseZones() {
	at := position{key: "reverseZones", errs: &l.errs}
	for i, p := range l.config.ReverseZones {
		if key := l.config.reverseZoneResolver(p); key != "" && l.valid("zoneResolvers") {
			at.item(i).reject(p.String(), fmt.Sprintf("has reverse names in %s, which zoneResolvers sends elsewhere", key), "another network")
		}
	}
	if names := l.config.ReverseZoneNames(); len(names) > maxReverseZones {
		at.reject(nil, fmt.Sprintf("makes %d zones, of which the first are %s", len(names), strings.Join(names[:3], ", ")),
			fmt.Sprintf("networks that end between two labels of a reverse name, for at most %d zones", maxReverseZones))
	}
}
