package sim

import (
	"bytes"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"toponym/internal/testutil"
)

var (
	testStart = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	testAddr  = netip.MustParseAddrPort("10.0.1.10:5050")
)

// clock gives a clock that goes on by a second each time it is read.
func clock() func() time.Time {
	var reads atomic.Int64
	return func() time.Time {
		return testStart.Add(time.Duration(reads.Add(1)) * time.Second)
	}
}

// bodyOf is what a master at testAddr answers for c.
func bodyOf(t testing.TB, c *Cluster) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := c.fullState(nil).writeState(&b, newIdentity(testAddr, "", testStart)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// serve runs m on pipes until the test ends.
func serve(t testing.TB, m http.Handler) *testutil.PipeListener {
	return testutil.ServePipes(t, testAddr, m)
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fullCluster has something in every field that a master can show.
func fullCluster(t testing.TB) *Cluster {
	t.Helper()
	c := NewCluster(Options{Now: clock(), Name: "full"})
	a0, err := c.AddAgent(Agent{Addr: netip.MustParseAddrPort("10.0.0.1:5051"), Attributes: []Label{{Key: "rack", Value: "r1"}}})
	noError(t, err)
	a1, err := c.AddAgent(Agent{Addr: netip.MustParseAddrPort("10.0.0.2:0"), Hostname: "agent2.example"})
	noError(t, err)
	a2, err := c.AddAgent(Agent{Addr: netip.MustParseAddrPort("[fd00::3]:5051"), Attributes: []Label{{Key: "rack", Value: "r2"}}})
	noError(t, err)
	f, err := c.AddFramework(Framework{
		Name: "marathon", PID: "scheduler-1@10.0.0.9:1234", Principal: "p", Capabilities: []string{"MULTI_ROLE", "PARTITION_AWARE"},
		Labels: []Label{{Key: "owner", NoValue: true}},
	})
	noError(t, err)
	old, err := c.AddFramework(Framework{Name: "old"})
	noError(t, err)
	web, err := c.StartTask(Task{
		Name: "web", FrameworkID: f, AgentID: a0,
		Resources: Resources{CPUs: 1, Ports: Ports{{31000, 31001}, {31500, 31500}}},
		Labels:    []Label{{Key: "k", Value: "v"}},
		Discovery: &Discovery{
			Name: "web", Environment: "e", Location: "l", Version: "v", Labels: []Label{{Key: "d", Value: "1"}},
			Ports: []DiscoveryPort{{Number: 31000, Name: "http", Protocol: "tcp", Visibility: "EXTERNAL", Labels: []Label{{Key: "network-scope", Value: "host"}}}},
		},
		Container: &Container{
			Type: "DOCKER", Volumes: []Volume{{"RW", "/a", "/b"}},
			Docker: &Docker{Image: "i", Network: "BRIDGE", PortMappings: []PortMapping{{31000, 80, "tcp"}}, Parameters: []Label{{Key: "p", Value: "1"}}},
			Networks: []NetworkInfo{{
				Name: "net", Labels: []Label{{Key: "n", Value: "1"}}, PortMappings: []PortMapping{{31001, 81, "udp"}},
			}},
		},
		HealthCheck: &HealthCheck{Command: "true"},
		Networks: []NetworkInfo{{
			Name: "net", Labels: []Label{{Key: "n", Value: "1"}}, PortMappings: []PortMapping{{31001, 81, "udp"}},
			Addresses: []netip.Prefix{Address("192.168.0.1"), Address("fd01::1/64")},
		}},
	})
	noError(t, err)
	noError(t, c.SetHealth(f, web, false))
	_, err = c.StartTask(Task{
		Name: "side", ExecutorID: "instance-pod.1", FrameworkID: f, AgentID: a0,
		Container: &Container{Type: "MESOS", Image: "i"}, HealthCheck: &HealthCheck{TCP: true, Port: 80},
	})
	noError(t, err)
	_, err = c.StartTask(Task{
		Name: "away", FrameworkID: f, AgentID: a1,
		Container:   &Container{Type: "MESOS", Networks: []NetworkInfo{{Name: "net", AsksIPv4: true}}},
		HealthCheck: &HealthCheck{Port: 80, Path: "/", Scheme: "https"},
	})
	noError(t, err)
	done, err := c.StartTask(Task{Name: "done", FrameworkID: f, AgentID: a2})
	noError(t, err)
	noError(t, c.EndTask(f, done, TaskFinished))
	_, err = c.StartTask(Task{Name: "torn", FrameworkID: old, AgentID: a2})
	noError(t, err)
	noError(t, c.RemoveFramework(old))
	noError(t, c.SetConnected(f, false))
	noError(t, c.SetConnected(f, true))
	noError(t, c.MarkUnreachable(a1))
	return c
}

// exampleCluster has four agents and a few tasks of a framework: three of them are
// called nginx, and three moving.
func exampleCluster(tb testing.TB, seed uint64) *Cluster {
	tb.Helper()
	c := NewCluster(Options{Seed: seed, Now: clock()})
	for _, n := range StandardNetworks() {
		c.AddNetwork(n)
	}
	var agents []string
	for i := range 4 {
		a, err := c.AddAgent(Agent{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(101 + i)}), 5051)})
		noError(tb, err)
		agents = append(agents, a)
	}
	f, err := c.AddFramework(Framework{Name: "marathon", PID: "scheduler-1@10.0.1.11:15101", Capabilities: []string{"PARTITION_AWARE"}})
	noError(tb, err)
	for i := range 3 {
		for _, t := range []Task{{Name: "nginx", Networks: []NetworkInfo{{Name: "calico"}}}, {Name: "moving", Networks: []NetworkInfo{{Name: "dcos-1"}}}} {
			t.FrameworkID, t.AgentID = f, agents[i]
			if _, err := c.StartTask(t); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return c
}

// move replaces a task called moving by another one on the last agent.
func move(c *Cluster) error {
	for _, t := range c.Tasks() {
		if t.Name != "moving" {
			continue
		}
		next := t
		next.ID, next.Statuses, next.AgentID, next.Networks = "", nil, c.Agents()[3].ID, []NetworkInfo{{Name: "dcos-1"}}
		if _, err := c.StartTask(next); err != nil {
			return err
		}
		return c.EndTask(t.FrameworkID, t.ID, TaskKilled)
	}
	return nil
}
