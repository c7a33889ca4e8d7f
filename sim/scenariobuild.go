package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// marathonCapabilities are those of a Marathon of the 1.5 line.
var marathonCapabilities = []string{"MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE"}

// build fills a cluster, and gives the apps that live in it.
func (s *Scenario) build(c *Cluster) ([]*App, error) {
	for _, n := range StandardNetworks() {
		c.AddNetwork(n)
	}
	for _, n := range s.Networks {
		c.AddNetwork(n.network())
	}
	var apps []*App
	agents := cmp.Or(s.Agents, max(1, s.Tasks/20))
	if s.Tasks > 0 {
		var err error
		if apps, err = Populate(c, Spec{Tasks: s.Tasks, Agents: agents, Seed: s.Seed}); err != nil {
			return nil, err
		}
	} else if _, err := c.populateAgents(agents); err != nil {
		return nil, err
	}
	ids := make(map[string]string)
	for _, f := range c.Frameworks() {
		ids[f.Name] = f.ID
	}
	for _, f := range s.frameworks() {
		if _, ok := ids[f.Name]; ok {
			continue
		}
		id, err := c.AddFramework(Framework{
			Name: f.Name, PID: f.PID, Hostname: f.Hostname, Roles: []string{"*"}, Principal: f.Name,
			Capabilities: slices.Clone(marathonCapabilities), Checkpoint: true, FailoverTimeout: 7 * 24 * time.Hour,
		})
		if err != nil {
			return nil, err
		}
		ids[f.Name] = id
	}
	for _, a := range s.Apps {
		app := a.app(ids[cmp.Or(a.Framework, "marathon")])
		apps = append(apps, app)
		for range max(a.Instances, 1) {
			agent, err := c.emptiest("")
			if err == nil {
				_, err = c.LaunchApp(app, agent, true)
			}
			if err != nil {
				return nil, fmt.Errorf("app %q: %w", a.Name, err)
			}
		}
	}
	return apps, nil
}

// frameworks are those that are described, and those that only apps name.
func (s *Scenario) frameworks() []ScenarioFramework {
	out := slices.Clone(s.Frameworks)
	for _, a := range s.Apps {
		name := cmp.Or(a.Framework, "marathon")
		if !slices.ContainsFunc(out, func(f ScenarioFramework) bool { return f.Name == name }) {
			out = append(out, ScenarioFramework{Name: name})
		}
	}
	return out
}

func (n ScenarioNetwork) network() Network {
	out := Network{Name: n.Name}
	for _, p := range n.Pools {
		pool := Pool{Prefix: p.Prefix, ShareBits: p.Prefix.Addr().BitLen() - p.Share, PerAgent: p.PerAgent}
		if p.PerAgent {
			pool.ShareBits = p.Prefix.Addr().BitLen() - p.Prefix.Bits()
		}
		if p.Prefix.Addr().Is6() {
			pool.ShowBits = p.Prefix.Bits() // Mesos shows it for IPv6
		}
		out.Pools = append(out.Pools, pool)
	}
	return out
}

// app makes what Marathon would make of it.
func (a ScenarioApp) app(framework string) *App {
	t := Task{
		Name: a.Name, FrameworkID: framework, Resources: Resources{CPUs: 0.1, Mem: 64},
		Discovery: &Discovery{Name: a.Name},
	}
	for _, k := range slices.Sorted(maps.Keys(a.Labels)) {
		t.Labels = append(t.Labels, Label{Key: k, Value: a.Labels[k]})
	}
	network := cmp.Or(a.Network, "host")
	named := network != "host" && network != "bridge"
	var mappings []PortMapping
	for i, p := range a.Ports {
		d := DiscoveryPort{Number: HostPort(i), Name: p.Name, Protocol: cmp.Or(p.Protocol, "tcp")}
		switch {
		case named:
			d.Number, d.Labels = p.Port, scope("container", network)
		case network == "bridge":
			d.Labels = scope("host", "")
			mappings = append(mappings, PortMapping{HostPort(i), p.Port, d.Protocol})
		}
		t.Discovery.Ports = append(t.Discovery.Ports, d)
	}
	info := NetworkInfo{Name: network}
	if network == "bridge" {
		info.Name = "mesos-bridge"
	}
	if network != "host" {
		t.Networks = []NetworkInfo{info}
	}
	t.Container = &Container{Type: "MESOS"}
	switch {
	case a.Docker && network == "bridge":
		t.Networks = []NetworkInfo{{}}
		t.Container = &Container{Type: "DOCKER", Docker: &Docker{Image: "example/" + a.Name, Network: "BRIDGE", PortMappings: mappings}}
	case a.Docker && named:
		t.Container = &Container{Type: "DOCKER", Docker: &Docker{Image: "example/" + a.Name, Network: "USER"}, Networks: []NetworkInfo{info}}
	case a.Docker:
		t.Container = &Container{Type: "DOCKER", Docker: &Docker{Image: "example/" + a.Name, Network: "HOST"}}
	case network != "host":
		info.PortMappings = mappings
		t.Container.Networks, t.Networks[0].PortMappings = []NetworkInfo{info}, mappings
	}
	app := &App{Task: t}
	if !named {
		app.HostPorts = len(a.Ports)
	}
	return app
}

// emptiest is the agent with the fewest tasks, other than the one given.
func (c *Cluster) emptiest(but string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	best, fewest := "", 0
	for _, a := range c.agents.values {
		n := len(c.nodes[a.ID].tasks.keys)
		if a.ID != but && a.State == AgentRegistered && !a.Deactivated && (best == "" || n < fewest) {
			best, fewest = a.ID, n
		}
	}
	if best == "" {
		return "", fmt.Errorf("sim: no agent is there to run a task")
	}
	return best, nil
}
