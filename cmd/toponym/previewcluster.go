package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"toponym/sim"
	"toponym/sim/marathon"
	"toponym/state"
	"toponym/state/master"
)

// The tasks of a preview are started on a simulated master, whose state is
// then read like that of any other: so a preview knows all that the server
// knows, and nothing else.

// exampleNetwork is where the containers of a network have their addresses.
type exampleNetwork struct {
	prefixes []netip.Prefix
	share    int  // of an agent: 2^share addresses
	bridge   bool // each agent has all of them
}

// exampleNetworks are the networks of the examples in the documentation of
// Marathon, DC/OS and Calico, and the bridges of the two containerizers.
var exampleNetworks = map[string]exampleNetwork{
	"calico":       {prefixes("192.168.0.0/16"), 6, false},
	"dcos":         {prefixes("9.128.0.0/9"), 8, false},
	"dcos-1":       {prefixes("9.0.0.0/10"), 8, false},
	"dcos6":        {prefixes("9.64.0.0/10", "fd01:b::/64"), 8, false},
	"":             {prefixes("172.17.0.0/16"), 0, true},
	"mesos-bridge": {prefixes("172.31.254.0/24"), 0, true},
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// networkFlag is the flag -network.
type networkFlag map[string]exampleNetwork

func (f *networkFlag) String() string { return "" }

func (f *networkFlag) Set(s string) error {
	name, list, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not NAME=PREFIX", s)
	}
	n := exampleNetwork{share: 8}
	for part := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return err
		}
		if p.Addr().BitLen()-p.Bits() < n.share {
			return fmt.Errorf("%v is too small: it takes %d bits", p, n.share)
		}
		n.prefixes = append(n.prefixes, p.Masked())
	}
	if *f == nil {
		*f = networkFlag{}
	}
	(*f)[name] = n
	return nil
}

// addresses are those of the first container that an agent has on a network,
// as Mesos shows them: IPv6 ones with the length of their network. Networks
// that nobody knows are taken from 10.128.0.0/9, one after the other.
func (p *previewer) addresses(network string, agent int) []netip.Prefix {
	n, ok := p.flags.networks[network]
	if !ok {
		n, ok = exampleNetworks[network]
	}
	if !ok {
		if _, known := p.unknown[network]; !known {
			p.unknown[network] = len(p.unknown)
		}
		second := byte(128 + p.unknown[network]%128)
		n = exampleNetwork{[]netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second}), 16)}, 8, false}
	}
	var out []netip.Prefix
	for _, prefix := range n.prefixes {
		at := uint64(2)
		if !n.bridge {
			at += uint64(agent) << n.share
		}
		a := offset(prefix.Addr(), at)
		bits := a.BitLen()
		if a.Is6() {
			bits = prefix.Bits()
		}
		out = append(out, netip.PrefixFrom(a, bits))
	}
	return out
}

// offset gives the address n places after a.
func offset(a netip.Addr, n uint64) netip.Addr {
	b := a.AsSlice()
	for i := len(b) - 1; i >= 0 && n > 0; i-- {
		n += uint64(b[i])
		b[i] = byte(n)
		n >>= 8
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}

// previewMaster is where the simulated master would be.
var previewMaster = netip.MustParseAddrPort("10.0.0.254:5050")

// start runs instances of an app on a cluster of their own, each on another
// agent, and gives what its master says.
func (p *previewer) start(a *marathon.App, ids []string) (*state.Snapshot, []sim.Task, error) {
	c := sim.NewCluster(sim.Options{Name: "preview", Now: func() time.Time { return time.Unix(1767225600, 0) }})
	framework, err := c.AddFramework(sim.Framework{ID: "preview-0000", Name: p.flags.framework, Hostname: "10.0.0.253"})
	if err != nil {
		return nil, nil, err
	}
	var tasks []sim.Task
	for i, id := range ids {
		addr := offset(netip.MustParseAddr("10.0.0.0"), uint64(i)+1)
		agent, err := c.AddAgent(sim.Agent{
			ID: fmt.Sprintf("preview-S%d", i), Addr: netip.AddrPortFrom(addr, 5051),
			Resources: sim.Resources{CPUs: 1 << 20, Mem: 1 << 30, Disk: 1 << 30, GPUs: 1 << 20, Ports: sim.Ports{{First: 1, Last: 65535}}},
		})
		if err != nil {
			return nil, nil, err
		}
		ports := a.Needs().HostPorts
		for n, next := 0, uint16(31000); n < len(ports); n++ {
			if ports[n] == 0 {
				ports[n] = next
				next++
			}
		}
		mt, err := a.Task(id, ports)
		if err != nil {
			return nil, nil, err
		}
		t := sim.FromMarathon(mt)
		t.FrameworkID, t.AgentID = framework, agent
		for n := range t.Networks {
			t.Networks[n].Addresses = p.addresses(t.Networks[n].Name, i)
		}
		if _, err := c.StartTask(t); err != nil {
			return nil, nil, err
		}
		tasks = append(tasks, t)
	}
	s, err := stateOf(c)
	return s, tasks, err
}

// stateOf asks a simulated master for its state and reads it.
func stateOf(c *sim.Cluster) (*state.Snapshot, error) {
	var answer memory
	sim.NewMaster(c, sim.MasterOptions{Addr: previewMaster}).ServeHTTP(&answer, &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/master/state"}, Header: http.Header{}, Host: previewMaster.String(),
	})
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("the simulated master answered with status %d", answer.status)
	}
	return master.Decode(&answer.body)
}

// memory is an http.ResponseWriter that keeps what is written.
type memory struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header {
	if m.header == nil {
		m.header = http.Header{}
	}
	return m.header
}

func (m *memory) WriteHeader(status int) {
	if m.status == 0 {
		m.status = status
	}
}

func (m *memory) Write(b []byte) (int, error) {
	m.WriteHeader(http.StatusOK)
	return m.body.Write(b)
}
