package records

import (
	"slices"
	"strings"

	"toponym/state"
)

// portMapping is a port mapping that opens a port of the agent, and the network
// that it leads to, if that has a name.
type portMapping struct {
	state.PortMapping
	network string
}

// mappingTable is the port mappings of a task. Most tasks have few, which are
// searched one by one; others have an index.
type mappingTable struct {
	list  []portMapping
	known map[portMapping]struct{} // of a long list
	index map[mappingKey]int       // of a long list: the first mapping with these properties
}

// maxUnindexed is the number of mappings that are searched one by one.
const maxUnindexed = 8

type mappingKey struct {
	ofAgent    bool // port is that of the agent, else of the container
	port       uint16
	protocol   ipProtocol
	network    string
	anyNetwork bool
}

// ipProtocol is a protocol of a port as far as mappings distinguish them.
type ipProtocol uint8

const (
	anyProtocol ipProtocol = iota // a DiscoveryInfo may have other protocols than TCP and UDP: they match every mapping
	tcpProtocol
	udpProtocol
)

func parseProtocol(s string) ipProtocol {
	switch {
	case strings.EqualFold(s, "tcp"):
		return tcpProtocol
	case strings.EqualFold(s, "udp"):
		return udpProtocol
	}
	return anyProtocol
}

// protocol returns that of the mapping: TCP unless it says UDP.
func (m *portMapping) protocol() ipProtocol {
	if strings.EqualFold(m.Protocol, "udp") {
		return udpProtocol
	}
	return tcpProtocol
}

// maxKeptMappings is how many mappings memory is kept for from one task to the next.
const maxKeptMappings = 256

// reset returns an empty table that uses the same memory.
func (t mappingTable) reset() mappingTable {
	if len(t.list) > maxKeptMappings {
		return mappingTable{}
	}
	clear(t.known)
	clear(t.index)
	return mappingTable{t.list[:0], t.known, t.index}
}

// add adds the mappings that open a port of the agent, each once. It returns false
// if there are more than the limit.
func (t *mappingTable) add(mappings []state.PortMapping, network string, limit int) bool {
	mappings, wasCut := cut(mappings, limit)
	for _, m := range mappings {
		if m.HostPort == 0 || m.ContainerPort == 0 {
			continue
		}
		p := portMapping{m, network}
		if t.contains(p) {
			continue
		}
		if limit > 0 && len(t.list) == limit {
			return false
		}
		t.list = append(t.list, p)
		if len(t.list) > maxUnindexed {
			t.known[p] = struct{}{}
		}
	}
	return !wasCut
}

func (t *mappingTable) contains(p portMapping) bool {
	if len(t.list) < maxUnindexed {
		return slices.Contains(t.list, p)
	}
	if len(t.known) == 0 {
		if t.known == nil {
			t.known = map[portMapping]struct{}{}
		}
		for _, m := range t.list {
			t.known[m] = struct{}{}
		}
	}
	_, ok := t.known[p]
	return ok
}

// buildIndex prepares a long list for the look-ups.
func (t *mappingTable) buildIndex() {
	if len(t.list) <= maxUnindexed {
		return
	}
	if t.index == nil {
		t.index = map[mappingKey]int{}
	}
	put := func(k mappingKey, i int) {
		for _, k.protocol = range [...]ipProtocol{anyProtocol, t.list[i].protocol()} {
			if _, ok := t.index[k]; !ok {
				t.index[k] = i
			}
		}
	}
	for i, m := range t.list {
		put(mappingKey{ofAgent: true, port: m.HostPort}, i)
		put(mappingKey{port: m.ContainerPort, anyNetwork: true}, i)
		put(mappingKey{port: m.ContainerPort, network: m.network}, i)
	}
}

// find returns the first mapping with one of the keys, or nil.
func (t *mappingTable) find(keys ...mappingKey) *portMapping {
	first := len(t.list)
	for _, k := range keys {
		if i, ok := t.index[k]; ok {
			first = min(first, i)
		}
	}
	if first == len(t.list) {
		return nil
	}
	return &t.list[first]
}

// byHostPort returns the mapping of a port of the agent, preferably one with the
// same protocol.
func (t *mappingTable) byHostPort(n uint16, protocol string) *portMapping {
	want := parseProtocol(protocol)
	if len(t.list) > maxUnindexed {
		k := mappingKey{ofAgent: true, port: n, protocol: want}
		if m := t.find(k); m != nil {
			return m
		}
		k.protocol = anyProtocol
		return t.find(k)
	}
	var found *portMapping
	for i := range t.list {
		switch m := &t.list[i]; {
		case m.HostPort != n:
		case want == anyProtocol || want == m.protocol():
			return m
		case found == nil:
			found = m
		}
	}
	return found
}

// byContainerPort returns the mapping that leads to a port of the container. The
// same number by another protocol or on another network is another port.
func (t *mappingTable) byContainerPort(n uint16, protocol, network string) *portMapping {
	want := parseProtocol(protocol)
	if len(t.list) > maxUnindexed {
		k := mappingKey{port: n, protocol: want, network: network}
		if network == "" {
			k.anyNetwork = true
			return t.find(k)
		}
		unnamed := k
		unnamed.network = ""
		return t.find(k, unnamed)
	}
	for i := range t.list {
		m := &t.list[i]
		if m.ContainerPort == n && (want == anyProtocol || want == m.protocol()) && (network == "" || m.network == "" || m.network == network) {
			return m
		}
	}
	return nil
}

// portSet answers whether ranges contain a port, for long lists by a bitmap.
type portSet struct {
	bits  *[1 << 16 / 64]uint64
	valid bool
}

// reset returns an empty set that uses the same memory.
func (s portSet) reset() portSet { return portSet{bits: s.bits} }

// contains reports whether n is in ranges, which must be the same in all calls.
func (s *portSet) contains(ranges []state.PortRange, n uint16) bool {
	if len(ranges) <= maxUnindexed {
		return slices.ContainsFunc(ranges, func(r state.PortRange) bool { return r.First <= n && n <= r.Last })
	}
	if !s.valid {
		s.valid = true
		if s.bits == nil {
			s.bits = new([1 << 16 / 64]uint64)
		}
		clear(s.bits[:])
		for _, r := range ranges {
			for p := int(r.First); p <= int(r.Last); p++ {
				s.bits[p/64] |= 1 << (p % 64)
			}
		}
	}
	return s.bits[n/64]&(1<<(n%64)) != 0
}
