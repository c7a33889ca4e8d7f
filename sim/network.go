package sim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// Network is a named container network. Each agent owns a share of each pool
// and gives its containers addresses from there.
type Network struct {
	Name  string
	Pools []Pool
}

// Pool is a range of addresses, cut into shares of 2^ShareBits addresses. Each
// agent has a share of its own, by the order in which the agents were added.
type Pool struct {
	Prefix    netip.Prefix
	ShareBits int // 8 makes 256 addresses
	ShowBits  int // the network length that Mesos shows ("/64"); 0 shows none

	// PerAgent gives each agent the whole range, as a bridge does: the same
	// addresses occur on all of them.
	PerAgent bool
}

// StandardNetworks are the networks of the examples in Marathon's and DC/OS's
// documentation: "calico" with a block of 64 addresses for each of at most
// 1024 agents, the overlays "dcos", "dcos-1" and "dcos6", which has IPv6 as
// well, and the bridges of the two containerizers. Docker's has no name.
func StandardNetworks() []Network {
	pool := func(prefix string, share int) Pool {
		return Pool{Prefix: netip.MustParsePrefix(prefix), ShareBits: share}
	}
	bridge := func(prefix string) Pool {
		p := pool(prefix, 0)
		p.ShareBits, p.PerAgent = p.Prefix.Addr().BitLen()-p.Prefix.Bits(), true
		return p
	}
	ipv6 := pool("fd01:b::/64", 16)
	ipv6.ShowBits = 64
	return []Network{
		{Name: "calico", Pools: []Pool{pool("192.168.0.0/16", 6)}},
		{Name: "dcos", Pools: []Pool{pool("9.128.0.0/9", 8)}},
		{Name: "dcos-1", Pools: []Pool{pool("9.0.0.0/10", 8)}},
		{Name: "dcos6", Pools: []Pool{pool("9.64.0.0/10", 8), ipv6}},
		{Name: "", Pools: []Pool{bridge("172.17.0.0/16")}},
		{Name: "mesos-bridge", Pools: []Pool{bridge("172.31.254.0/24")}},
	}
}

// ExampleNetwork makes up a network: a part of 10.128.0.0/9, a different one for each
// number below 128.
func ExampleNetwork(name string, number int) Network {
	second := byte(128 + number%128)
	prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second}), 16)
	return Network{Name: name, Pools: []Pool{{Prefix: prefix, ShareBits: 8}}}
}

// addressKey identifies an address in use. agent is empty for an address that is unique
// in the cluster.
type addressKey struct {
	agent string
	addr  netip.Addr
}

func (c *Cluster) addressKey(network, agentID string, addr netip.Addr) addressKey {
	for _, p := range c.networks[network].Pools {
		if p.PerAgent && p.Prefix.Contains(addr) {
			return addressKey{agentID, addr}
		}
	}
	return addressKey{addr: addr}
}

type shareKey struct {
	agent string
	pool  netip.Prefix
}

// AddNetwork makes a network known. Tasks on it need no addresses of their own.
func (c *Cluster) AddNetwork(n Network) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.networks[n.Name] = n
}

// assign fills in missing addresses.
func (c *Cluster) assign(networks []NetworkInfo, a *Agent) ([]NetworkInfo, error) {
	out := slices.Clone(networks)
	for i := range out {
		if len(out[i].Addresses) > 0 {
			continue
		}
		n, ok := c.networks[out[i].Name]
		if !ok {
			return nil, fmt.Errorf("no network %q to take an address from", out[i].Name)
		}
		if len(n.Pools) == 0 {
			return nil, fmt.Errorf("network %q has no addresses", n.Name)
		}
		for _, p := range n.Pools {
			addr, err := c.fresh(p, a)
			if err != nil {
				return nil, fmt.Errorf("network %q: %w", n.Name, err)
			}
			bits := p.ShowBits
			if bits == 0 {
				bits = addr.BitLen()
			}
			out[i].Addresses = append(out[i].Addresses, netip.PrefixFrom(addr, bits))
		}
	}
	return out, nil
}

// fresh walks through the agent's share in a circle: an address is used again as late as
// possible, so that a stale response can be told. The first two addresses and the last
// one of a share belong to the network itself.
func (c *Cluster) fresh(p Pool, a *Agent) (netip.Addr, error) {
	size := uint64(1) << p.ShareBits
	if size < 4 {
		return netip.Addr{}, fmt.Errorf("shares of %d addresses are too small", size)
	}
	share := shareKey{a.ID, p.Prefix}
	for range size {
		n := c.shares[share]
		c.shares[share] = (n + 1) % (size - 3)
		base := a.ordinal * size
		var key addressKey
		if p.PerAgent {
			base, key.agent = 0, a.ID
		}
		addr := offset(p.Prefix.Masked().Addr(), base+2+n)
		if !p.Prefix.Contains(addr) {
			return netip.Addr{}, fmt.Errorf("no share of %v left for agent %q", p.Prefix, a.ID)
		}
		if key.addr = addr; c.inUse[key] == 0 {
			return addr, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address left on agent %q", a.ID)
}

// offset returns the address n places after a.
func offset(a netip.Addr, n uint64) netip.Addr {
	if a.Is4() {
		b := a.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(n))
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	low := binary.BigEndian.Uint64(b[8:])
	binary.BigEndian.PutUint64(b[8:], low+n)
	if low+n < low {
		binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])+1)
	}
	return netip.AddrFrom16(b)
}

func hostPrefix(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }
