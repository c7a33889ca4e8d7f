package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// Populate fills a cluster with what a Spec describes: its agents,
// frameworks and running tasks, in the same mix of kinds and sizes as
// WriteState, but as values that can change. It adds StandardNetworks, and
// returns the apps that the tasks belong to.
//
// Each task takes about 2 KB.
func Populate(c *Cluster, s Spec) ([]*App, error) {
	s = s.withDefaults()
	for _, n := range StandardNetworks() {
		c.AddNetwork(n)
	}
	agents, err := c.populateAgents(s.Agents)
	if err != nil {
		return nil, err
	}
	var apps []*App
	from := 0
	rng := rand.New(rand.NewPCG(s.Seed, 1<<62))
	for i, f := range generatedFrameworks {
		to := from + s.Tasks*f.percent/100
		if i == len(generatedFrameworks)-1 {
			to = s.Tasks
		}
		fw := generatedFramework(i)
		fw.ID, fw.Registered = "", time.Time{}
		id, err := c.AddFramework(*fw)
		if err != nil {
			return nil, err
		}
		for spec := range s.apps(i, from, to) {
			a := kinds[spec.kind].named(spec.name, id, uuid(rng.Uint64(), rng.Uint64()))
			apps = append(apps, a)
			for n := range spec.instances {
				if err := c.populateTask(a, agents[(spec.first+n)%len(agents)], rng.IntN(100) > 0); err != nil {
					return nil, err
				}
			}
		}
		from = to
	}
	return apps, nil
}

func (c *Cluster) populateAgents(n int) ([]string, error) {
	var ids []string
	for i := range n {
		a := generatedAgent(i)
		a.ID, a.Registered = "", time.Time{}
		id, err := c.AddAgent(a)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (c *Cluster) populateTask(a *App, agentID string, healthy bool) error {
	id, err := c.LaunchApp(a, agentID, true)
	if err != nil || a.Task.HealthCheck == nil {
		return err
	}
	return c.SetHealth(a.Task.FrameworkID, id, healthy)
}

// generatedAgent is the i-th agent of a Spec, without an id.
func generatedAgent(i int) Agent {
	return Agent{
		Hostname:   fmt.Sprintf("agent-%d.dc1.example.com", i),
		Addr:       netip.AddrPortFrom(agentAddr(i), 5051),
		Attributes: []Label{{Key: "rack", Value: fmt.Sprintf("r%d", i%48)}, {Key: "zone", Value: string('a' + rune(i%3))}},
		Resources:  Resources{CPUs: 64, Mem: 262144, Disk: 2097152, Ports: Ports{{31000, 65535}}},
		Registered: generatedStart.Add(time.Duration(i) * time.Millisecond),
	}
}

// generatedFramework is one of a Spec's, without an id.
func generatedFramework(number int) *Framework {
	f := generatedFrameworks[number]
	return &Framework{
		Name:            f.name,
		PID:             f.pid,
		Hostname:        "scheduler.example.com",
		WebUI:           "https://scheduler.example.com:8443",
		User:            "root",
		Principal:       f.name,
		Capabilities:    []string{"PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE"},
		Roles:           []string{"slave_public"},
		Checkpoint:      true,
		FailoverTimeout: 7 * 24 * time.Hour,
		Registered:      generatedStart,
	}
}
