package records

import (
	"math/rand/v2"
	"testing"

	"toponym/state"
)

// Long lists of mappings have an index. It finds what searching one by one finds.
func TestTheIndexOfMappingsFindsWhatASearchFinds(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for range 200 {
		var table mappingTable
		for range 1 + rng.IntN(40) {
			m := state.PortMapping{
				HostPort: uint16(rng.IntN(6)), ContainerPort: uint16(rng.IntN(6)), Protocol: []string{"", "tcp", "UDP"}[rng.IntN(3)],
			}
			table.add([]state.PortMapping{m}, []string{"", "a", "b"}[rng.IntN(3)], 0)
		}
		table.buildIndex()
		for range 100 {
			n, protocol, network := uint16(rng.IntN(6)), []string{"", "tcp", "udp", "sctp"}[rng.IntN(4)], []string{"", "a", "b", "c"}[rng.IntN(4)]
			if got, want := table.byHostPort(n, protocol), searchHostPort(table.list, n, protocol); got != want {
				t.Fatalf("byHostPort(%d, %q) of %v = %v, want %v", n, protocol, table.list, got, want)
			}
			if got, want := table.byContainerPort(n, protocol, network), searchContainerPort(table.list, n, protocol, network); got != want {
				t.Fatalf("byContainerPort(%d, %q, %q) of %v = %v, want %v", n, protocol, network, table.list, got, want)
			}
		}
	}
}

func matches(m *portMapping, protocol string) bool {
	switch protocol {
	case "tcp":
		return m.Protocol != "UDP"
	case "udp":
		return m.Protocol == "UDP"
	}
	return true
}

func searchHostPort(list []portMapping, n uint16, protocol string) (found *portMapping) {
	for i := range list {
		switch m := &list[i]; {
		case m.HostPort != n:
		case matches(m, protocol):
			return m
		case found == nil:
			found = m
		}
	}
	return found
}

func searchContainerPort(list []portMapping, n uint16, protocol, network string) *portMapping {
	for i := range list {
		m := &list[i]
		if m.ContainerPort == n && matches(m, protocol) && (network == "" || m.network == "" || m.network == network) {
			return m
		}
	}
	return nil
}

// Each mapping is listed once, with an index or without.
func TestMappingsAreListedOnce(t *testing.T) {
	var table mappingTable
	for range 3 {
		for i := range 20 {
			table.add([]state.PortMapping{{HostPort: uint16(i + 1), ContainerPort: 80}}, "", 0)
		}
	}
	if got := len(table.list); got != 20 {
		t.Errorf("got %d mappings, want 20", got)
	}
	table = table.reset()
	if !table.add([]state.PortMapping{{HostPort: 1, ContainerPort: 80}}, "", 0) || len(table.list) != 1 {
		t.Errorf("got %v after a reset, want one mapping", table.list)
	}
}

// The bitmap of many ranges of ports contains what the ranges contain.
func TestASetOfPortsContainsItsRanges(t *testing.T) {
	var ranges []state.PortRange
	for i := range 20 {
		ranges = append(ranges, state.PortRange{First: uint16(100 * i), Last: uint16(100*i + i)})
	}
	ranges = append(ranges, state.PortRange{First: 65_535, Last: 65_535})
	var set portSet
	for n := range 1 << 16 {
		want := n == 65_535 || n < 2000 && n%100 <= n/100
		if got := set.contains(ranges, uint16(n)); got != want {
			t.Fatalf("contains(%d) = %v, want %v", n, got, want)
		}
	}
}
