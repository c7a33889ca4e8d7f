package server

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/miekg/dns"

	"toponym/config"
	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// addressesOf returns the addresses that a name has in the current zone, and
// their TTL.
func (p *pipeline) addressesOf(name string) (addrs [][4]byte, ttl uint32) {
	z := p.zones.Current()
	n := z.Node(records.MustParseName(name))
	if n == nil {
		return nil, 0
	}
	return n.A, z.TTLOf(n, dns.TypeA)
}

// withSettings returns the options that changed settings have.
func withSettings(t *testing.T, change func(*config.Config)) (records.Options, zone.Options) {
	t.Helper()
	c := config.Defaults()
	change(c)
	r, z, err := recordsAndZone(c)
	if err != nil {
		t.Fatal(err)
	}
	return r, z
}

// manyTasks is a full state with so many tasks that a rebuild needs rounds to
// catch up with all.
func manyTasks(host byte) *state.FullState {
	var tasks []*state.Task
	for i := range 5 * fewChanges {
		tasks = append(tasks, task(fmt.Sprint("many.", i), fmt.Sprint("many-", i), fmt.Sprintf("10.%d.%d.%d", host, i/250, i%250)))
	}
	return fullState(tasks...)
}

// Records are rebuilt beside the current zone, which continues to follow the cluster
// meanwhile.
func TestChangesAreAnsweredWhileSettingsAreFollowed(t *testing.T) {
	p, _ := testPipeline(t)
	p.state(fullState(task("web.1", "web", "10.1.0.1")))
	rounds := 0
	p.o.background = func(work func()) {
		rounds++
		work()
		if rounds > 2 {
			return
		}
		serial := p.zones.Current().DomainSerial()
		s := manyTasks(byte(rounds))
		s.Tasks = append(s.Tasks, task("web.1", "web", fmt.Sprint("10.1.0.", 1+rounds)))
		p.state(s)
		got, ttl := p.addressesOf("web.marathon.mesos")
		if len(got) != 1 || got[0] != [4]byte{10, 1, 0, byte(1 + rounds)} || ttl != 10 {
			t.Errorf("a change meanwhile: got %v with TTL %d, want 10.1.0.%d with the TTL from before", got, ttl, 1+rounds)
		}
		if now := p.zones.Current().DomainSerial(); now <= serial {
			t.Errorf("serial: got %d after %d, want a larger one", now, serial)
		}
	}
	p.configure(withSettings(t, func(c *config.Config) { c.SRVRecordDefaultWeight, c.TTL = 7, 9 }))
	if rounds == 0 {
		t.Fatal("got no work in the background, want some")
	}
	if got, ttl := p.addressesOf("web.marathon.mesos"); len(got) != 1 || ttl != 9 {
		t.Errorf("afterwards: got %v with TTL %d, want one address with TTL 9", got, ttl)
	}
	if err := p.checkRebuilt(); err != nil {
		t.Error(err)
	}
}

func TestTTLAloneMakesNoNewRecords(t *testing.T) {
	p, _ := testPipeline(t)
	p.state(fullState(task("web.1", "web", "10.1.0.1")))
	set, serial := p.set, p.zones.Current().DomainSerial()
	p.o.background = func(func()) { t.Error("got work in the background, want none") }
	p.configure(withSettings(t, func(c *config.Config) { c.TTL, c.SOA.Retry = 9, 5 }))
	if p.set != set {
		t.Error("got new records, want those from before")
	}
	z := p.zones.Current()
	if _, ttl := p.addressesOf("web.marathon.mesos"); ttl != 9 || z.Options().Retry != 5 || z.DomainSerial() <= serial {
		t.Errorf("got TTL %d, SOA retry %d, serial %d after %d, want 9, 5 and a larger serial", ttl, z.Options().Retry, z.DomainSerial(), serial)
	}
}

// Whatever happens while other settings or zone files are followed, the zone is
// the one that is built from the whole cluster.
func TestRebuiltZoneHasWhatHappenedMeanwhile(t *testing.T) {
	for seed := range uint64(4) {
		p, _ := testPipeline(t)
		i := &eventSource{Rand: rand.New(rand.NewPCG(seed, 12))}
		p.state(fullState())
		events := func() {
			for range i.IntN(8) {
				for range 1 + i.IntN(3) {
					i.change(p).apply(p)
				}
				if i.IntN(4) > 0 { // else an event waits for the next publication
					p.Publish()
				}
			}
		}
		p.o.background = func(work func()) { events(); work(); events() }
		for step := range 30 {
			events()
			r, z := withSettings(t, func(c *config.Config) {
				c.TTL, c.AddressTTL = uint32(1+i.IntN(3)), uint32(1+i.IntN(3))
				if i.IntN(2) == 0 {
					c.SRVRecordDefaultWeight, c.Unhealthy = uint16(i.IntN(2)), config.UnhealthyInclude
				}
			})
			z.Static = p.zone.Static
			if i.IntN(3) == 0 {
				static, err := zone.ReadZoneFiles([]zone.ZoneFile{{Name: "f", Text: fmt.Appendf(nil, "web.marathon.mesos. A 10.9.0.%d\nx%d.mesos. A 10.9.0.1\n", i.IntN(3), i.IntN(3))}}, z)
				if err != nil {
					t.Fatal(err)
				}
				p.setStatic(static)
			} else {
				p.configure(r, z)
			}
			p.Publish()
			if err := p.checkRebuilt(); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if n := p.zones.Current(); p.zone.DefaultTTL() != n.Options().DefaultTTL() || p.meanwhile != nil {
				t.Fatalf("seed %d, step %d: got TTL %d, want %d", seed, step, n.Options().DefaultTTL(), p.zone.DefaultTTL())
			}
		}
	}
}
