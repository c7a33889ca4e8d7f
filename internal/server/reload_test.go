package server

import (
	"context"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/fakedns"
	"toponym/internal/testutil"
	"toponym/sim"
)

// manager is a service manager that listens to what it is told.
type manager struct{ conn *net.UnixConn }

// newManager has the process tell the test.
func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := filepath.Join(dir, "s")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", at)
	return &manager{c}
}

// wants reads until it is told something that has all parts.
func (m *manager) wants(t *testing.T, parts ...string) {
	t.Helper()
	var heard []string
	buf := make([]byte, 4096)
	m.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			t.Fatalf("nothing with %q was told, but %q", parts, heard)
		}
		said := string(buf[:n])
		heard = append(heard, said)
		all := true
		for _, p := range parts {
			all = all && strings.Contains("\n"+said+"\n", p)
		}
		if all {
			return
		}
	}
}

// tended is a server that runs as a program of its own, before a simulated
// cluster, with a file of settings that the test can change.
type tended struct {
	*Server
	hook   *test.Hook
	file   string
	hangup chan os.Signal
	base   string
	stop   func()
}

func newTended(t *testing.T) *tended {
	t.Helper()
	cluster := sim.NewDemo(sim.DemoOptions{Seed: 1})
	web := httptest.NewUnstartedServer(nil)
	at := netip.MustParseAddrPort(web.Listener.Addr().String())
	web.Config.Handler = sim.NewMaster(cluster.Cluster, sim.MasterOptions{Addr: at})
	web.Start()
	t.Cleanup(web.Close)

	s := &tended{
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
	source.every = 5 * time.Millisecond
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
	testutil.Eventually(t, func() bool { return s.pipeline.known.Load().live() }, "no state has arrived")
	return s
}

// write replaces the file as careful editors do.
func (s *tended) write(t *testing.T, text string) {
	t.Helper()
	next := s.file + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, s.file); err != nil {
		t.Fatal(err)
	}
}

func (s *tended) logged(text string) (n int) {
	for _, e := range s.hook.AllEntries() {
		if strings.Contains(e.Message, text) {
			n++
		}
	}
	return n
}

// ttl is that of an answer.
func (s *tended) ttl(t *testing.T) uint32 {
	t.Helper()
	r, err := dns.Exchange(new(dns.Msg).SetQuestion("nginx.marathon.mesos.", dns.TypeA), s.DNSAddr().String())
	if err != nil || len(r.Answer) == 0 {
		t.Fatalf("%v, error %v", r, err)
	}
	return r.Answer[0].Header().Ttl
}

func TestReload(t *testing.T) {
	m := newManager(t)
	s := newTended(t)
	defer func() {
		s.stop()
		m.wants(t, "\nSTOPPING=1\n")
	}()
	m.wants(t, "\nREADY=1\n", "\nSTATUS=")
	serial := s.pipeline.zones.Current().Serial()

	// A changed file is seen without a signal.
	s.write(t, `{"ttl": 7, "port": 5353, `+strings.Replace(s.base, `"port": 0, `, "", 1)+`}`)
	testutil.Eventually(t, func() bool { return s.ttl(t) == 7 }, "the TTL was not followed")
	m.wants(t, "\nRELOADING=1\n", "\nMONOTONIC_USEC=")
	m.wants(t, "\nREADY=1\n")
	if n := s.pipeline.zones.Current().Serial(); n <= serial {
		t.Errorf("the serial went from %d to %d", serial, n)
	}
	if s.logged("ttl is 7 now, it was 60") != 1 || s.logged("port needs a restart") != 1 {
		t.Errorf("logged %v", s.hook.AllEntries())
	}
	if c := s.config.Load(); c.TTL != 7 || c.Port != 0 {
		t.Errorf("in force: ttl %d, port %d", c.TTL, c.Port)
	}

	// Faults are all named, once, and change nothing.
	s.hook.Reset()
	s.write(t, `{"ttl": "soon", "IPSources": ["nonsense"], `+s.base+`}`)
	testutil.Eventually(t, func() bool { return s.logged("ttl: ") == 1 && s.logged("IPSources[0]: ") == 1 }, "the faults are not named")
	m.wants(t, "\nREADY=1\n")
	time.Sleep(50 * time.Millisecond) // ten looks at the file
	if s.logged("cannot be used") != 1 || s.ttl(t) != 7 {
		t.Errorf("ttl %d, logged %v", s.ttl(t), s.hook.AllEntries())
	}

	// A file that is away for a moment is nothing to worry about.
	if err := os.Remove(s.file); err != nil {
		t.Fatal(err)
	}
	time.Sleep(30 * time.Millisecond)
	s.hook.Reset()
	s.write(t, `{"ttl": 8, `+s.base+`}`)
	testutil.Eventually(t, func() bool { return s.ttl(t) == 8 }, "the TTL was not followed")
	if s.logged("cannot be used") != 0 {
		t.Errorf("logged %v", s.hook.AllEntries())
	}

	// A signal reads it at once.
	s.hook.Reset()
	s.hangup <- syscall.SIGHUP
	testutil.Eventually(t, func() bool { return s.logged("no setting has changed") == 1 }, "the signal was not heard")

	// Who answers /v1/enumerate meanwhile sees one set or the other.
	if n := len(s.pipeline.enumerate().Frameworks); n == 0 {
		t.Error("nothing is enumerated")
	}
}

