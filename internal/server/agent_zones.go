package server

import (
	"iter"
	"net/netip"
	"sync/atomic"

	"toponym/config"
	"toponym/records"
	"toponym/resolver"
	"toponym/state"
)

// agentZones knows the zones of the agents by their addresses, for preferZone. A
// client is in the zone of the agent whose address it has: it runs there on the
// network of the agent, or on a bridge behind it.
type agentZones struct {
	rule records.LabelRule
	own  []netip.Addr // of this host: its zone is that of clients on a loopback address

	current atomic.Pointer[zonesByAddr]
}

type zonesByAddr struct {
	labels map[netip.Addr]string
	home   string // zone of this host; empty if no agent runs here
}

// newAgentZones returns nil where the settings do not prefer zones.
func newAgentZones(c *config.Config, rule records.LabelRule) (*agentZones, error) {
	if !c.PreferZone {
		return nil, nil
	}
	own, err := serverAddrs([]config.Listen{{Addr: netip.IPv4Unspecified()}})
	z := &agentZones{rule: rule, own: own}
	z.current.Store(&zonesByAddr{})
	return z, err
}

// set replaces the agents. It costs in proportion to all agents, of which few change
// in a minute.
func (z *agentZones) set(agents iter.Seq[*state.Agent]) {
	next := &zonesByAddr{labels: map[netip.Addr]string{}}
	for a := range agents {
		label := z.rule.Subset(a.Zone)
		if label == "" {
			continue
		}
		for _, addr := range a.Addrs {
			next.labels[addr] = label
		}
	}
	for _, addr := range z.own {
		if label := next.labels[addr]; label != "" {
			next.home = label
		}
	}
	z.current.Store(next)
}

// zoneOf returns the label of a client's zone; empty if that is not known.
func (z *agentZones) zoneOf(client netip.Addr) string {
	c := z.current.Load()
	if client.IsLoopback() {
		return c.home
	}
	return c.labels[client]
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
