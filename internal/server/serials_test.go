package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/records"
	"toponym/state"
	"toponym/state/snapshot"
	"toponym/zone"
)

// life is what one process after the other does with one snapshot.
type life struct {
	t   *testing.T
	now time.Time
	dir *snapshot.Dir

	among primaries
}

// start begins a process whose settings are changed, and restores what is on disk.
func (l *life) start(change func(*config.Config)) *pipeline {
	l.t.Helper()
	p, _ := testPipeline(l.t)
	if change != nil {
		c := config.Defaults()
		change(c)
		r, z, err := recordsAndZone(c)
		if err != nil {
			l.t.Fatal(err)
		}
		p.o.records, p.o.zone = r, z
		p = newPipeline(p.o)
	}
	p.o.now = func() time.Time { return l.now }
	p.serials.now, p.serials.among = p.o.now, l.among
	zones, confirmed, err := l.dir.LoadZones()
	if errors.Is(err, fs.ErrNotExist) {
		return p
	}
	if err != nil {
		l.t.Fatal(err)
	}
	p.restoreSerials(zones, confirmed)
	c, _, err := l.dir.Load(l.now)
	if err != nil {
		l.t.Fatal(err)
	}
	if !p.restore(c) {
		l.t.Fatal("got a snapshot that comes too late, want one that is used")
	}
	return p
}

// save writes what the process has now to disk.
func (l *life) save(p *pipeline) {
	l.t.Helper()
	c, z, _, _ := p.contents()
	var newest uint32
	c.Zones.Versions, newest = versionsOf(z)
	c.Zones.SerialLimit = newest + minSerialReserve
	c.Confirmed = l.now
	if _, err := l.dir.Save(c); err != nil {
		l.t.Fatal(err)
	}
}

// serials are those of the zones that a process answers from.
func (l *life) serials(p *pipeline) map[records.Name]uint32 {
	all := map[records.Name]uint32{}
	z := p.zones.Current()
	for _, o := range z.TransferZones() {
		if serial, ok := z.Serial(o); ok {
			all[o] = serial
		}
	}
	return all
}

// A secondary must never find a serial that it has with other content, nor an
// older one than it has seen, however the process before ended.
func TestSerialsSurviveRestarts(t *testing.T) {
	mesos := records.MustParseName("mesos")
	some := func(ip string) *state.FullState { return fullState(task("web.1", "web", ip)) }
	l := &life{t: t, now: time.Unix(1_700_000_000, 0), dir: snapshot.NewDir(t.TempDir())}

	first := l.start(nil)
	first.state(some("10.1.0.1"))
	l.save(first)
	before := l.serials(first)
	if len(before) < 2 || before[mesos] != 1_700_000_000 {
		t.Fatalf("got serials %v, want the time for each zone", before)
	}

	l.now = l.now.Add(time.Hour)
	same := l.start(nil)
	same.state(some("10.1.0.1"))
	for o, serial := range l.serials(same) {
		if serial != before[o] {
			t.Errorf("the same content, %v: got serial %d, want %d", o, serial, before[o])
		}
	}

	// An hour without a change is confirmed. Then many changes follow, and the process is killed before they are on disk.
	if err := l.dir.Confirm(l.now); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		same.state(some("10.1.1." + string(rune('0'+i%10))))
	}
	killed := l.serials(same)[mesos]
	l.now = time.Unix(1_600_000_000, 0) // and the clock goes back
	next := l.start(nil)
	if got := l.serials(next)[mesos]; got != before[mesos] {
		t.Errorf("restored: got serial %d, want %d, that of this content", got, before[mesos])
	}
	next.state(some("10.1.2.1"))
	if got := l.serials(next)[mesos]; !zone.SerialAfter(got, killed) {
		t.Errorf("changed: got serial %d, want a newer one than %d", got, killed)
	}

	// Other settings make other content of some zones.
	other := l.start(func(c *config.Config) { c.AddressTTL++ })
	views := records.MustParseName("dcos.thisdcos.directory")
	if got := l.serials(other); got[mesos] != before[mesos] || !zone.SerialAfter(got[views], before[views]) {
		t.Errorf("with another TTL of the address trees: got serials %v, want a newer one than %d of %v alone", got, before[views], views)
	}
}

