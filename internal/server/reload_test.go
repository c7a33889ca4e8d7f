package server

import (
	"context"
	"fmt"
	"net/http/httptest"
	"net/netip"
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
	"toponym/internal/fakedns"
	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/scenario"
)

// reloadingServer is a server that follows a simulated cluster and a file of settings
// that the test can change, and notifies a service manager.
type reloadingServer struct {
	*Server
	hook   *test.Hook
	file   string
	hangup chan os.Signal
	base   string
	stop   func()
}

// Intervals of looking at the file: so short that a test waits for it, and so long that only
// a signal counts.
const shortInterval, longInterval = 5 * time.Millisecond, time.Hour

func newReloadingServer(t *testing.T, interval time.Duration) *reloadingServer {
	t.Helper()
	cluster := scenario.NewDemo(scenario.Options{})
	web := httptest.NewUnstartedServer(nil)
	at := netip.MustParseAddrPort(web.Listener.Addr().String())
	web.Config.Handler = sim.NewMaster(cluster.Cluster, sim.MasterOptions{Addr: at})
	web.Start()
	t.Cleanup(web.Close)

	s := &reloadingServer{
		hangup: make(chan os.Signal, 1),
		base:   `"masters": ["` + at.String() + `"], "listener": "127.0.0.1", "port": 0, "HTTPListener": "127.0.0.1", "httpport": 0`,
	}
	s.file = writeSettings(t, "{"+s.base+"}")
	c, _, err := config.Load(s.file, nil)
	if err != nil {
		t.Fatal(err)
	}
	log, hook := test.NewNullLogger()
	s.hook = hook
	source := NewSource(c.File, nil, s.hangup)
	source.interval = interval
	if s.Server, err = New(Options{Config: c, Log: log, Source: source, NotifyManager: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	testutil.Eventually(t, func() bool { return s.pipeline.info.Load().live() }, "a state has arrived")
	return s
}

// write replaces the file as careful editors do.
func (s *reloadingServer) write(t *testing.T, text string) {
	t.Helper()
	next := s.file + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, s.file); err != nil {
		t.Fatal(err)
	}
}

// logged counts the lines with a text in the message or a field.
func (s *reloadingServer) logged(text string) (n int) {
	for _, e := range s.hook.AllEntries() {
		if strings.Contains(e.Message+fmt.Sprint(e.Data), text) {
			n++
		}
	}
	return n
}

// ttl is that of an answer.
func (s *reloadingServer) ttl(t *testing.T) uint32 {
	t.Helper()
	r, err := exchange(new(dns.Msg).SetQuestion("nginx.marathon.mesos.", dns.TypeA), s.DNSAddr().String())
	if err != nil || len(r.Answer) == 0 {
		t.Fatalf("got %v, error %v, want an answer", r, err)
	}
	return r.Answer[0].Header().Ttl
}

func TestSettingsAreFollowed(t *testing.T) {
	m := newManager(t)
	s := newReloadingServer(t, shortInterval)
	defer func() {
		s.stop()
		m.wants(t, "\nSTOPPING=1\n")
	}()
	m.wants(t, "\nREADY=1\n", "\nSTATUS=")
	serial := s.pipeline.zones.Current().DomainSerial()

	// A changed file is seen without a signal.
	s.write(t, `{"ttl": 7, "httpport": 5353, `+strings.Replace(s.base, `, "httpport": 0`, "", 1)+`}`)
	testutil.Eventually(t, func() bool { return s.ttl(t) == 7 }, "the new TTL is answered")
	m.wants(t, "\nRELOADING=1\n", "\nMONOTONIC_USEC=")
	m.wants(t, "\nREADY=1\n")
	if n := s.pipeline.zones.Current().DomainSerial(); n <= serial {
		t.Errorf("serial: got %d after %d, want a larger one", n, serial)
	}
	if s.logged("setting:ttl to:7]") != 1 || s.logged("setting:httpport") != 1 || s.logged("needs a restart") != 1 {
		t.Errorf("got the lines %v, want ttl followed and httpport named", s.hook.AllEntries())
	}
	if c := s.config.Load(); c.TTL != 7 || c.HTTPPort != 0 {
		t.Errorf("current settings: got ttl %d, httpport %d, want 7 and 0", c.TTL, c.HTTPPort)
	}

	// Errors are all logged, once, and change nothing.
	s.hook.Reset()
	s.write(t, `{"ttl": "soon", "IPSources": ["nonsense"], `+s.base+`}`)
	testutil.Eventually(t, func() bool { return s.logged("ttl: ") == 1 && s.logged("IPSources[0]: ") == 1 }, "the errors are logged")
	m.wants(t, "\nREADY=1\n")
	time.Sleep(50 * time.Millisecond) // ten looks at the file
	if got := s.logged("cannot use the changed settings"); got != 2 || s.ttl(t) != 7 {
		t.Errorf("got ttl %d and %d errors in %v, want 7 and 2", s.ttl(t), got, s.hook.AllEntries())
	}

	// A file may be away for some time.
	if err := os.Remove(s.file); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, func() bool { return s.logged("the file of settings is missing") == 1 }, "a warning that the file is missing is logged")
	s.hook.Reset()
	s.write(t, `{"ttl": 8, "ttk": 1, `+s.base+`}`)
	testutil.Eventually(t, func() bool { return s.ttl(t) == 8 }, "the new TTL is answered")
	if s.logged("cannot be used") != 0 {
		t.Errorf("a file that was away: got the lines %v, want no error among them", s.hook.AllEntries())
	}

	if s.logged("setting:ttk]") != 1 {
		t.Errorf("an unknown setting: got the lines %v, want one warning with a field setting", s.hook.AllEntries())
	}

	// A signal reads it at once.
	s.hook.Reset()
	s.hangup <- syscall.SIGHUP
	testutil.Eventually(t, func() bool { return s.logged("no setting has changed") == 1 }, "the signal is followed")

	// /v1/enumerate lists the records of one set or the other.
	frameworks := 0
	for range s.pipeline.enumerate(nil) {
		frameworks++
	}
	if frameworks == 0 {
		t.Error("enumeration: got nothing, want frameworks")
	}
}

