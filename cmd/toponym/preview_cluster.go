package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
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

// networkFlag is the flag -network.
type networkFlag map[string]sim.Network

func (f *networkFlag) String() string { return "" }

func (f *networkFlag) Set(s string) error {
	name, list, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not NAME=PREFIX", s)
	}
	n := sim.Network{Name: name}
	for part := range strings.SplitSeq(list, ",") {
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return err
		}
		size := p.Addr().BitLen() - p.Bits()
		if size < 8 {
			return fmt.Errorf("%v is too small: it takes 8 bits", p)
		}
		// Each agent has a share: of 256 addresses, or of fewer where there
		// would not be enough for many agents.
		pool := sim.Pool{Prefix: p.Masked(), ShareBits: min(max(size-8, 2), 8)}
		if p.Addr().Is6() {
			pool.ShowBits = p.Bits() // Mesos shows it for IPv6
		}
		n.Pools = append(n.Pools, pool)
	}
	if *f == nil {
		*f = networkFlag{}
	}
	(*f)[name] = n
	return nil
}

// addNetworks makes known where an app's containers have their addresses: by
// the flags, as in the examples of the documentation of Marathon, DC/OS and
// Calico, or anywhere.
func (p *previewer) addNetworks(c *sim.Cluster, a *marathon.App) {
	known := map[string]bool{}
	add := func(n sim.Network) { known[n.Name] = true; c.AddNetwork(n) }
	for _, n := range sim.StandardNetworks() {
		add(n)
	}
	for _, n := range p.flags.networks {
		add(n)
	}
	for _, n := range a.Networks {
		if known[n.Name] || n.Mode != marathon.ModeContainer {
			continue
		}
		if _, ok := p.unknown[n.Name]; !ok {
			p.unknown[n.Name] = len(p.unknown)
		}
		add(sim.ExampleNetwork(n.Name, p.unknown[n.Name]))
	}
}

// previewMaster is where the simulated master would be.
var previewMaster = netip.MustParseAddrPort("10.0.0.254:5050")

// agentAddr is the address of the agent that an instance is shown on.
func agentAddr(instance int) netip.Addr {
	n := instance + 1
	return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
}

// previewTask is a task that was started, with the networks as they were
// asked for.
type previewTask struct {
	sim.Task
	agent netip.Addr
	ports []uint16 // of the agent
}

// hostPortsOf are those of its instance's host ports that a task tells of: all
// of an app, and of a pod those of its own container.
func hostPortsOf(t sim.Task, all []uint16) []uint16 {
	if t.ExecutorID == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p uint16) bool {
		return !slices.ContainsFunc(t.Discovery.Ports, func(d sim.DiscoveryPort) bool { return d.Number == p })
	})
}

// start runs instances of an app on a cluster of their own, each on another
// agent, and gives what its master says.
func (p *previewer) start(a *marathon.App, ids []string) (*state.FullState, []previewTask, error) {
	c := sim.NewCluster(sim.Options{Name: "preview", Now: func() time.Time { return time.Unix(1767225600, 0) }})
	p.addNetworks(c, a)
	framework, err := c.AddFramework(sim.Framework{ID: "preview-0000", Name: p.flags.framework, Hostname: "10.0.0.253"})
	if err != nil {
		return nil, nil, err
	}
	var tasks []previewTask
	for i, id := range ids {
		addr := agentAddr(i)
		agent, err := c.AddAgent(sim.Agent{
			ID: fmt.Sprintf("preview-S%d", i), Addr: netip.AddrPortFrom(addr, 5051),
			Resources: sim.Resources{CPUs: 1 << 20, Mem: 1 << 30, Disk: 1 << 30, GPUs: 1 << 20, Ports: sim.Ports{{First: 1, Last: 65535}}},
		})
		if err != nil {
			return nil, nil, err
		}
		ports := examplePorts(a.HostPorts())
		list, err := a.Tasks(id, ports)
		if err != nil {
			return nil, nil, err
		}
		var networks []sim.NetworkInfo // of the first task: those of a pod share them
		for n, t := range list {
			t.FrameworkID, t.AgentID = framework, agent
			if n > 0 {
				t.Networks = networks
			}
			id, err := c.StartTask(t)
			if err != nil {
				return nil, nil, err
			}
			if started, ok := c.Task(framework, id); ok && n == 0 {
				networks = inOrder(started.Networks, t.Networks)
			}
			t.Networks = networks
			tasks = append(tasks, previewTask{t, addr, hostPortsOf(t, ports)})
		}
	}
	s, err := stateOf(c)
	return s, tasks, err
}

// examplePorts gives a number to each port that may have any.
func examplePorts(wanted []uint16) []uint16 {
	out, next := slices.Clone(wanted), uint16(31000)
	for i := range out {
		for ; out[i] == 0; next++ {
			if !slices.Contains(out, next) {
				out[i] = next
			}
		}
	}
	return out
}

// inOrder sorts networks as they were asked for: Mesos does not keep that.
func inOrder(list, asked []sim.NetworkInfo) []sim.NetworkInfo {
	at := func(n sim.NetworkInfo) int {
		return slices.IndexFunc(asked, func(a sim.NetworkInfo) bool { return a.Name == n.Name })
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b sim.NetworkInfo) int { return at(a) - at(b) })
}

// stateOf asks a simulated master for its state and reads it.
func stateOf(c *sim.Cluster) (*state.FullState, error) {
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
