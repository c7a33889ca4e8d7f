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
	if z, err := newAgentZones(c, records.RFC1123); z != nil || err != nil || z.preference("") != nil {
		t.Errorf("without preferZone: got %v, error %v, want nothing", z, err)
	}
	c.PreferZone = true
	z, err := newAgentZones(c, records.RFC1123)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr
	z.own = []netip.Addr{addr("10.0.0.2")}
	agents := []*state.Agent{
		{ID: "a", Addrs: []netip.Addr{addr("10.0.0.1"), addr("fd00::1")}, Zone: "EU_1a"},
		{ID: "b", Addrs: []netip.Addr{addr("10.0.0.2")}, Zone: "eu-1b"},
		{ID: "c", Addrs: []netip.Addr{addr("10.0.0.3")}},
	}
	z.set(slices.Values(agents))
	for client, want := range map[string]string{"10.0.0.1": "eu-1a", "fd00::1": "eu-1a", "10.0.0.2": "eu-1b", "10.0.0.3": "", "10.0.0.9": "", "127.0.0.1": "eu-1b", "::1": "eu-1b"} {
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