// Other servers can be named while the server runs.
func TestReloadResolvers(t *testing.T) {
	s := newTended(t)
	defer s.stop()
	for _, addr := range []string{"192.0.2.1", "192.0.2.2"} {
		name := "of." + addr + ".example."
		up := fakedns.Start(t, fakedns.Records(name+" 60 IN A "+addr))
		s.write(t, `{"resolvers": ["`+up.Addr.String()+`"], `+s.base+`}`)
		testutil.Eventually(t, func() bool {
			all := s.dns.ForwardStats().Upstreams
			return len(all) == 1 && all[0].Address == up.Addr.String()
		}, "the servers are not followed")
		r, err := dns.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), s.DNSAddr().String())
		if err != nil || len(r.Answer) != 1 {
			t.Errorf("%v, error %v", r, err)
		}
	}
}

func TestReloadBeforeTheFirstState(t *testing.T) {
	p, _ := testPipeline(t)
	c := config.Defaults()
	c.TTL, c.SRVRecordDefaultWeight = 9, 4
	r, z, err := recordsAndZone(c)
	if err != nil {
		t.Fatal(err)
	}
	p.remake(r, z)
	if p.zones.Current().Ready() {
		t.Error("ready without a state")
	}
	p.event(snapshot(task("1", "web", "10.1.0.1")))
	if z := p.zones.Current(); !z.Ready() || z.Options().DefaultTTL() != 9 {
		t.Errorf("ready %v, TTL %d", z.Ready(), z.Options().DefaultTTL())
	}
}

func TestWatchdog(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "60000")
	s := newTended(t)
	for range 3 {
		m.wants(t, "\nWATCHDOG=1\n")
	}
	m.wants(t, "\nSTATUS=", "names; state of 127.0.0.1")
	s.stop()
}

// A server that does not answer is not alive, however well its timers run.
func TestWatchdogOfADeadServer(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "90000")
	log, hook := test.NewNullLogger()
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: "127.0.0.1", Port: 1}}
	c.Listener, c.Port, c.HTTPOn = netip.MustParseAddr("127.0.0.1"), 0, false
	s := newTestServer(t, c, log)
	if err := s.Listen(); err != nil { // nobody runs it
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.reportStatus(ctx, newNotifier(true, log)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		m.conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		n, err := m.conn.Read(buf)
		if err != nil {
			break
		}
		if strings.Contains(string(buf[:n]), "WATCHDOG=1") {
			t.Error("it was called alive")
		}
	}
	said := 0
	for _, e := range hook.AllEntries() {
		if strings.Contains(e.Message, "does not answer") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("it was said %d times: %v", said, hook.AllEntries())
	}
	cancel()
	if err := s.Run(ctx); err != nil { // closes the sockets
		t.Error(err)
	}
}

func TestReachable(t *testing.T) {
	for at, want := range map[string]string{
		"0.0.0.0:53": "127.0.0.1:53", "[::]:53": "[::1]:53", "10.0.0.1:53": "10.0.0.1:53",
	} {
		if got := reachable(netip.MustParseAddrPort(at)); got != netip.MustParseAddrPort(want) {
			t.Errorf("%s is reached at %v, want %s", at, got, want)
		}
	}
}

// A manager that does not listen holds nobody up for long, and is named once.
func TestManagerThatDoesNotListen(t *testing.T) {
	newManager(t)
	log, hook := test.NewNullLogger()
	n := newNotifier(true, log)
	began := time.Now()
	for len(hook.AllEntries()) == 0 && time.Since(began) < 30*time.Second {
		n.status("still here")
	}
	n.alive()
	if len(hook.AllEntries()) != 1 {
		t.Errorf("logged %v", hook.AllEntries())
	}
}
