package zone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"toponym/internal/names"
	"toponym/records"
	"toponym/state"
)

// checkCounts compares the counts of the builder with the newest version.
func checkCounts(t *testing.T, z *Zone) {
	t.Helper()
	b := z.builder
	refs, nodes := map[names.ID]uint32{}, map[*targetList]uint32{}
	for n := range z.All() {
		if n.targets == nil {
			continue
		}
		if nodes[n.targets]++; nodes[n.targets] > 1 {
			continue
		}
		for _, id := range n.targets.ids {
			refs[id]++
		}
	}
	for list, n := range nodes {
		if list.nodeCount != n {
			t.Errorf("list %v: got a count of %d nodes, want %d", list.ids, list.nodeCount, n)
		}
	}
	for id := range names.ID(b.states.Cap()) {
		s := b.states.At(id)
		if s.refs != refs[id] {
			t.Errorf("%v: got %d references, want %d", b.name(id), s.refs, refs[id])
		}
		if s.children > 0 && z.nodes.get(id) == nil {
			t.Errorf("%v: got %d names below it and no node", b.name(id), s.children)
		}
	}
}

// In a service with many instances, of which a few come and go per version,
// target lists are derived from those before, and the reference counts stay
// right.
func TestReferenceCountsOfLargeServices(t *testing.T) {
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
			z = z.Patch(set, set.Update(c, d).Names, SameSerial(z.DomainSerial()+1))
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
			z = z.Patch(set, set.Update(c, d).Names, SameSerial(z.DomainSerial()+1))
			if got, want := text(z), text(Compile(built(c, ro), zo, serialsOf(z))); got != want {
				t.Fatalf("seed %d, step %d:\npatched\n%s\ncompiled\n%s", seed, step, got, want)
			}
			if checkCounts(t, z); t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
	}
}
