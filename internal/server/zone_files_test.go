package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

// One file that cannot be used changes nothing, and is logged once.
func TestZoneFilesAreReadAgain(t *testing.T) {
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
		if s, err := f.load(t.Context()); err != nil || s.Len() != 1 {
			t.Fatalf("got %d names, error %v, want 1 name", s.Len(), err)
		}
		var got []*zone.StaticRecords
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			(&staticZones{files: f}).run(ctx, func(s *zone.StaticRecords) { got = append(got, s) })
		}()
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
			t.Errorf("a file that stays: got %d readings, want %d", again, calls)
		}
		write("a.mesos. A 10.0.0.1\nb.mesos. A 10.0.0.1\n")
		if _, names := last(2 * zoneFileInterval); names != 2 {
			t.Errorf("a file with one more name: got %d names, want 2", names)
		}
		hook.Reset()
		write("a.mesos. A x\nb.mesos. A y\n")
		if _, names := last(time.Minute); names != 2 {
			t.Errorf("a file with errors: got %d names, want 2", names)
		}
		if text := fmt.Sprint(hook.LastEntry().Data["error"]); len(hook.AllEntries()) != 1 || !strings.Contains(text, "a.zone:1: bad A A") || !strings.Contains(text, "1 more") {
			t.Errorf("got %d lines, the last error %q, want one with the first error and their number", len(hook.AllEntries()), text)
		}
		if err := os.Remove(c.StaticZones[0]); err != nil {
			t.Fatal(err)
		}
		if _, names := last(time.Minute); names != 2 || len(hook.AllEntries()) != 2 {
			t.Errorf("a file that is gone: got %d names, %d lines, want 2 and 2", names, len(hook.AllEntries()))
		}
		write("c.mesos. A 10.0.0.1\n")
		if _, names := last(time.Minute); names != 1 {
			t.Errorf("a file that is back: got %d names, want 1", names)
		}
		cancel()
		<-done
	})
}

func TestWithoutZoneFiles(t *testing.T) {
	f := newZoneFiles(config.Defaults(), staticOptions(t), nil)
	s, err := f.load(t.Context())
	if s != nil || err != nil {
		t.Errorf("got %v, error %v, want nothing", s, err)
	}
}

// A named pipe would never be read to its end: neither the start nor the end of
// the server may wait for it.
func TestZoneFileThatIsAPipeIsRefused(t *testing.T) {
	c := config.Defaults()
	c.StaticZones = []string{filepath.Join(t.TempDir(), "pipe")}
	if err := syscall.Mkfifo(c.StaticZones[0], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ZoneFileCheck.Run(c); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("got error %v, want one that names the kind of file", err)
	}
}

func TestZoneFilesInThePipeline(t *testing.T) {
	p, hook := testPipeline(t)
	read := func(text string) *zone.StaticRecords {
		s, err := zone.ReadZoneFiles([]zone.ZoneFile{{Name: "f", Text: []byte(text)}}, p.zone)
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
		t.Errorf("before the first state: got %v and %v, want success and not ready", result("ready.spartan"), result("web.marathon.mesos"))
	}
	p.state(fullState(task("1", "web", "192.168.0.1")))
	first := p.zones.Current()
	if result("ready.spartan") != zone.Success || result("web.marathon.mesos") != zone.Success {
		t.Errorf("after the first state: got %v and %v, want success of both", result("ready.spartan"), result("web.marathon.mesos"))
	}
	p.setStatic(read("; the same\n" + own))
	if p.zones.Current() != first {
		t.Error("the same records: got another zone, want the same")
	}
	p.setStatic(read(own + "web.marathon.mesos. A 192.168.0.2\nleader.mesos. CNAME web.marathon.mesos.\n"))
	if z := p.zones.Current(); z.DomainSerial() != first.DomainSerial()+1 {
		t.Errorf("serial: got %d, want %d", z.DomainSerial(), first.DomainSerial()+1)
	}
	p.state(fullState(task("1", "web", "192.168.0.3")))
	var both []string
	for _, e := range hook.AllEntries() {
		if strings.Contains(e.Message, "staticZones") {
			both = append(both, fmt.Sprint(e.Data["name"], " ", e.Message))
		}
	}
	if len(both) != 2 || !strings.Contains(strings.Join(both, "\n"), "leader.mesos. a CNAME record") {
		t.Errorf("got the lines %q, want one for each of two names, the CNAME record named", both)
	}
	n := p.zones.Current().Node(records.MustParseName("web.marathon.mesos"))
	if len(n.A) != 2 {
		t.Errorf("web.marathon.mesos: got %v, want 2 addresses", n.A)
	}
	p.setStatic(nil)
	if result("ready.spartan") != zone.OutOfZone || len(p.zones.Current().Node(records.MustParseName("web.marathon.mesos")).A) != 1 {
		t.Error("without files: got their records, want none")
	}
}