// A process that is killed before it writes a snapshot has used serials too, as one does
// that is killed again and again. So has one whose snapshot then cannot be used.
func TestKilledProcessesShareNoSerial(t *testing.T) {
	mesos := records.MustParseName("mesos")
	log, _ := test.NewNullLogger()
	path := t.TempDir()
	now := time.Unix(1_700_000_000, 0)
	var used, usedByCatalog uint32
	for round, before := range []struct {
		what string
		do   func(file string) error
	}{
		{"nothing is there", func(string) error { return nil }},
		{"there is no snapshot yet", func(string) error { return nil }},
		{"there is a snapshot", func(string) error { return nil }},
		{"the snapshot is that of two processes ago", func(string) error { return nil }},
		{"the snapshot is damaged", func(file string) error { return os.WriteFile(file, []byte("toponym snapshot 2\nnothing"), 0o600) }},
		{"the damaged snapshot is set aside", func(string) error { return nil }},
		{"the snapshot has another version", func(file string) error { return os.WriteFile(file, []byte("toponym snapshot 99\n"), 0o600) }},
		{"the snapshot is gone", os.Remove},
		{"the clock is wrong", func(string) error { now = now.Add(-time.Hour); return nil }},
	} {
		p, _ := testPipeline(t)
		p.o.now = func() time.Time { return now }
		p.serials.now = p.o.now
		s := newSnapshotter(path, func() time.Duration { return testInterval }, p, log)
		if err := before.do(s.dir.File()); err != nil {
			t.Fatal(err)
		}
		if zones, confirmed := s.loadZones(t.Context()); zones != nil {
			p.restoreSerials(zones, confirmed)
		}
		s.reserveSerials(t.Context(), true)
		if c := s.load(t.Context(), now); c != nil {
			p.restore(c)
		}
		var catalog uint32
		for i := range 50 {
			// The catalog zone, whose members change all the time.
			if catalog = p.nextSerial(records.MustParseName("catalog"), catalog); !zone.SerialAfter(catalog, usedByCatalog) {
				t.Fatalf("%s: got serial %d for a new catalog, want a newer one than %d", before.what, catalog, usedByCatalog)
			}
			usedByCatalog = catalog
			p.state(fullState(task("web.1", "web", fmt.Sprintf("10.1.%d.%d", round, i))))
			serial, _ := p.zones.Current().Serial(mesos)
			if used != 0 && !zone.SerialAfter(serial, used) {
				t.Fatalf("%s: got serial %d for new content, want a newer one than %d", before.what, serial, used)
			}
			used = serial
		}
		if before.what == "there is no snapshot yet" {
			s.save(t.Context(), func(f func()) { f() })
		}
		s.dir.Close() // the process is killed
	}
}

// Servers that the same secondaries take zones from never use the same serial, so
// that a difference from a version of another one is not made.
func TestPrimariesShareNoSerial(t *testing.T) {
	mesos := records.MustParseName("mesos")
	owner := map[uint32]int{}
	var all []*pipeline
	for i := range 3 {
		p, _ := testPipeline(t)
		p.serials.among = primaries{number: uint32(i + 1), count: 3}
		all = append(all, p)
	}
	for step := range 60 {
		for i, p := range all {
			if step%(i+1) != 0 {
				continue // not each sees each change as a version of its own
			}
			p.state(fullState(task("web.1", "web", fmt.Sprintf("10.1.0.%d", step+1))))
			serial, _ := p.zones.Current().Serial(mesos)
			if before, used := owner[serial]; used {
				t.Fatalf("step %d: server %d has serial %d, which server %d has used", step, i+1, serial, before)
			}
			owner[serial] = i + 1
			for j, other := range all {
				newest, _ := other.zones.Current().Serial(mesos)
				if _, ok := other.history.Difference(mesos, serial, newest); ok && j != i {
					t.Errorf("step %d: server %d knows a difference from serial %d of server %d", step, j+1, serial, i+1)
				}
			}
		}
	}
	// A snapshot of a time when this server had another number.
	l := &life{t: t, now: time.Unix(1_700_000_001, 0), dir: snapshot.NewDir(t.TempDir())}
	p := l.start(nil)
	p.serials.among = primaries{number: 2, count: 2}
	p.state(fullState(task("web.1", "web", "10.1.0.1")))
	l.save(p)
	before := l.serials(p)[mesos]
	l.among = primaries{number: 1, count: 2}
	if got := l.serials(l.start(nil))[mesos]; got%2 != 0 || !zone.SerialAfter(got, before) {
		t.Errorf("with another number: got serial %d after %d, want a newer even one", got, before)
	}
}

// Without a snapshot serials are the time.
func TestFirstSerialsAreTheTime(t *testing.T) {
	l := &life{t: t, now: time.Unix(1_800_000_000, 0), dir: snapshot.NewDir(t.TempDir())}
	p := l.start(nil)
	p.state(fullState(task("web.1", "web", "10.1.0.1")))
	for o, serial := range l.serials(p) {
		if serial != 1_800_000_000 {
			t.Errorf("%v: got serial %d, want 1800000000", o, serial)
		}
	}
}
