package zone

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/names"
	"toponym/records"
	"toponym/state"
)

// checkCounts compares what the builder knows of names with the newest version.
func checkCounts(t *testing.T, z *Zone) {
	t.Helper()
	b := z.builder
	for n := range z.All() {
		for _, s := range n.SRV {
			if target := z.Target(s.Target); target.Name != b.name(s.Target) || target == noTarget {
				t.Errorf("%v: got the target %v, want %v", n.Name, target.Name, b.name(s.Target))
			}
		}
	}
	for n := range z.outside.all() {
		id, ok := b.names.Find(names.Bytes(n.Name))
		if !ok || z.outside.get(id) != n || z.nodes.get(id) != nil || b.names.Holders(id) == 0 {
			t.Errorf("%v is kept outside of the zone, want it only as a target without a node", n.Name)
		}
	}
	for id := range names.ID(b.branches.Cap()) {
		if b.branches.At(id).children > 0 && z.nodes.get(id) == nil {
			t.Errorf("%v: got %d names below it and no node", b.name(id), b.branches.At(id).children)
		}
	}
}

// In a service with many instances, of which a few come and go per version,
// all targets have nodes.
func TestTargetsOfLargeServices(t *testing.T) {
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(seed, 7))
		ro, zo := patchOptions()
		c, set := state.NewCluster(), records.NewSet(ro)
		s := &state.FullState{
			Agents:     []*state.Agent{{ID: "a-S1", PID: state.UPID{ID: "slave(1)", Host: "x", Port: 5051}, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
			Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
		}
		set.Update(c, c.Reconcile(s, nil))
		z := Compile(set, zo, SameSerial(1))
		running := map[string]*state.Task{}
		start := func(i int) {
			task := &state.Task{
				Key:  state.TaskKey{Framework: "f", ID: fmt.Sprint("t", i)},
				Name: []string{"web", "web", "web", "db"}[r.IntN(4)], AgentID: "a-S1", State: state.Running,
				Ports: []state.PortRange{{First: uint16(80 + r.IntN(3)), Last: uint16(81 + r.IntN(3))}},
			}
			if r.IntN(3) > 0 {
				task.Addresses.NetInfo = []netip.Addr{netip.AddrFrom4([4]byte{10, 1, 0, byte(i)})}
				task.Discovery = &state.Discovery{Name: task.Name, Ports: []state.DiscoveryPort{{Number: 80, Name: "http", Protocol: "tcp"}}}
			}
			running[task.Key.ID] = task
			var d state.Delta
			d.Join(c.Apply(state.Event{Task: task}))
			z = z.Patch(set, set.Update(c, d), SameSerial(z.DomainSerial()+1))
		}
		for i := range 60 {
			start(i)
		}
		checkCounts(t, z)
		for step := range 60 {
			var d state.Delta
			for range r.IntN(4) * r.IntN(5) {
				if i := r.IntN(80); running[fmt.Sprint("t", i)] == nil {
					start(i)
				} else {
					task := running[fmt.Sprint("t", i)]
					delete(running, task.Key.ID)
					d.Join(c.Apply(state.Event{Status: &state.Status{Task: task.Key, State: "TASK_FINISHED"}}))
				}
			}
			d.Compact()
			z = z.Patch(set, set.Update(c, d), SameSerial(z.DomainSerial()+1))
			if got, want := text(z), text(Compile(built(c, ro), zo, serialsOf(z))); got != want {
				t.Fatalf("seed %d, step %d:\npatched\n%s\ncompiled\n%s", seed, step, got, want)
			}
			if checkCounts(t, z); t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}

// Names that only are targets of SRV records keep their ids as long as records point to
// them, and are no names of the zone.
func TestTargetsThatAreNoNames(t *testing.T) {
	ro, zo := patchOptions()
	const services = "_out._tcp.mesos. SRV 0 0 80 www.example.com.\n_task._tcp.mesos. SRV 0 0 81 web.marathon.mesos.\n"
	with, without := static(t, zo, services), zo
	c, set := state.NewCluster(), records.NewSet(ro)
	serial := uint32(1)
	r := rand.New(rand.NewPCG(3, 3))
	z := Compile(set, with, SameSerial(serial))
	versions, texts := []*Zone{z}, []string{text(z)}
	cycle := func(tasks func(*state.Task) bool) {
		s := randomCluster(r)
		s.Tasks = slices.DeleteFunc(s.Tasks, func(t *state.Task) bool { return !tasks(t) })
		serial++
		z = z.Patch(set, set.Update(c, c.Reconcile(s, nil)), SameSerial(serial))
		versions, texts = append(versions, z), append(texts, text(z))
		checkCounts(t, z)
		for n := range z.All() {
			together := make([]*Node, len(n.SRV)+1)
			z.Targets(n.SRV, together)
			for i, s := range n.SRV {
				if got, want := together[i], z.Target(s.Target); got != want {
					t.Fatalf("got %v together with other targets of %v, want %v", got, n.Name, want)
				}
			}
		}
	}
	web := name("web.marathon.mesos")
	for step := range 30 {
		running := step%3 == 0
		cycle(func(t *state.Task) bool {
			return running || t.Key.Framework != "f0" || t.Name != "web" && (t.Discovery == nil || t.Discovery.Name != "web")
		})
		if _, result := z.Lookup([]byte(web), dns.TypeSRV); result == Success || !running && z.Node(web) != nil {
			t.Fatalf("step %d: got %v for SRV records of %v", step, result, web)
		}
		for owner, want := range map[string]records.Name{"_out._tcp.mesos": name("www.example.com"), "_task._tcp.mesos": web} {
			n := z.Node(name(owner))
			if got := z.Target(n.SRV[0].Target); got.Name != want || z.Node(want) != nil && z.Node(want) != got {
				t.Fatalf("step %d: %s points to %v, want %v", step, owner, got.Name, want)
			}
		}
		if _, result := z.Lookup([]byte(name("www.example.com")), dns.TypeA); result != OutOfZone {
			t.Fatalf("got %v for a target out of zone, want that", result)
		}
		if _, result := z.Lookup([]byte(name("example.com")), dns.TypeA); result != OutOfZone {
			t.Fatalf("got %v above a target out of zone, want that", result)
		}
	}
	for i, z := range versions {
		if got := text(z); got != texts[i] {
			t.Fatalf("version %d was\n%s\nand is\n%s", i, texts[i], got)
		}
	}
	z, _ = z.WithOptions(set, without, SameSerial(serial+1))
	cycle(func(*state.Task) bool { return true })
	if left := slices.Collect(z.outside.all()); len(left) > 0 {
		t.Errorf("got %d names outside of the zone without records that point there, want none", len(left))
	}
}

// patchNames is Patch for names that any number of updates have changed.
func patchNames(z *Zone, set *records.Set, changed []records.Name, serials SerialFunc) *Zone {
	next := z.next()
	set.UseNames(func(_ *names.Table, targets []names.ID) {
		for _, n := range changed {
			next.setData(n, set.Data(n))
		}
		next.finish(targets, serials)
	})
	return next
}

// A version may follow several updates of the set. Ids that these free and use again do not
// mix up what it has with what the version before had.
func TestVersionsOfSeveralUpdates(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 4))
		ro, zo := patchOptions()
		c, set := state.NewCluster(), records.NewSet(ro)
		serial := uint32(1)
		z := Compile(set, zo, SameSerial(serial))
		h := NewHistory(HistoryLimits{Versions: 10, Bytes: 1 << 20}, z, time.Unix(1_700_000_000, 0))
		for step := range 60 {
			var changed []records.Name
			for range 1 + r.IntN(4) {
				s := randomCluster(r)
				if r.IntN(3) == 0 {
					s = &state.FullState{}
				}
				for _, task := range s.Tasks {
					task.Key.ID += fmt.Sprint(".", r.IntN(1000)) // targets of its own
				}
				changed = append(changed, set.Update(c, c.Reconcile(s, nil)).Names...)
			}
			slices.Sort(changed)
			before := z
			serial++
			z = patchNames(z, set, slices.Compact(changed), SameSerial(serial))
			checkCounts(t, z)
			if got, want := text(z), text(Compile(built(c, ro), zo, serialsOf(z))); got != want {
				t.Fatalf("seed %d, step %d:\npatched\n%s\ncompiled\n%s", seed, step, got, want)
			}
			_, index := h.Index()
			h.Add(z, time.Unix(1_700_000_000, 0))
			versions, _, _ := h.After(index, 1)
			if len(versions) == 0 {
				continue // nothing differs
			}
			for _, change := range versions[0].Changes {
				content := contentOf(before, change.Origin)
				if change.Whole {
					t.Fatalf("seed %d, step %d: the difference of %v is unknown, want it known", seed, step, change.Origin)
				}
				if err := change.apply(content); err != nil || !maps.Equal(content, contentOf(z, change.Origin)) {
					t.Fatalf("seed %d, step %d: the difference of %v leads to another version: %v", seed, step, change.Origin, err)
				}
			}
		}
	}
}
