package scenario

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"toponym/sim"
	"toponym/sim/marathon"
)

// Spec describes a big cluster, for tests and benchmarks. A state of it has some
// 3 KB for each task.
type Spec struct {
	Tasks        int    // running tasks
	Agents       int    // Tasks/20 when 0, at least 1
	MaxInstances int    // apps have 1 to so many instances, most of them few; 200 when 0
	Seed         uint64 // ids, sizes and kinds of apps follow from it
}

// populationAgents is the address before that of the first agent.
var populationAgents = netip.MustParseAddr("10.64.0.0")

// populationMaster is the address of the master in WriteState.
var populationMaster = netip.MustParseAddrPort("10.0.0.10:5050")

// frameworks share the tasks of a Spec; the last one has the rest.
var frameworks = []struct {
	name    string
	percent int
	pid     string
	kinds   string // a list in population.json
}{
	{name: "marathon.user", percent: 15, kinds: "kinds"},
	{name: "jenkins", percent: 10, kinds: "builds", pid: "scheduler-5ad1c1f6-40c8-4a8e-a3f0-6f0a2d3f7b11@10.0.0.21:37411"},
	{name: "marathon", kinds: "kinds", pid: "scheduler-0b9d2c3c-7a3f-4a5e-8d54-2f7d3c1f9e60@10.0.0.20:15101"},
}

// Populate fills a cluster with the agents, frameworks and running tasks of a
// Spec. It adds sim.StandardNetworks, and returns the schedulers of the tasks.
//
// Each task takes about 3 KB.
func Populate(c *sim.Cluster, s Spec) ([]*marathon.Scheduler, error) {
	for _, n := range sim.StandardNetworks() {
		c.AddNetwork(n)
	}
	agents, err := addAgents(c, s.agents())
	if err != nil {
		return nil, err
	}
	var out []*marathon.Scheduler
	from := 0
	for i, f := range frameworks {
		to := from + s.Tasks*f.percent/100
		if i == len(frameworks)-1 {
			to = s.Tasks
		}
		id, err := c.AddFramework(sim.Framework{
			Name: f.name, PID: f.pid, Hostname: "scheduler.example.com", WebUI: "https://scheduler.example.com:8443",
			Principal: f.name, Capabilities: []string{"PARTITION_AWARE", "TASK_KILLING_STATE", "REGION_AWARE"},
			Roles: []string{"slave_public"}, Checkpoint: true, FailoverTimeout: 7 * 24 * time.Hour,
		})
		if err != nil {
			return nil, fmt.Errorf("framework %s: %w", id, err)
		}
		scheduler, err := marathon.NewScheduler(c, marathon.Options{
			Name: f.name, NoDiscovery: f.kinds == "builds",
			Startup: marathon.DefaultStartup, Healthy: marathon.DefaultHealthy, Backoff: marathon.DefaultBackoff,
		})
		if err != nil {
			return nil, err
		}
		out = append(out, scheduler)
		if err := s.addApps(scheduler, i, from, to, agents); err != nil {
			return nil, err
		}
		from = to
	}
	return out, nil
}

// WriteState writes a body of /master/state with the cluster of a Spec, always the
// same bytes for the same Spec.
func WriteState(w io.Writer, s Spec) error {
	start := time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)
	c := sim.NewCluster(sim.Options{Seed: s.Seed, Name: "generated", Now: func() time.Time { return start }})
	if _, err := Populate(c, s); err != nil {
		return err
	}
	return c.WriteState(w, populationMaster)
}

func (s Spec) agents() int {
	if s.Agents > 0 {
		return s.Agents
	}
	return max(1, s.Tasks/20)
}

