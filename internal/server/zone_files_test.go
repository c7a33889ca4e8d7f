package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/records"
	"toponym/zone"
)

func writeText(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func staticOptions(t *testing.T) zone.Options {
	t.Helper()
	c := config.Defaults()
	_, o, err := recordsAndZone(c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Files are read again when they change; one that is broken changes nothing and
// is logged once.
func TestStaticZonesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, hook := test.NewNullLogger()
		c := config.Defaults()
		c.StaticZones = []string{filepath.Join(t.TempDir(), "a.zone")}
		write := func(text string) {
			writeText(t, c.StaticZones[0], text)
			if err := os.Chtimes(c.StaticZones[0], time.Time{}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		write("a.mesos. A 10.0.0.1\n")
		f := newZoneFiles(c, staticOptions(t), log)
		if s, err := f.load(); err != nil || s.Len() != 1 {
			t.Fatalf("%d names, %v", s.Len(), err)
		}
		var got []*zone.StaticRecords
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- f.Run(ctx, func(s *zone.StaticRecords) { got = append(got, s) }) }()
		last := func(after time.Duration) (calls, names int) {
			time.Sleep(after)
			synctest.Wait()
			if len(got) == 0 {
				return 0, 0
			}
			return len(got), got[len(got)-1].Len()
		}

		calls, _ := last(time.Minute)
		if again, _ := last(time.Hour); again != calls {
			t.Errorf("a file that stays is read again: %d times after %d", again, calls)
		}
		write("a.mesos. A 10.0.0.1\nb.mesos. A 10.0.0.1\n")
		if _, names := last(2 * staticInterval); names != 2 {
			t.Errorf("%d names", names)
		}
		hook.Reset()
		write("a.mesos. A x\nb.mesos. A y\n")
		if _, names := last(time.Minute); names != 2 {
			t.Errorf("%d names after the file broke", names)
		}
		if n := len(hook.AllEntries()); n != 1 || !strings.Contains(hook.LastEntry().Message, "a.zone:1: bad A A") || !strings.Contains(hook.LastEntry().Message, "1 more") {
			t.Errorf("logged %d times, at last %v", n, hook.LastEntry())
		}
		if err := os.Remove(c.StaticZones[0]); err != nil {
			t.Fatal(err)
		}
		if _, names := last(time.Minute); names != 2 || len(hook.AllEntries()) != 2 {
			t.Errorf("%d names after the file went; logged %d times", names, len(hook.AllEntries()))
		}
		write("c.mesos. A 10.0.0.1\n")
		if _, names := last(time.Minute); names != 1 {
			t.Errorf("%d names after the file came back", names)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestNoStaticZones(t *testing.T) {
	f := newZoneFiles(config.Defaults(), staticOptions(t), nil)
	s, err := f.load()
	if s != nil || err != nil {
		t.Errorf("%v, %v", s, err)
	}
	if err := f.Run(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

func TestStaticZonesInThePipeline(t *testing.T) {
	p, hook := testPipeline(t)
	read := func(text string) *zone.StaticRecords {
		s, err := zone.ReadZoneFiles([]zone.ZoneFile{{Name: "f", Text: []byte(text)}}, p.o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	result := func(name string) zone.Result {
		_, r := p.zones.Current().Lookup([]byte(records.MustParseName(name)), dns.TypeA)
		return r
	}
	const own = "ready.spartan. A 127.0.0.1\nspartan. SOA ns1.mesos. root.mesos. 1 2 3 4 5\nspartan. NS ns1.mesos.\n"

	p.setStatic(read(own))
	if p.zones.Current().Ready() || result("ready.spartan") != zone.Success || result("web.marathon.mesos") != zone.NotReady {
		t.Errorf("before the first state: %v, %v", result("ready.spartan"), result("web.marathon.mesos"))
	}
	p.event(snapshot(task("1", "web", "192.168.0.1")))
	first := p.zones.Current()
	if result("ready.spartan") != zone.Success || result("web.marathon.mesos") != zone.Success {
		t.Errorf("after the first state: %v, %v", result("ready.spartan"), result("web.marathon.mesos"))
	}
	p.setStatic(read("; the same\n" + own))
	if p.zones.Current() != first {
		t.Error("the same records made another zone")
	}
	p.setStatic(read(own + "web.marathon.mesos. A 192.168.0.2\nleader.mesos. CNAME web.marathon.mesos.\n"))
	if z := p.zones.Current(); z.Serial() != first.Serial()+1 {
		t.Errorf("serial %d after %d", z.Serial(), first.Serial())
	}
	p.event(snapshot(task("1", "web", "192.168.0.3")))
	var both []string
	for _, e := range hook.AllEntries() {
		if strings.Contains(e.Message, "staticZones") {
			both = append(both, e.Message)
		}
	}
	if len(both) != 2 || !strings.Contains(strings.Join(both, "\n"), "leader.mesos.: the CNAME record") {
		t.Errorf("logged %q", both)
	}
	n := p.zones.Current().Node(records.MustParseName("web.marathon.mesos"))
	if len(n.A) != 2 {
		t.Errorf("web.marathon.mesos has %v", n.A)
	}
	p.setStatic(nil)
	if result("ready.spartan") != zone.OutOfZone || len(p.zones.Current().Node(records.MustParseName("web.marathon.mesos")).A) != 1 {
		t.Error("records stay that are in no file")
	}
}
