package zone

import (
	"math/rand/v2"
	"testing"

	"toponym/records"
	"toponym/state"
)

// Another TTL, other SOA data and other zone files lead to the zone that would
// be compiled with them, without touching the records of the cluster.
func TestWithOptionsEqualsCompile(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 3))
		ro, first := patchOptions()
		second := first
		second.Origins = append([]Origin(nil), first.Origins...)
		second.Origins[0].TTL, second.Minimum, second.MName = 7, 3, name("ns7.mesos")
		third := static(t, second, staticPatchText())
		fourth := static(t, second, "web.a.b.mesos. 2 A 10.7.0.9\nmesos. NS ns.example.\n")

		c, set := state.NewCluster(), records.NewSet(ro)
		set.Update(c, c.Reconcile(randomCluster(r), nil))
		z := Compile(set, first, SameSerial(1))
		for step, o := range []Options{second, first, third, fourth, third, first} {
			serial := uint32(step + 2)
			before, was := z, text(z)
			next, ok := z.WithOptions(set, o, SameSerial(serial))
			if !ok {
				t.Fatalf("seed %d, step %d: got not ok, want a zone", seed, step)
			}
			z = next
			if got, want := text(z), text(Compile(built(c, ro), o, serialsOf(z))); got != want {
				t.Fatalf("seed %d, step %d:\ngot\n%s\nwant\n%s", seed, step, got, want)
			}
			if got := text(before); got != was {
				t.Fatalf("seed %d, step %d: the version before was\n%s\nand is\n%s", seed, step, was, got)
			}
			checkCounts(t, z)
			z = z.Patch(set, set.Update(c, c.Reconcile(randomCluster(r), nil)), SameSerial(serial))
		}
	}
}

// Other origins or aliases change which names there are: the zone has to be
// compiled again.
func TestWithOptionsRefusesOtherOrigins(t *testing.T) {
	_, o := patchOptions()
	set := testSet()
	z := Compile(set, o, SameSerial(1))
	was := text(z)
	origins, aliases := o, o
	origins.Origins = o.Origins[:1]
	aliases.Aliases = nil
	for title, other := range map[string]Options{"origins": origins, "aliases": aliases, "a zone of a file": static(t, o, externalZone)} {
		if next, ok := z.WithOptions(set, other, SameSerial(2)); ok {
			t.Errorf("other %s: got the zone %p, want none", title, next)
		}
	}
	if got := text(z); got != was {
		t.Errorf("the zone was\n%s\nand is\n%s", was, got)
	}
}

// A change of a TTL costs the same in a zone of any size.
func TestWithOptionsSharesTheRecords(t *testing.T) {
	ro, o := patchOptions()
	ro.IPSources = []records.IPSource{records.SourceHost}
	c, set := state.NewCluster(), records.NewSet(ro)
	set.Update(c, c.Reconcile(bigState(2_000, 0), nil))
	z := Compile(set, o, SameSerial(1))
	serial := uint32(1)
	allocs := testing.AllocsPerRun(20, func() {
		serial++
		o.Origins[0].TTL = serial
		z, _ = z.WithOptions(set, o, SameSerial(serial))
	})
	if allocs > 100 {
		t.Errorf("got %v allocations for another TTL of %d names, want at most 100", allocs, z.Counts().Names)
	}
	if z.TTLOf(z.Node(name("app1.marathon.mesos")), 1) != serial {
		t.Errorf("got the TTL %d, want %d", z.TTLOf(z.Node(name("app1.marathon.mesos")), 1), serial)
	}
}