// addApps runs apps with the tasks numbered from..to-1 of the population.
func (s Spec) addApps(scheduler *marathon.Scheduler, framework, from, to int, agents []string) error {
	rng := rand.New(rand.NewPCG(s.Seed, uint64(framework)))
	largest := float64(s.MaxInstances)
	if largest <= 0 {
		largest = 200
	}
	for n := 0; from < to; n++ {
		// Evenly spread logarithms: many small apps, a few big ones.
		size := min(int(math.Exp(rng.Float64()*math.Log(largest+1))), to-from)
		a, err := drawApp(rng, frameworks[framework].kinds, appID(rng, n))
		if err != nil {
			return err
		}
		a.Instances = size
		at := make([]marathon.Placement, size)
		for i := range at {
			healthy := rng.IntN(100) > 0
			at[i] = marathon.Placement{AgentID: agents[(from+i)%len(agents)], Healthy: &healthy}
		}
		if err := scheduler.Add(a, at...); err != nil {
			return err
		}
		from += size
	}
	return nil
}

var (
	appTeams = []string{"checkout", "search", "media", "ads", "billing", "identity", "logistics", "ml-platform"}
	appParts = []string{"api", "worker", "web", "cache", "indexer", "gateway", "scheduler", "exporter-v2"}
)

// appID makes the id of the n-th app. One out of three is in a group.
func appID(rng *rand.Rand, n int) string {
	team, part := appTeams[rng.IntN(len(appTeams))], appParts[rng.IntN(len(appParts))]
	if rng.IntN(3) == 0 {
		return fmt.Sprintf("/prod/%s/%s-%d", team, part, n)
	}
	return fmt.Sprintf("/%s-%s-%d", team, part, n)
}

//go:embed population.json
var populationJSON []byte

// kind is a way to run an app: a definition in parts, in which @name@ stands for
// the name of its tasks.
type kind struct {
	Percent int
	Like    []string       // the members of the population that it begins with
	Is      map[string]any // laid over them
}

// drawApp draws a kind of app and makes a definition of it.
func drawApp(rng *rand.Rand, kinds, id string) (*marathon.App, error) {
	var population map[string]json.RawMessage
	if err := json.Unmarshal(populationJSON, &population); err != nil {
		return nil, err
	}
	var list []kind
	if err := json.Unmarshal(population[kinds], &list); err != nil {
		return nil, err
	}
	n, drawn := rng.IntN(100), list[0]
	for _, k := range list {
		if n -= k.Percent; n < 0 {
			drawn = k
			break
		}
	}
	definition := map[string]any{"id": id}
	for _, part := range drawn.Like {
		var members map[string]any
		if err := json.Unmarshal(population[part], &members); err != nil {
			return nil, err
		}
		overlay(definition, members)
	}
	overlay(definition, drawn.Is)
	text, err := json.Marshal(definition)
	if err != nil {
		return nil, err
	}
	name := strings.ReplaceAll(strings.Trim(id, "/"), "/", ".")
	return parseApp([]byte(strings.ReplaceAll(string(text), "@name@", name)))
}

// overlay lays the members of an object over those of another.
func overlay(under, over map[string]any) {
	for k, v := range over {
		below, ok := under[k].(map[string]any)
		above, both := v.(map[string]any)
		if ok && both {
			overlay(below, above)
		} else {
			under[k] = v
		}
	}
}

// parseApp reads the definition of an app or a pod.
func parseApp(definition []byte) (*marathon.App, error) {
	a, ok, err := marathon.ParsePod(definition, marathon.Settings{})
	if !ok && err == nil {
		a, err = marathon.Parse(definition, marathon.Settings{})
	}
	return a, err
}

// addAgents adds n agents with room for everything, 10.64.0.1 and on.
func addAgents(c *sim.Cluster, n int) ([]string, error) {
	var ids []string
	addr := populationAgents
	for i := range n {
		addr = addr.Next()
		id, err := c.AddAgent(sim.Agent{
			Hostname:   fmt.Sprintf("agent-%d.dc1.example.com", i),
			Addr:       netip.AddrPortFrom(addr, 5051),
			Attributes: []sim.Label{{Key: "rack", Value: fmt.Sprintf("r%d", i%48)}, {Key: "zone", Value: string('a' + rune(i%3))}},
			Resources:  sim.Resources{CPUs: 64, Mem: 262144, Disk: 2097152, Ports: sim.Ports{{First: 31000, Last: 65535}}},
		})
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}
