package server

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"toponym/config"
	"toponym/state"
)

// Records that are made before the first zone, and events and settings that come in
// between, lead to the zone that is built at once.
func TestPreparedEqualsRebuilt(t *testing.T) {
	for seed := range uint64(8) {
		for _, settings := range []bool{false, true} {
			t.Run(fmt.Sprintf("seed=%d settings=%v", seed, settings), func(t *testing.T) {
				p, _ := testPipeline(t)
				events := &eventSource{Rand: rand.New(rand.NewPCG(seed, 3))}
				some := func() {
					for range events.IntN(30) {
						events.change(p).apply(p)
					}
				}
				p.reconcile(fullState(task("web.1", "web", "10.1.0.1"), task("web.2", "web", "10.1.0.2")))
				some()
				for range 1 + events.IntN(2) {
					p.Prepare()
					some()
				}
				if p.zones.Current().Ready() {
					t.Fatal("got a zone before anything is published")
				}
				if settings {
					p.configure(withSettings(t, func(c *config.Config) { c.ReverseDNSOn, c.AddressDomains = true, []string{"mesos"} }))
					if events.IntN(2) == 0 {
						some()
					}
				}
				p.Publish()
				if err := p.checkRebuilt(); err != nil {
					t.Fatal(err)
				}
				some()
				p.Prepare() // has nothing to do
				p.Publish()
				if err := p.checkRebuilt(); err != nil {
					t.Fatalf("after more events: %v", err)
				}
			})
		}
	}
}

// The first state counts as a change of the cluster, for the snapshot, even if its records
// were made before.
func TestPreparedStateIsAChange(t *testing.T) {
	p, _ := testPipeline(t)
	p.reconcile(fullState(task("web.1", "web", "10.1.0.1")))
	p.Prepare()
	p.Publish()
	if i := p.currentInfo(); i.changes != 1 || i.tasks != 1 {
		t.Errorf("got %d changes and %d tasks, want 1 and 1", i.changes, i.tasks)
	}
	p.Update(func(*state.Replica) {})
	p.Publish()
	if i := p.currentInfo(); i.changes != 1 {
		t.Errorf("after a publication without a change: got %d changes, want 1", i.changes)
	}
}
