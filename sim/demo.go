package sim

import (
	"cmp"
	"context"
	"net/http"
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
	scheduler *Scheduler
	every     time.Duration
	ticks     <-chan time.Time
	marathon  string // the framework
	agents    []string
}

// Marathon is the API of the demo's Marathon. It knows the apps that run, and
// runs those that it is given.
func (d *Demo) Marathon() http.Handler { return d.scheduler }

// moving is the task name of the app whose instances move.
const moving = "cart.shop"

// NewDemo builds the cluster. Nothing moves before Run is called.
func NewDemo(o DemoOptions) *Demo {
	d := &Demo{
		Cluster: NewCluster(Options{Seed: o.Seed, Now: o.Now, Name: "demo"}),
		every:   cmp.Or(o.Every, 10*time.Second),
		ticks:   o.Ticks,
	}
	for _, n := range StandardNetworks() {
		d.AddNetwork(n)
	}
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
	d.scheduler = must(NewScheduler(d.Cluster, SchedulerOptions{
		Startup: DefaultStartup, Healthy: DefaultHealthy, Backoff: DefaultBackoff,
	}))
	for _, app := range must(demoApps()) {
		ids := must(d.startApp(app))
		must(app, d.scheduler.Adopt(app, ids))
	}
	must(d.StartTask(Task{
		ID: "ct:1767600000000:0:backup:", Name: "ChronosTask:backup",
		FrameworkID: chronos, AgentID: d.agents[3],
		Resources: Resources{CPUs: 0.5, Mem: 256},
	}))
	return d
}

// Run moves an instance at each tick, and runs Marathon, until ctx ends. It
// then returns nil.
func (d *Demo) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	scheduled := make(chan error, 1)
	go func() { scheduled <- d.scheduler.Run(ctx) }()
	defer func() { cancel(); <-scheduled }()
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
			d.Move() // what is in its way now may not be at the next tick
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
			_, err := d.scheduler.Move(oldest.ID, agent)
			if err != nil && d.whereabouts(d.marathon, oldest.ID) == taskThere {
				return err
			}
			return nil // or somebody was faster
		}
	}
	return nil
}

// must is for the building of a cluster that is written down in this package.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