// A file is read once it has stayed the same for one look, so the last of several edits
// always is, even if it looks like the one before.
func TestTheLastEditIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "c.json")
		write := func(text string, modified time.Time) {
			t.Helper()
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, time.Time{}, modified); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		edit := func(text string) func() { return func() { write(text, time.Now()) } }
		write("1", start)
		s := NewSource(file, nil, nil)
		for _, step := range []struct {
			what          string
			change        func()
			read, missing bool
		}{
			{what: "an edit in the instant of the start", change: func() { write("2", start) }, read: true},
			{what: "nothing"},
			{what: "an edit", change: edit("3")},
			{what: "another one before the next look", change: edit("4")},
			{what: "nothing after two edits", read: true},
			{what: "nothing after they were read"},
			{what: "the file is gone", change: func() { os.Remove(file) }},
			{what: "the file stays away", missing: true},
			{what: "the file is still away"},
			{what: "the file is back", change: edit("4")},
			{what: "nothing after it came back", read: true},
			{what: "the file is gone again", change: func() { os.Remove(file) }},
			{what: "the file stays away again", missing: true},
		} {
			time.Sleep(fileInterval)
			if step.change != nil {
				step.change()
			}
			read, missing := s.look()
			if read != step.read || missing != step.missing {
				t.Errorf("%s: got read %v, missing %v, want %v, %v", step.what, read, missing, step.read, step.missing)
			}
			if read {
				s.markRead()
			}
		}
	})
}

// The server looks at the file that it reads.
func TestATildeStandsForHomeWhenTheFileIsLookedAt(t *testing.T) {
	file := writeSettings(t, "{}")
	s := NewSource("~/"+filepath.Base(file), []string{"HOME=" + filepath.Dir(file)}, nil)
	if s.file != file || !s.current.Exists() {
		t.Errorf("got %s, exists %v, want %s, true", s.file, s.current.Exists(), file)
	}
}

// Upstream servers can be changed while the server runs.
func TestUpstreamServersAreFollowed(t *testing.T) {
	s := newReloadingServer(t, shortInterval)
	defer s.stop()
	for _, addr := range []string{"192.0.2.1", "192.0.2.2"} {
		name := "of." + addr + ".example."
		up := fakedns.Start(t, fakedns.Records(name+" 60 IN A "+addr))
		s.write(t, `{"resolvers": ["`+up.Addr.String()+`"], `+s.base+`}`)
		testutil.Eventually(t, func() bool {
			all := s.dns.UpstreamStats()
			return len(all) == 1 && all[0].Address == up.Addr.String()
		}, "the new upstream server is used")
		r, err := exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), s.DNSAddr().String())
		if err != nil || len(r.Answer) != 1 {
			t.Errorf("got %v, error %v, want one address", r, err)
		}
	}
}

func TestSettingsAreFollowedBeforeTheFirstState(t *testing.T) {
	p, _ := testPipeline(t)
	c := config.Defaults()
	c.TTL, c.SRVRecordDefaultWeight = 9, 4
	r, z, err := recordsAndZone(c)
	if err != nil {
		t.Fatal(err)
	}
	p.configure(r, z)
	if p.zones.Current().Ready() {
		t.Error("without a state: got ready, want not ready")
	}
	p.state(fullState(task("1", "web", "10.1.0.1")))
	if z := p.zones.Current(); !z.Ready() || z.Options().DefaultTTL() != 9 {
		t.Errorf("got ready %v, TTL %d, want ready, TTL 9", z.Ready(), z.Options().DefaultTTL())
	}
}
