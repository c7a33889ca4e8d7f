//go:build e2e

package e2e_test

import (
	"crypto/sha1"
	"encoding/base32"
	"fmt"
	"net/netip"
	"testing"

	"toponym/sim"
)

// cluster is a simulated cluster of a Marathon and three agents, 10.0.1.1 to
// 10.0.1.3. Its ids are fixed, so that the tests know all names.
type cluster struct {
	*sim.Cluster
	agents   []string
	marathon string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{Cluster: sim.NewCluster(sim.Options{Seed: 1, Name: "e2e"})}
	for i := range 3 {
		id, err := c.AddAgent(sim.Agent{
			ID:   fmt.Sprintf("7c4c0c0e-4e4f-4b1c-9a39-2c9b9a6b9a01-S%d", i),
			Addr: netip.MustParseAddrPort(fmt.Sprintf("10.0.1.%d:5051", i+1)),
		})
		if err != nil {
			t.Fatal(err)
		}
		c.agents = append(c.agents, id)
	}
	var err error
	c.marathon, err = c.AddFramework(sim.Framework{Name: "marathon", PID: "scheduler-1@10.0.9.1:15101", Hostname: "10.0.9.1"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start starts an instance of an app. Its number is part of its id and decides on
// which agent it runs.
func (c *cluster) start(t *testing.T, number int, task sim.Task) {
	t.Helper()
	task.ID = fmt.Sprintf("%s.%d", task.Name, number)
	task.FrameworkID = c.marathon
	task.AgentID = c.agents[number%len(c.agents)]
	if _, err := c.StartTask(task); err != nil {
		t.Fatal(err)
	}
}

// end kills an instance.
func (c *cluster) end(t *testing.T, name string, number int) {
	t.Helper()
	if err := c.EndTask(c.marathon, fmt.Sprintf("%s.%d", name, number), sim.TaskKilled); err != nil {
		t.Fatal(err)
	}
}

// app starts instances with a port called http on a container network. Their
// addresses count up from first.
func (c *cluster) app(t *testing.T, name string, instances int, first string, port uint16) {
	t.Helper()
	for i, a := range addressesFrom(first, instances) {
		c.start(t, i, networkTask(name, port, a))
	}
}

// networkTask is a task with its own addresses on a container network.
func networkTask(name string, port uint16, addresses ...string) sim.Task {
	network := sim.NetworkInfo{Name: "calico"}
	for _, a := range addresses {
		network.Addresses = append(network.Addresses, sim.Address(a))
	}
	return sim.Task{
		Name:      name,
		Container: &sim.Container{Type: "MESOS", Networks: []sim.NetworkInfo{{Name: "calico"}}},
		Networks:  []sim.NetworkInfo{network},
		Discovery: &sim.Discovery{Name: name, Ports: []sim.DiscoveryPort{{
			Number: port, Name: "http", Protocol: "tcp",
			Labels: []sim.Label{{Key: "network-scope", Value: "container"}, {Key: "network-name", Value: "calico"}},
		}}},
	}
}

// addressesFrom returns n consecutive addresses.
func addressesFrom(first string, n int) []string {
	a := netip.MustParseAddr(first)
	var all []string
	for range n {
		all = append(all, a.String())
		a = a.Next()
	}
	return all
}

// instance returns the label T-H-S of an instance of an app.
func instance(name string, number int) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s.%d", name, number))
	hash := base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").EncodeToString(sum[:])
	return fmt.Sprintf("%s-%s-s%d", name, hash[:5], number%3)
}

// example is the cluster that most tests ask about.
func example(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t)
	c.app(t, "web", 3, "10.1.0.1", 8080)
	c.start(t, 0, networkTask("dual", 443, "10.1.1.1", "fd00:1::1/64"))
	// On the agent's network, without a DiscoveryInfo.
	c.start(t, 0, sim.Task{Name: "plain", Resources: sim.Resources{CPUs: 1, Mem: 64, Ports: sim.PortList(31000)}})
	// Marathon's app /group/app.
	c.start(t, 0, networkTask("app.group", 80, "10.1.2.1"))
	return c
}
