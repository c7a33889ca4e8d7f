package zone

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"toponym/records"
	"toponym/state"
)

// randomCluster is a small cluster whose tasks come and go, and share names
// and targets all the time.
func randomCluster(r *rand.Rand) *state.FullState {
	addr := func() netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(8))}) }
	s := &state.FullState{}
	for i := range r.IntN(4) {
		a := &state.Agent{ID: fmt.Sprintf("a-S%d", i), PID: state.UPID{ID: "slave(1)", Host: "x", Port: 5051}}
		if r.IntN(4) > 0 {
			a.Addrs = []netip.Addr{addr()}
		}
		s.Agents = append(s.Agents, a)
	}
	for i, n := range []string{"marathon", "a.b", "b"} {
		s.Frameworks = append(s.Frameworks, &state.Framework{ID: fmt.Sprint("f", i), Name: n, Addrs: []netip.Addr{addr()}})
	}
	for i := range r.IntN(25) {
		t := &state.Task{
			Key:     state.TaskKey{Framework: fmt.Sprint("f", r.IntN(3)), ID: fmt.Sprint("t", i)},
			Name:    []string{"web", "db", "a", "web.a"}[r.IntN(4)],
			AgentID: fmt.Sprintf("a-S%d", r.IntN(4)), State: state.Running,
		}
		if r.IntN(3) > 0 {
			t.Addresses.NetInfo = []netip.Addr{addr()}
		}
		for range r.IntN(3) {
			t.Ports = append(t.Ports, state.PortRange{First: 80, Last: uint16(80 + r.IntN(3))})
		}
		if r.IntN(2) == 0 {
			t.Discovery = &state.Discovery{Name: t.Name, Ports: []state.DiscoveryPort{{Number: 80, Name: "http"}, {Number: 443}}}
		}
		s.Tasks = append(s.Tasks, t)
	}
	return s
}

// built is a record set that is made of the whole cluster at once.
func built(c *state.Cluster, o records.Options) *records.Set {
	fresh, set := state.NewCluster(), records.NewSet(o)
	set.Update(fresh, fresh.Reconcile(c.FullState(), nil))
	return set
}

func patchOptions() (records.Options, Options) {
	o := testOptions()
	o.Origins = append(o.Origins, Origin{Name: name("b.mesos"), TTL: 5}) // inside another origin
	o.Origins = append(o.Origins, Origin{Name: name("deep.down.a.mesos"), TTL: 5})
	o.Aliases = []Alias{{name("web.marathon.mesos"), name("a.mesos")}, {name("far.off.marathon.mesos"), name("mesos")}}
	return records.Options{
		Domain: name("mesos"), MName: name("ns1.mesos"), Listeners: []netip.Addr{netip.MustParseAddr("10.0.0.53")},
		IPSources: []records.IPSource{records.SourceNetInfo}, Rule: records.RFC1123, SRVWeight: 1, Reverse: true,
	}, o
}

// serialsOf gives each origin the serial that it has in a version.
func serialsOf(z *Zone) SerialFunc {
	return func(origin records.Name, _ uint32) uint32 {
		serial, _ := z.Serial(origin)
		return serial
	}
}

