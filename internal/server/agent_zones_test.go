package server

import (
	"net/netip"
	"slices"
	"testing"

	"toponym/config"
	"toponym/records"
	"toponym/state"
)

func TestZonesOfClientsFollowTheAgents(t *testing.T) {
	c := config.Defaults()
	if z := newAgentZones(c, records.RFC1123); z != nil || z.preference("") != nil {
		t.Errorf("without preferZone: got %v, want nothing", z)
	}
	c.PreferZone = true
	z := newAgentZones(c, records.RFC1123)
	addr := netip.MustParseAddr
	z.host = func() hostNetworks {
		return hostNetworks{
			addrs:   []netip.Addr{addr("127.0.0.1"), addr("10.0.0.2"), addr("172.17.0.1")},
			bridges: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("172.17.0.0/16")},
		}
	}
	agents := []*state.Agent{
		{ID: "a", Addrs: []netip.Addr{addr("10.0.0.1"), addr("fd00::1")}, Zone: "EU_1a"},
		{ID: "b", Addrs: []netip.Addr{addr("10.0.0.2")}, Zone: "eu-1b"},
		{ID: "c", Addrs: []netip.Addr{addr("10.0.0.3")}},
	}
	z.set(slices.Values(agents))
	for client, want := range map[string]string{"10.0.0.1": "eu-1a", "fd00::1": "eu-1a", "10.0.0.2": "eu-1b", "10.0.0.3": "", "10.0.0.9": "", "127.0.0.1": "eu-1b", "::1": "eu-1b",
		"172.17.0.5": "eu-1b", "172.18.0.5": ""} {
		if got := z.zoneOf(addr(client)); got != want {
			t.Errorf("client %s: got zone %q, want %q", client, got, want)
		}
	}
	if !z.contains("eu-1a", addr("10.0.0.1")) || z.contains("eu-1a", addr("10.0.0.2")) {
		t.Error("got other agents in eu-1a, want 10.0.0.1 only")
	}
	z.set(slices.Values(agents[:1]))
	if got := z.zoneOf(addr("127.0.0.1")); got != "" {
		t.Errorf("without an agent on this host: got zone %q, want none", got)
	}
}
