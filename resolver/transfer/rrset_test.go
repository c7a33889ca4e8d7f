package transfer

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"toponym/state"
	"toponym/zone"
)

// largeState is a cluster with one service of many tasks, of which some are missing.
func largeState(r *rand.Rand, tasks int) *state.FullState {
	s := bigState(0)
	for i := range tasks {
		if r.IntN(20) == 0 {
			continue
		}
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f0", ID: fmt.Sprint("t", i)}, Name: "large",
			AgentID: "a-S0", State: state.Running,
			Ports:     []state.PortRange{{First: 80, Last: uint16(80 + r.IntN(2))}},
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(1 + i>>16), byte(i >> 8), byte(i)})}},
		})
	}
	return s
}

// No RRset is transferred that does not fit in a message: BIND would refuse the zone.
// Differences lead from one such zone to the next one.
func TestLargeRRsetsAreTransferredInPart(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 14))
	c := newCluster(t, largeState(r, 2000))
	s := newServer(c)
	var soa string
	var content map[string]bool
	var serial uint32
	differences := 0
	for step, tasks := range []int{2000, 2100, 1500, 1000, 2000, 20} {
		if step > 0 {
			c.publish(largeState(r, tasks))
		}
		gotSOA, got, err := whole(answers(s.ask(t, request(t, axfr("mesos."), true))))
		if err != nil {
			t.Fatal(err)
		}
		sizes, all := map[string]int{}, 0
		for text := range got {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Fatal(err)
			}
			if limited(rr.Header().Rrtype) {
				key := rr.Header().Name + dns.Type(rr.Header().Rrtype).String()
				sizes[key] += dns.Len(rr) - len(rr.Header().Name) - 1 + 2
			}
		}
		for key, size := range sizes {
			if size > maxRRset {
				t.Errorf("step %d: %s has %d bytes, want at most %d", step, key, size, maxRRset)
			}
		}
		for range c.zone.RecordsOf(name("mesos")) {
			all++
		}
		if partial := len(got) < all; partial != (tasks > 100) {
			t.Errorf("step %d, %d tasks: got %d records of %d", step, tasks, len(got), all)
		}
		if step > 0 {
			response := answers(s.ask(t, request(t, ixfr("mesos.", serial), true)))
			if response[1].Header().Rrtype == dns.TypeSOA {
				differences++
			}
			_, applied, err := applyIXFR(soa, content, response)
			if err != nil {
				t.Fatalf("step %d: %v", step, err)
			}
			if !equalSets(applied, got) {
				t.Fatalf("step %d: got %d records by differences, want the %d of the whole zone", step, len(applied), len(got))
			}
		}
		soa, content = gotSOA, got
		serial, _ = c.zone.Serial(name("mesos"))
	}
	if differences < 3 {
		t.Errorf("got %d differences, want most steps to be answered so", differences)
	}
	if s.counts.omitted.Load() == 0 {
		t.Error("no omitted record was counted")
	}
}

// A difference of RRsets that fit is handed on as it is.
func TestDifferencesThatFitAreNotChanged(t *testing.T) {
	c := newCluster(t, bigState(100))
	serial, _ := c.zone.Serial(name("mesos"))
	c.publish(bigState(150))
	z := c.zone
	to, _ := z.Serial(name("mesos"))
	change, ok := c.history.Difference(name("mesos"), serial, to)
	if !ok || len(change.Added) == 0 {
		t.Fatalf("got %v, want a difference", ok)
	}
	if got := fitted(change, z); got != change {
		t.Errorf("got another difference: %d and %d records, want %d and %d", len(got.Removed), len(got.Added), len(change.Removed), len(change.Added))
	}
	// Nor are those of an RRset with more records than would fit if they were larger.
	r := rand.New(rand.NewPCG(2, 14))
	c.publish(largeState(r, 600))
	serial, _ = c.zone.Serial(name("mesos"))
	c.publish(largeState(r, 620))
	to, _ = c.zone.Serial(name("mesos"))
	change, ok = c.history.Difference(name("mesos"), serial, to)
	if n := count(nodeOf(c.zone, name("mesos"), name("large.marathon.mesos")), dns.TypeA); !ok || len(change.Removed) == 0 || n*maxRecord <= maxRRset {
		t.Fatalf("got %d addresses of the service, want more than %d, and a difference", n, maxRRset/maxRecord)
	}
	if got := fitted(change, c.zone); got != change {
		t.Error("got another difference of an RRset that fits")
	}
	if got := fitted(&zone.Change{}, z); len(got.Added)+len(got.Removed) != 0 {
		t.Errorf("got %+v of no difference", got)
	}
}
