package sim

import (
	"fmt"
	"math"
	"net/netip"
	"testing"
)

// checkHeld: no two tasks have a port of the same agent, or an address that is
// not a bridge's; and exactly what tasks have counts as held.
func checkHeld(t *testing.T, c *Cluster) {
	t.Helper()
	ports, addrs := map[string]bool{}, map[string]bool{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.frameworks.values {
		for _, task := range append(append([]*Task(nil), f.tasks.values...), f.unreachable.values...) {
			for port := range task.Resources.Ports.all() {
				key := fmt.Sprint(task.AgentID, " ", port)
				if ports[key] {
					t.Errorf("port %s twice", key)
				}
				ports[key] = true
			}
			for _, n := range task.Networks {
				for _, p := range n.Addresses {
					key := fmt.Sprint(c.addressKey(n.Name, task.AgentID, p.Addr()))
					if addrs[key] {
						t.Errorf("address %s twice", key)
					}
					addrs[key] = true
				}
			}
		}
	}
	held := 0
	for id, n := range c.nodes {
		held += len(n.ports)
		var cpus float64
		for _, p := range n.tasks.keys {
			if task, ok := p.lookup(); ok && !Terminal(task.State) {
				cpus += task.Resources.CPUs
			}
		}
		if math.Abs(cpus-n.held.CPUs) > 1e-6 {
			t.Errorf("agent %s holds %v CPUs, its tasks have %v", id, n.held.CPUs, cpus)
		}
	}
	if held != len(ports) || len(c.inUse) != len(addrs) {
		t.Errorf("%d ports and %d addresses are held, tasks have %d and %d", held, len(c.inUse), len(ports), len(addrs))
	}
}

func TestPortsAreNotGivenTwice(t *testing.T) {
	c := NewCluster(Options{Now: clock()})
	f, err := c.AddFramework(Framework{Name: "marathon"})
	noError(t, err)
	a, err := c.AddAgent(Agent{Addr: testAddr, Resources: Resources{CPUs: 1, Ports: Ports{{31000, 31001}, {65535, 65535}}}})
	noError(t, err)
	take := func(n int, want string) (id string) {
		t.Helper()
		ports, err := c.FreePorts(a, n)
		if got := fmt.Sprint(ports, err != nil); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
		if err == nil {
			id, err = c.StartTask(Task{Name: "web", FrameworkID: f, AgentID: a, Resources: Resources{Ports: PortList(ports...)}})
			noError(t, err)
		}
		return id
	}
	// room reports whether an instance fits that wants half a CPU and n ports.
	room := func(n int) bool {
		agent, err := c.choose(&Instance{Needs: Resources{CPUs: 0.5}, HostPorts: make([]uint16, n)})
		return err == nil && agent.ID == a
	}
	first := take(1, "[31000] false")
	take(2, "[31001 65535] false")
	take(1, "[] true")
	noError(t, c.EndTask(f, first, TaskFinished))
	take(1, "[31000] false")
	if _, err := c.StartTask(Task{Name: "x", FrameworkID: f, AgentID: a, Resources: Resources{Ports: PortList(31001)}}); err == nil {
		t.Error("two tasks have one port")
	}
	if _, err := c.FreePorts("x", 1); err == nil {
		t.Error("an agent that is not there has ports")
	}
	if room(1) {
		t.Error("an instance fits that wants a port")
	}
	last, err := c.StartTask(Task{Name: "big", FrameworkID: f, AgentID: a, Resources: Resources{CPUs: 0.75}})
	noError(t, err)
	if room(0) {
		t.Error("an instance fits that wants half a CPU, and a quarter is left")
	}
	noError(t, c.EndTask(f, last, TaskFinished))
	for _, task := range c.Tasks() {
		if task.Resources.Ports[0].First == 31000 {
			noError(t, c.EndTask(f, task.ID, TaskFinished))
		}
	}
	if !room(1) || room(2) {
		t.Error("one port is free, and half a CPU")
	}
	checkHeld(t, c)
}

// TestAddressesComeFromTheShareOfTheAgent: where the addresses of each network come from.
func TestAddressesComeFromTheShareOfTheAgent(t *testing.T) {
	c := NewCluster(Options{Now: clock()})
	for _, n := range StandardNetworks() {
		c.AddNetwork(n)
	}
	f, err := c.AddFramework(Framework{Name: "marathon"})
	noError(t, err)
	var agents []string
	for i := range 2 {
		a, err := c.AddAgent(Agent{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 5051)})
		noError(t, err)
		agents = append(agents, a)
	}
	for _, tt := range []struct{ network, on0, again, on1 string }{
		{"calico", "192.168.0.2", "192.168.0.3", "192.168.0.66"},
		{"dcos", "9.128.0.2", "9.128.0.3", "9.128.1.2"},
		{"dcos-1", "9.0.0.2", "9.0.0.3", "9.0.1.2"},
		{"dcos6", "9.64.0.2 fd01:b::2/64", "9.64.0.3 fd01:b::3/64", "9.64.1.2 fd01:b::1:2/64"},
		{"", "172.17.0.2", "172.17.0.3", "172.17.0.2"}, // a bridge: the same on each
		{"mesos-bridge", "172.31.254.2", "172.31.254.3", "172.31.254.2"},
	} {
		for i, want := range []string{tt.on0, tt.again, tt.on1} {
			id, err := c.StartTask(Task{Name: "x", FrameworkID: f, AgentID: agents[i/2], Networks: []NetworkInfo{{Name: tt.network}}})
			noError(t, err)
			task, _ := c.Task(f, id)
			got := ""
			for _, p := range task.Networks[0].Addresses {
				got += " " + formatAddress(p)
			}
			if got != " "+want {
				t.Errorf("%q: %s, want %s", tt.network, got, want)
			}
		}
	}
	checkHeld(t, c)
	for _, task := range c.Tasks() {
		noError(t, c.EndTask(f, task.ID, TaskFinished))
	}
	checkHeld(t, c)
	// Who comes in the place of an agent that is gone gets its share.
	noError(t, c.RemoveAgent(agents[0]))
	next, err := c.AddAgent(Agent{Addr: netip.MustParseAddrPort("10.0.0.3:5051")})
	noError(t, err)
	id, err := c.StartTask(Task{Name: "x", FrameworkID: f, AgentID: next, Networks: []NetworkInfo{{Name: "dcos-1"}}})
	noError(t, err)
	if task, _ := c.Task(f, id); task.Networks[0].Addresses[0].Addr().String() != "9.0.0.2" {
		t.Errorf("the share of an agent that is gone is lost: %v", task.Networks)
	}
}

// TestExhaustedShareIsAnError: a full block is an error, not an address twice.
func TestExhaustedShareIsAnError(t *testing.T) {
	c := NewCluster(Options{Now: clock()})
	c.AddNetwork(StandardNetworks()[0])
	f, _ := c.AddFramework(Framework{Name: "marathon"})
	a, _ := c.AddAgent(Agent{Addr: testAddr})
	n := 0
	for range 100 {
		if _, err := c.StartTask(Task{Name: "x", FrameworkID: f, AgentID: a, Networks: []NetworkInfo{{Name: "calico"}}}); err != nil {
			break
		}
		n++
	}
	if n != 61 {
		t.Errorf("a block of 64 gave %d addresses", n)
	}
	checkHeld(t, c)
}
