//go:build e2e

package e2e_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// manager stands in for systemd: it receives what a process sends to
// NOTIFY_SOCKET.
type manager struct {
	path string
	conn *net.UnixConn
}

func newManager(t *testing.T) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "notify") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &manager{path: filepath.Join(dir, "s")}
	if m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	return m
}

// wants reads messages until one contains all parts.
func (m *manager) wants(t *testing.T, parts ...string) {
	t.Helper()
	var received []string
	buf := make([]byte, 4096)
	m.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		n, err := m.conn.Read(buf)
		if err != nil {
			t.Fatalf("messages at last: got %q, want one with %q", received[max(0, len(received)-5):], parts)
		}
		message := string(buf[:n])
		received = append(received, message)
		missing := false
		for _, p := range parts {
			missing = missing || !strings.Contains(message, p)
		}
		if !missing {
			return
		}
	}
}

// Toponym tells systemd when it is ready, reloading, alive and stopping.
func TestNotify(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	sm := newManager(t)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	cmd := exec.Command(toponym, "-config", configFile(t, m, s, nil))
	cmd.Env = []string{"NOTIFY_SOCKET=" + sm.path, "WATCHDOG_USEC=600000"}
	s.process = startCommand(t, cmd)

	sm.wants(t, "READY=1", "STATUS=")
	if r := s.firstResponse(t, "mesos."); r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeServerFailure {
		t.Errorf("first response after READY=1: got %s, want NOERROR or SERVFAIL", dns.RcodeToString[r.Rcode])
	}
	sm.wants(t, "WATCHDOG=1")
	sm.wants(t, "STATUS=")
	s.waitReady(t)
	sm.wants(t, "STATUS=", " names; state of "+m.addr.String())

	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	sm.wants(t, "RELOADING=1", "MONOTONIC_USEC=")
	sm.wants(t, "READY=1")

	// A stopped process sends no WATCHDOG=1.
	if err := s.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// What it sent before it stopped is read here, so that what follows was sent
	// after it went on.
	if err := sm.conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, err := sm.conn.Read(make([]byte, 4096)); err == nil; {
		_, err = sm.conn.Read(make([]byte, 4096))
	}
	if err := s.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	sm.wants(t, "WATCHDOG=1")

	s.terminate(t)
	sm.wants(t, "STOPPING=1")
	if code := s.wait(t); code != 0 {
		t.Errorf("exit status: got %d, want 0", code)
	}
}

// Sockets of the service manager outlive the process: queries that arrive while
// no process runs are answered by the next one.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	udp, err := net.ListenPacket("udp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	web, err := net.Listen("tcp", s.web())
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	var files []*os.File
	for _, from := range []interface{ File() (*os.File, error) }{udp.(*net.UDPConn), tcp.(*net.TCPListener), web.(*net.TCPListener)} {
		f, err := from.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	// The server cannot open these addresses itself.
	config := configFile(t, m, s, settings{"port": 1, "httpport": 2, "listener": "192.0.2.1", "HTTPListener": "192.0.2.1", "stateDir": t.TempDir()})
	launch := func(names string) *process {
		t.Helper()
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, toponym, "-config", config)
		cmd.Env = []string{"LISTEN_FDS=3", "LISTEN_FDNAMES=" + names}
		cmd.ExtraFiles = files
		return startCommand(t, cmd)
	}
	s.process = launch("dns:dns:http")
	s.waitReady(t)
	s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
	c := dns.Client{Net: "tcp", Timeout: patience}
	if r, _, err := c.Exchange(new(dns.Msg).SetQuestion("web.marathon.mesos.", dns.TypeA), s.addr()); err != nil || len(addressesIn(r)) != 3 {
		t.Errorf("over TCP: got %v, error %v; want 3 addresses", r, err)
	}
	s.terminate(t)
	s.wait(t)

	query, err := new(dns.Msg).SetQuestion("web.marathon.mesos.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	asking, err := net.Dial("udp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	if _, err := asking.Write(query); err != nil {
		t.Fatal(err)
	}
	s.process = launch("dns-udp:dns-tcp:http")
	asking.SetReadDeadline(time.Now().Add(patience))
	buf, r := make([]byte, dns.MaxMsgSize), new(dns.Msg)
	n, err := asking.Read(buf)
	if err == nil {
		err = r.Unpack(buf[:n])
	}
	if err != nil || len(addressesIn(r)) != 3 {
		t.Errorf("a query sent while no process ran: got %v, error %v; want 3 addresses", r, err)
	}
	s.terminate(t)
	s.wait(t)

	p := launch("dns:what:http")
	if code := p.wait(t); code != 1 || !strings.Contains(p.stderr.String(), "FileDescriptorName") {
		t.Errorf("a socket with another name: exit status %d\n%s", code, p.stderr.String())
	}
}

// unitDir returns a directory with the units of deploy/, which start the program
// under test instead of /usr/bin/toponym.
func unitDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, unit := range []string{"toponym.service", "toponym.socket", "toponym-haproxy.service"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", unit))
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(b), "/usr/bin/toponym", toponym, 1)
		if strings.HasSuffix(unit, ".service") && text == string(b) {
			t.Fatalf("%s does not start /usr/bin/toponym", unit)
		}
		if err := os.WriteFile(filepath.Join(dir, unit), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUnits(t *testing.T) {
	t.Parallel()
	requireTool(t, "systemd-analyze", "systemd")
	dir := unitDir(t)
	service, socket := filepath.Join(dir, "toponym.service"), filepath.Join(dir, "toponym.socket")
	if r := run(t, "systemd-analyze", "verify", "--man=no", service, socket, filepath.Join(dir, "toponym-haproxy.service")); r.status != 0 || r.String() != "" {
		t.Errorf("verify: exit status %d\n%s", r.status, r)
	}
	// The exposure is between 0 and 10, here in tenths.
	if r := run(t, "systemd-analyze", "security", "--offline=yes", "--threshold=20", service); r.status != 0 {
		t.Errorf("security: exit status %d\n%s", r.status, tail(r.String()))
	}
}

func TestDeployedSettingsAreValid(t *testing.T) {
	t.Parallel()
	r := run(t, toponym, "check", "-config", filepath.Join("..", "..", "..", "deploy", "config.json"))
	// One warning: the agent is asked where the masters are.
	if r.status != 0 || strings.Count(r.stderr, "warning: ") != 1 || !strings.Contains(r.stderr, "neither masters nor zk is given") {
		t.Errorf("exit status %d\n%s", r.status, r.stderr)
	}
}
