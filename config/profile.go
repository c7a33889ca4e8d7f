package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Profile is a set of defaults for the place of another program.
type Profile string

// The values of profile.
const (
	ProfileNone Profile = ""
	ProfileDCOS Profile = "dcos" // of dcos-net, once Spartan and Navstar
)

// listeners is the default of listener. The addresses of DC/OS are those of the dummy
// interface spartan.
func (p Profile) listeners() any {
	if p == ProfileDCOS {
		return []any{"198.51.100.1", "198.51.100.2", "198.51.100.3"}
	}
	return []any{"0.0.0.0", "::"}
}

// httpListener is the default of HTTPListener: dcos-net serves the host alone.
func (p Profile) httpListener() any {
	if p == ProfileDCOS {
		return "127.0.0.1"
	}
	return "0.0.0.0"
}

// httpPort is the default of httpport.
func (p Profile) httpPort() any {
	if p == ProfileDCOS {
		return 62080
	}
	return 8123
}

// vipDomains is the default of vipDomains.
func (p Profile) vipDomains() any {
	if p == ProfileDCOS {
		return []any{"l4lb.thisdcos.directory"}
	}
	return []any{}
}

// The zones that the profile dcos adds. thisdcos.directory has no records of its own:
// it keeps queries for names that do not exist from the Internet.
var dcosZones = []string{"spartan", "zk", "thisdcos.directory"}

// zkNames is how many names zk-N.zk there are, however many servers.
const zkNames = 5

// ProfileZones returns the zone file of the zones that the profile adds; empty if there
// are none. Zones that zoneResolvers, or another of our zones, has are left out.
func (c *Config) ProfileZones() string {
	if c.Profile != ProfileDCOS {
		return ""
	}
	var b strings.Builder
	for _, zone := range dcosZones {
		if c.hasZoneResolver(zone) || zone == c.Domain || slices.Contains(c.AddressDomains, zone) || slices.Contains(c.VIPDomains, zone) {
			continue
		}
		fmt.Fprintf(&b, "$ORIGIN %s.\n$TTL 5\n@ SOA %s %s 1 60 600 86400 1\n NS %s\n", zone, c.SOA.MName, c.SOA.RName, c.SOA.MName)
		switch zone {
		case "spartan":
			b.WriteString("ready A 127.0.0.1\n")
		case "zk":
			for i, a := range c.zkAddrs() {
				kind := "A"
				if a.Is6() {
					kind = "AAAA"
				}
				fmt.Fprintf(&b, "zk-%d %s %v\n", i+1, kind, a)
			}
		}
	}
	return b.String()
}

// zkAddrs returns the address of each of the names zk-N.zk: those of the servers of zk,
// again and again. Servers that zk names by a host name have none.
func (c *Config) zkAddrs() []netip.Addr {
	var servers, names []netip.Addr
	for _, s := range c.ZooKeeper.Servers {
		if a, err := netip.ParseAddr(s.Host); err == nil {
			servers = append(servers, a.Unmap().WithZone(""))
		}
	}
	for i := 0; i < zkNames && len(servers) > 0; i++ {
		names = append(names, servers[i%len(servers)])
	}
	return names
}

// checkProfile warns of what the profile cannot do with the other settings.
func (l *loader) checkProfile() {
	c := l.config
	if c.Profile == ProfileDCOS && len(c.zkAddrs()) == 0 && l.valid("zk", "profile") {
		l.warn("profile", "there are no names zk-N.zk: zk has no servers with IP addresses")
	}
}
