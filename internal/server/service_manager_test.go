package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
)

// manager is a service manager that the test reads the messages of.
type manager struct{ conn *net.UnixConn }

// newManager makes the process notify the test.
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

// wants reads messages until one has all parts.
func (m *manager) wants(t *testing.T, parts ...string) {
	t.Helper()
	var heard []string
	buf := make([]byte, 4096)
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			t.Fatalf("got the messages %q and then %v, want one with %q", heard, err, parts)
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

// Names that others chose are in the status. A line break in one of them must
// not let it set other variables of the service manager: WATCHDOG=trigger would
// have the service restarted.
func TestStatusCannotSetOtherVariables(t *testing.T) {
	m := newManager(t)
	log, _ := test.NewNullLogger()
	n := newNotifier(true, log)
	n.ready("state of evil\nWATCHDOG=trigger\r\n\x00\u2028X=1" + strings.Repeat("é", maxAssignment) + "\nMAINPID=1")
	buf := make([]byte, 4096)
	size, err := m.conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(buf[:size]), "\n")
	if len(lines) != 2 || lines[0] != "READY=1" || !strings.HasPrefix(lines[1], "STATUS=state of evil?WATCHDOG=trigger????X=1é") {
		t.Errorf("got %q, want READY and one STATUS", lines)
	}
	if got := len(lines[1]); got > maxAssignment+len("…") {
		t.Errorf("status: got %d bytes, want at most %d", got, maxAssignment)
	}
}

func TestWatchdogOfAServerThatAnswers(t *testing.T) {
	m := newManager(t)
	t.Setenv("WATCHDOG_USEC", "300000")
	s := newReloadingServer(t, shortInterval)
	for range 3 {
		m.wants(t, "\nWATCHDOG=1\n")
	}
	m.wants(t, "\nSTATUS=", "names; state of 127.0.0.1")
	s.stop()
}

// A server that does not answer is not alive, however well its timers run.
func TestWatchdogOfADeadServer(t *testing.T) {
	log, hook := test.NewNullLogger()
	var answered, alive int
	var dead error
	w := watchdog{
		limit:    time.Minute,
		answered: func() uint64 { return uint64(answered) },
		probe:    func() error { return dead },
		alive:    func() { alive++ },
		log:      log,
	}
	for _, step := range []struct {
		what          string
		change        func()
		alive, logged int // so far
	}{
		{"clients were answered", func() { answered++; dead = errors.New("timeout") }, 1, 0},
		{"nobody was answered", func() {}, 1, 1},
		{"still nobody", func() {}, 1, 1},
		{"the probe is answered", func() { dead = nil }, 2, 1},
		{"nobody again", func() { dead = errors.New("timeout") }, 2, 2},
	} {
		step.change()
		w.check(t.Context())
		if got := len(hook.AllEntries()); alive != step.alive || got != step.logged {
			t.Errorf("%s: got alive %d times, %d lines, want %d and %d", step.what, alive, got, step.alive, step.logged)
		}
	}
}

func TestProbeOfADeadServerFails(t *testing.T) {
	log, _ := test.NewNullLogger()
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: "127.0.0.1", Port: 1}}
	c.Listener, c.Port, c.HTTPOn = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0, false
	s := newTestServer(t, c, log)
	if err := s.Listen(); err != nil { // nobody runs it
		t.Fatal(err)
	}
	if err := s.probe(t.Context(), 50*time.Millisecond); err == nil {
		t.Error("got no error, want one")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Run(ctx); err != nil { // closes the sockets
		t.Errorf("Run: got %v, want no error", err)
	}
}

func TestReachable(t *testing.T) {
	for at, want := range map[string]string{
		"0.0.0.0:53": "127.0.0.1:53", "[::]:53": "[::1]:53", "10.0.0.1:53": "10.0.0.1:53",
	} {
		if got := reachable(netip.MustParseAddrPort(at)); got != netip.MustParseAddrPort(want) {
			t.Errorf("%s: got %v, want %s", at, got, want)
		}
	}
}

// A manager that does not read its socket holds up nobody, and is logged once.
func TestManagerThatDoesNotRead(t *testing.T) {
	newManager(t)
	log, hook := test.NewNullLogger()
	n := newNotifier(true, log)
	for len(hook.AllEntries()) == 0 { // until the socket is full
		n.status("still here")
	}
	n.alive()
	if got := len(hook.AllEntries()); got != 1 {
		t.Errorf("got %d lines %v, want 1", got, hook.AllEntries())
	}
}
