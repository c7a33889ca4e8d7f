package sim

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"
)

// DemoOptions are the settings of a Demo.
type DemoOptions struct {
	Seed uint64
	Now  func() time.Time // the clock; time.Now when nil
	// Every is how often an instance moves; 10 seconds when 0.
	Every time.Duration
	// Ticks replaces Every: an instance moves for each value received.
	Ticks <-chan time.Time
}

// Demo is the cluster that the documentation shows. Its addresses are
// documented, so they do not change, except those of the app "cart.shop".
type Demo struct {
	*Cluster
	every    time.Duration
	ticks    <-chan time.Time
	marathon string
	agents   []string
	apps     []demoApp
}

// moving is the task name of the app whose instances move.
const moving = "cart.shop"

// NewDemo builds the cluster. Nothing moves before Run is called.
func NewDemo(o DemoOptions) *Demo {
	d := &Demo{
		Cluster: NewCluster(Options{Seed: o.Seed, Now: o.Now, Name: "demo"}),
		every:   cmp.Or(o.Every, 10*time.Second),
		ticks:   o.Ticks,
		apps:    demoApps(),
	}
	d.AddNetwork(Network{Name: "dcos-1", Pools: []Pool{{Prefix: netip.MustParsePrefix("9.0.0.0/16"), ShareBits: 8}}})
	for _, a := range []string{"10.0.1.101", "10.0.1.102", "10.0.1.103", "10.0.1.104"} {
		d.agents = append(d.agents, must(d.AddAgent(Agent{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 5051)})))
	}
	d.marathon = must(d.AddFramework(Framework{
		Name:            "marathon",
		PID:             "scheduler-3ff4ba14-6a87-4d0a-b5ff-7d1bd5a7c2e8@10.0.1.11:15101",
		Hostname:        "10.0.1.11",
		WebUI:           "http://10.0.1.11:8080",
		Principal:       "marathon",
		Roles:           []string{"*"},
		Capabilities:    []string{"MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE"},
		Checkpoint:      true,
		FailoverTimeout: 7 * 24 * time.Hour,
	}))
	chronos := must(d.AddFramework(Framework{
		Name:            "chronos",
		Hostname:        "10.0.1.12",
		WebUI:           "http://10.0.1.12:4400",
		Checkpoint:      true,
		FailoverTimeout: 7 * 24 * time.Hour,
	}))
	for _, app := range d.apps {
		for _, i := range app.instances {
			t := app.task
			t.FrameworkID, t.AgentID, t.Networks = d.marathon, d.agents[i.agent], i.networks
			must(d.StartTask(t))
		}
	}
	must(d.StartTask(Task{
		ID: "ct:1767600000000:0:backup:", Name: "ChronosTask:backup",
		FrameworkID: chronos, AgentID: d.agents[3],
		Resources: Resources{CPUs: 0.5, Mem: 256},
	}))
	return d
}

// Run moves an instance at each tick, until ctx ends. It then returns nil.
func (d *Demo) Run(ctx context.Context) error {
	ticks := d.ticks
	if ticks == nil {
		t := time.NewTicker(d.every)
		defer t.Stop()
		ticks = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks:
			if err := d.Move(); err != nil {
				return err
			}
		}
	}
}

// Move takes the oldest instance of the moving app to an agent that has none.
func (d *Demo) Move() error {
	var instances []Task
	for _, t := range d.Tasks() {
		if t.FrameworkID == d.marathon && t.Name == moving {
			instances = append(instances, t)
		}
	}
	if len(instances) == 0 {
		return nil // someone took the app away: there is nothing to move
	}
	oldest := slices.MinFunc(instances, func(a, b Task) int {
		return cmp.Or(a.Statuses[0].Time.Compare(b.Statuses[0].Time), cmp.Compare(a.ID, b.ID))
	})
	for _, agent := range d.agents {
		if !slices.ContainsFunc(instances, func(t Task) bool { return t.AgentID == agent }) {
			_, err := d.MoveTask(d.marathon, oldest.ID, agent)
			return err
		}
	}
	return nil
}

// must is for the building of a cluster that is written down in this package.
func must(id string, err error) string {
	if err != nil {
		panic(err)
	}
	return id
}
