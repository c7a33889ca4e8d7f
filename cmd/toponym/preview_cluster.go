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
	"toponym/state"
	"toponym/state/master"
)

// networkFlag is the flag -network.
type networkFlag map[string]sim.Network

func (f *networkFlag) String() string { return "" }

func (f *networkFlag) Type() string { return "stringSlice" }

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
		// Each agent has a share of 256 addresses, or of fewer in a small
		// network, so that there are enough for many agents.
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

// addNetworks adds the networks of an app to a cluster, with the prefixes of the
// flags, or those of the documentation of Marathon, DC/OS and Calico, or any.
func (p *previewer) addNetworks(c *sim.Cluster, a workload) {
	known := map[string]bool{}
	add := func(n sim.Network) { known[n.Name] = true; c.AddNetwork(n) }
	for _, n := range sim.StandardNetworks() {
		add(n)
	}
	for _, n := range p.flags.networks {
		add(n)
	}
	for _, name := range a.networks {
		if known[name] {
			continue
		}
		if _, ok := p.unknown[name]; !ok {
			p.unknown[name] = len(p.unknown)
		}
		add(sim.ExampleNetwork(name, p.unknown[name]))
	}
}

// previewMaster is the address of the simulated master. Nothing listens there.
var previewMaster = netip.MustParseAddrPort("10.0.0.254:5050")

// agentAddr returns the address of the agent of an instance.
func agentAddr(instance int) netip.Addr {
	n := instance + 1
	return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
}

// previewTask is a started task with its networks in the order of the definition.
type previewTask struct {
	sim.Task
	agent netip.Addr
	ports []uint16 // of the agent
}

// hostPortsOf returns the host ports in the DiscoveryInfo of a task: those of an app,
// or of its own container of a pod.
func hostPortsOf(t sim.Task, all []uint16) []uint16 {
	if t.ExecutorID == "" {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(p uint16) bool {
		return !slices.ContainsFunc(t.Discovery.Ports, func(d sim.DiscoveryPort) bool { return d.Number == p })
	})
}

// start runs instances of an app on a simulated cluster, each on another agent, and
// reads the state of its master as the server does, so that a preview has the records
// that the server would have.
func (p *previewer) start(a workload, ids []string) (*state.FullState, []previewTask, error) {
	c := sim.NewCluster(sim.Options{Name: "preview", Now: func() time.Time { return time.Unix(1767225600, 0) }})
	p.addNetworks(c, a)
	framework, err := c.AddFramework(p.flags.frameworkOf(a))
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
		ports := examplePorts(a.hostPorts)
		list, err := a.tasks(id, ports)
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

// examplePorts returns ports with a number for each port that is 0.
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

// inOrder sorts networks as in the definition: Mesos does not keep the order.
func inOrder(list, asked []sim.NetworkInfo) []sim.NetworkInfo {
	at := func(n sim.NetworkInfo) int {
		return slices.IndexFunc(asked, func(a sim.NetworkInfo) bool { return a.Name == n.Name })
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b sim.NetworkInfo) int { return at(a) - at(b) })
}

// stateOf reads the state of a simulated master.
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

// memory is an http.ResponseWriter that keeps the body.
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
