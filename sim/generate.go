package sim

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"
)

// Spec describes a big cluster, for benchmarks. Its state is made while it is
// written, in constant memory: some 2.9 KB for each task, so that 100,000
// tasks give about 290 MB.
type Spec struct {
	Tasks        int            // running tasks
	Agents       int            // Tasks/20 when 0, at least 1
	MaxInstances int            // apps have 1 to so many instances, small ones being the most frequent; 200 when 0
	Seed         uint64         // ids, sizes and kinds of apps follow from it
	Addr         netip.AddrPort // of the master; 10.0.0.10:5050 when zero
}

// generatedStart is when everything in a generated state began: it has no
// clock, so that a Spec always gives the same bytes.
var generatedStart = time.Date(2026, time.January, 5, 8, 0, 0, 0, time.UTC)

// completedTasks is how many ended tasks each framework of a Spec has.
const completedTasks = 5

// generatedFrameworks share the tasks of a Spec; the rest is Marathon's.
var generatedFrameworks = []struct {
	name    string
	percent int
	pid     string
}{
	{name: "marathon.user", percent: 15},
	{name: "jenkins", percent: 3, pid: "scheduler-5ad1c1f6-40c8-4a8e-a3f0-6f0a2d3f7b11@10.0.0.21:37411"},
	{name: "marathon", pid: "scheduler-0b9d2c3c-7a3f-4a5e-8d54-2f7d3c1f9e60@10.0.0.20:15101"},
}

func (s Spec) withDefaults() Spec {
	if s.Agents <= 0 {
		s.Agents = max(1, s.Tasks/20)
	}
	if s.MaxInstances <= 0 {
		s.MaxInstances = 200
	}
	if !s.Addr.IsValid() {
		s.Addr = netip.MustParseAddrPort("10.0.0.10:5050")
	}
	return s
}

// WriteState writes a body of /master/state with the cluster of s.
func WriteState(w io.Writer, s Spec) error {
	s = s.withDefaults()
	return s.writeState(w, newIdentity(s.Addr, "", generatedStart))
}

// app is one app of a Spec: its tasks are the ones numbered from first on.
type app struct {
	name             string
	kind             int
	first, instances int
}

// apps gives the apps of one framework, which has the tasks [from, to). Going
// through them again gives the same ones.
func (s Spec) apps(framework, from, to int) func(yield func(app) bool) {
	return func(yield func(app) bool) {
		rng := rand.New(rand.NewPCG(s.Seed, uint64(framework)))
		for n := 0; from < to; n++ {
			// Evenly spread logarithms: many small apps, a few big ones.
			size := int(math.Exp(rng.Float64() * math.Log(float64(s.MaxInstances)+1)))
			a := app{name: appName(rng, n), kind: drawKind(rng), first: from, instances: min(size, to-from)}
			if !yield(a) {
				return
			}
			from += a.instances
		}
	}
}

var (
	appTeams = []string{"checkout", "search", "media", "ads", "billing", "identity", "logistics", "ml-platform"}
	appParts = []string{"api", "worker", "web", "cache", "indexer", "gateway", "scheduler", "Exporter_v2"}
)

// appName makes a name as it stands in the state: one out of three apps is in
// a group, whose path is turned round.
func appName(rng *rand.Rand, n int) string {
	team, part := appTeams[rng.IntN(len(appTeams))], appParts[rng.IntN(len(appParts))]
	if rng.IntN(3) == 0 {
		return fmt.Sprintf("%s-%d.%s.prod", part, n, team)
	}
	return fmt.Sprintf("%s-%s-%d", team, part, n)
}

func (s Spec) writeState(w io.Writer, id identity) error {
	e := newEncoder(w)
	cluster := uuid(mix(s.Seed), mix(s.Seed+1))
	e.open('{')
	e.head(id, "generated", counts{active: s.Agents})
	e.openKey("slaves", '[')
	s.writeAgents(e, cluster)
	e.close(']')
	e.openKey("recovered_slaves", '[')
	e.close(']')
	e.openKey("frameworks", '[')
	from := 0
	for i, f := range generatedFrameworks {
		to := from + s.Tasks*f.percent/100
		if i == len(generatedFrameworks)-1 {
			to = s.Tasks
		}
		s.writeFramework(e, cluster, i, from, to)
		from = to
	}
	e.close(']')
	e.openKey("completed_frameworks", '[')
	e.close(']')
	e.tail()
	e.close('}')
	return e.flush()
}

// writeAgents shows each agent with an equal part of what is used: summing up
// what really runs there would take memory, and is nothing a reader can see.
func (s Spec) writeAgents(e *encoder, cluster string) {
	load := float64(s.Tasks) / float64(s.Agents)
	used := Resources{CPUs: math.Round(load) / 4, Mem: math.Round(load) * 256, Disk: 64, Ports: s.portsInUse()}
	for i := range s.Agents {
		if e.err != nil {
			return
		}
		a := generatedAgent(i)
		a.ID = fmt.Sprintf("%s-S%d", cluster, i)
		e.agent(&a, used)
	}
}

func (s Spec) writeFramework(e *encoder, cluster string, number, from, to int) {
	fw := generatedFramework(number)
	fw.ID = fmt.Sprintf("%s-%04d", cluster, number)
	used := Resources{Ports: s.portsInUse()}
	for a := range s.apps(number, from, to) {
		r := kinds[a.kind].task.Resources
		n := float64(a.instances)
		used.add(Resources{CPUs: n * r.CPUs, Mem: n * r.Mem, Disk: n * r.Disk})
	}
	e.open('{')
	e.frameworkHead(fw, used, true)
	e.openKey("tasks", '[')
	p := newPrinter(s, cluster, fw)
	for a := range s.apps(number, from, to) {
		for i := range a.instances {
			p.task(e, a, a.first+i, false)
		}
		if e.err != nil {
			return
		}
	}
	e.close(']')
	e.openKey("unreachable_tasks", '[')
	e.close(']')
	e.openKey("completed_tasks", '[')
	for a := range s.apps(number, from, to) {
		for i := range min(completedTasks, a.instances) {
			p.task(e, a, s.Tasks+number*completedTasks+i, true)
		}
		break
	}
	e.close(']')
	e.openKey("offers", '[')
	e.close(']')
	e.openKey("executors", '[')
	for a := range s.apps(number, from, to) {
		for i := range a.instances {
			if kinds[a.kind].task.ExecutorID == "" {
				break
			}
			p.executor(e, a, a.first+i)
		}
	}
	e.close(']')
	e.frameworkTail(fw)
	e.close('}')
}

// portsInUse covers the host ports that tasks have, by and large.
func (s Spec) portsInUse() Ports {
	return Ports{{firstHostPort, hostPort(s.Tasks/s.Agents) + portsPerTask - 1}}
}

// generated is the source of a Master for a Spec. The length of the body is
// counted once: nothing in it ever changes but the master's own times.
type generated struct {
	spec Spec

	mu      sync.Mutex
	counted identity
	length  int64
}

func (g *generated) state(func(string) bool) body { return g }

func (g *generated) writeState(w io.Writer, id identity) error {
	return g.spec.withDefaults().writeState(w, id)
}

func (g *generated) size(id identity) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counted != id {
		var n countingWriter
		g.writeState(&n, id) // a countingWriter does not fail
		g.counted, g.length = id, int64(n)
	}
	return g.length
}

// mix is the finalizer of SplitMix64: nearby numbers give unrelated ones.
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
