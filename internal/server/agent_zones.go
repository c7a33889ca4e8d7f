package server

import (
	"iter"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"toponym/config"
	"toponym/records"
	"toponym/resolver"
	"toponym/state"
)

// agentZones knows the zones of the agents by their addresses, for preferZone. A
// client is in the zone of the agent whose address it has: it runs there on the
// network of the agent, or on a bridge behind it. Clients on a loopback address and on
// a bridge of this host, which keep their addresses, are in the zone of its agent.
type agentZones struct {
	rule records.LabelRule
	host func() hostNetworks

	current atomic.Pointer[zonesByAddr]
}

type zonesByAddr struct {
	labels  map[netip.Addr]string
	home    string         // zone of this host; empty if no agent runs here
	bridges []netip.Prefix // whose clients are on this host
}

// hostNetworks are the addresses of this host and the networks of its bridges.
type hostNetworks struct {
	addrs   []netip.Addr
	bridges []netip.Prefix
}

// newAgentZones returns nil where the settings do not prefer zones.
func newAgentZones(c *config.Config, rule records.LabelRule) *agentZones {
	if !c.PreferZone {
		return nil
	}
	z := &agentZones{rule: rule, host: readHostNetworks}
	z.current.Store(&zonesByAddr{})
	return z
}

// readHostNetworks reads them from the kernel. What cannot be read is not known: the
// order of an answer is not worth an error. A host has an interface for each of many
// containers, and asking for the addresses of one costs as much as for all: only
// bridges are asked.
func readHostNetworks() (h hostNetworks) {
	local, _ := net.InterfaceAddrs()
	forEachAddr(local, func(a netip.Addr) { h.addrs = append(h.addrs, a) })
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if !isBridge(i.Name) {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if n, err := netip.ParsePrefix(a.String()); err == nil {
				h.bridges = append(h.bridges, n.Masked())
			}
		}
	}
	return h
}

// isBridge reports whether an interface is a bridge of Linux such as docker0.
func isBridge(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", name, "bridge"))
	return err == nil
}

// set replaces the agents. It costs in proportion to all agents, of which few change
// in a minute.
func (z *agentZones) set(agents iter.Seq[*state.Agent]) {
	host := z.host()
	next := &zonesByAddr{labels: map[netip.Addr]string{}, bridges: host.bridges}
	for a := range agents {
		label := z.rule.Subset(a.Zone)
		if label == "" {
			continue
		}
		for _, addr := range a.Addrs {
			next.labels[addr] = label
		}
	}
	for _, addr := range host.addrs {
		if label := next.labels[addr]; label != "" {
			next.home = label
			// A bridge to which the agent's network is attached leads to other hosts too.
			next.bridges = slices.DeleteFunc(next.bridges, func(n netip.Prefix) bool { return n.Contains(addr) })
		}
	}
	z.current.Store(next)
}

// zoneOf returns the label of a client's zone; empty if that is not known.
func (z *agentZones) zoneOf(client netip.Addr) string {
	c := z.current.Load()
	if label := c.labels[client]; label != "" {
		return label
	}
	if client.IsLoopback() || slices.ContainsFunc(c.bridges, func(n netip.Prefix) bool { return n.Contains(client) }) {
		return c.home
	}
	return ""
}

func (z *agentZones) contains(label string, a netip.Addr) bool {
	return z.current.Load().labels[a] == label
}

// preference returns the option of the resolver; nil if z is nil.
func (z *agentZones) preference(domain records.Name) *resolver.ZonePreference {
	if z == nil {
		return nil
	}
	return &resolver.ZonePreference{Domain: string(domain), ZoneOf: z.zoneOf, Contains: z.contains}
}