// text is everything that a zone answers, as sorted lines.
func text(z *Zone) string {
	var lines []string
	for n := range z.All() {
		line := fmt.Sprint(n.Name, n.Apex, z.origins[n.origin].name, z.TTLOf(n, dns.TypeA), n.A, n.AAAA, z.RRs(n, "x.", dns.TypeANY))
		for i, s := range n.SRV {
			// By id or by name, the target is the same.
			byID := z.Target(s.Target)
			byName := z.Node(byID.Name)
			if byID != byName && (byName != nil || !byID.Empty()) {
				line += fmt.Sprintf(" target %d is %v by id and %v by name", i, byID, byName)
			}
		}
		if z.Node(n.Name) != n {
			line += " is not found by its name"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + fmt.Sprintf("\n%+v", z.counts)
}

// A zone that was patched from version to version equals the one compiled from the
// last set, and older versions stay as they were.
func TestPatchEqualsCompile(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		ro, zo := patchOptions()
		if seed%2 == 1 {
			zo = static(t, zo, externalZone, staticPatchText())
		}
		c, set := state.NewCluster(), records.NewSet(ro)
		z := Compile(set, zo, SameSerial(1))
		var older []*Zone
		var was []string
		for step := range 40 {
			changes := set.Update(c, c.Reconcile(randomCluster(r), nil))
			older, was = append(older, z), append(was, text(z))
			z = z.Patch(set, changes, SameSerial(uint32(step+2)))
			if got, want := text(z), text(Compile(built(c, ro), zo, serialsOf(z))); got != want {
				t.Fatalf("seed %d, step %d:\npatched\n%s\ncompiled\n%s", seed, step, got, want)
			}
			checkCounts(t, z)
		}
		for i, z := range older {
			if got := text(z); got != was[i] {
				t.Fatalf("seed %d: version %d was\n%s\nand is\n%s", seed, i, was[i], got)
			}
		}
		// Ids of names that are gone are freed with the next update.
		set.Update(c, state.Delta{})
		if ids, nodes := z.builder.names.Len(), len(slices.Collect(z.All())); ids > 2*nodes+50 {
			t.Errorf("seed %d: got %d ids for %d nodes, want at most %d", seed, ids, nodes, 2*nodes+50)
		}
	}
}

// A reader sees one version from the beginning of a query to its end, while
// versions follow each other.
func TestReadersSeeOneVersionWhileOthersFollow(t *testing.T) {
	const readers, enough = 3, 100
	ro, zo := patchOptions()
	c, set := state.NewCluster(), records.NewSet(ro)
	store := NewStore(Compile(set, zo, SameSerial(1)))
	var done sync.WaitGroup
	var satisfied atomic.Int32 // readers that have seen enough
	stop := make(chan struct{})
	for range readers {
		done.Go(func() {
			var last *Zone
			seen := 0 // versions with the service
			for {
				select {
				case <-stop:
					return
				default:
				}
				z := store.Current()
				a, r := z.Lookup([]byte(name("_web._tcp.marathon.mesos")), dns.TypeSRV)
				if r == Success {
					for i, s := range a.Node.SRV {
						if n := z.Target(s.Target).Name.String(); !strings.HasPrefix(n, "web-") || !strings.Contains(n, ".marathon.") {
							t.Errorf("got the target %s of record %d, want a name of an instance", n, i)
						}
					}
					if z != last {
						if seen++; seen == enough {
							satisfied.Add(1)
						}
					}
				}
				last = z
				runtime.Gosched()
			}
		})
	}
	r := rand.New(rand.NewPCG(5, 5))
	for step := 0; step < 300 || satisfied.Load() < readers; step++ {
		changes := set.Update(c, c.Reconcile(randomCluster(r), nil))
		store.Swap(store.Current().Patch(set, changes, SameSerial(uint32(step))))
		runtime.Gosched()
	}
	close(stop)
	done.Wait()
}

func TestLookupAllocatesNothing(t *testing.T) {
	z := Compile(testSet(), testOptions(), SameSerial(1))
	for _, n := range []string{"web.marathon.mesos", "_web._tcp.marathon.mesos", "nope.mesos", "example.com"} {
		key := []byte(name(n))
		if allocs := testing.AllocsPerRun(100, func() { z.Lookup(key, dns.TypeA) }); allocs != 0 {
			t.Errorf("%s: got %v allocations, want none", n, allocs)
		}
	}
}

// The prepared SOA record is the one that package dns would pack.
func TestNegativeSOAInWireForm(t *testing.T) {
	z := Compile(testSet(), testOptions(), SameSerial(7))
	a, _ := z.Lookup([]byte(name("nope.mesos")), dns.TypeA)
	msg := append([]byte("\x05mesos\x00"), z.NegativeSOA(a)...)
	rr, off, err := dns.UnpackRR(msg, 0)
	if err != nil || off != len(msg) {
		t.Fatalf("unpacking: got %v at byte %d, want all %d bytes", err, off, len(msg))
	}
	want := z.SOA(a)
	want.Hdr.Rdlength = rr.Header().Rdlength
	if rr.String() != want.String() {
		t.Errorf("got  %v\nwant %v", rr, want)
	}
}
