package server

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
)

// inheritedFile returns a socket in the form in which the service manager passes
// it.
func inheritedFile(t *testing.T, name, network string) *os.File {
	t.Helper()
	var from interface{ File() (*os.File, error) }
	switch network {
	case "tcp":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		from = l.(*net.TCPListener)
	case "udp":
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		from = c.(*net.UDPConn)
	case "unix":
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "@toponym-" + t.Name(), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		from = c
	}
	f, err := from.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	named := os.NewFile(uintptr(fd), name)
	t.Cleanup(func() { named.Close() })
	return named
}

func TestInheritedSocketsAreKnownByName(t *testing.T) {
	s := &Sockets{}
	for _, x := range []struct{ name, network string }{
		{"dns", "udp"}, {"dns", "udp"}, {"dns-udp", "udp"}, {"dns", "tcp"}, {"dns-tcp", "tcp"}, {"http", "tcp"},
	} {
		if err := s.add(inheritedFile(t, x.name, x.network)); err != nil {
			t.Errorf("%s over %s: got error %v, want none", x.name, x.network, err)
		}
	}
	if len(s.udp) != 3 || len(s.tcp) != 2 || s.http == nil {
		t.Errorf("got %d UDP and %d TCP sockets, HTTP %v, want 3, 2 and one", len(s.udp), len(s.tcp), s.http)
	}
	for _, x := range []struct{ name, network, says string }{
		{"http", "tcp", "two"},
		{"http", "udp", "wrong kind"},
		{"dns-udp", "tcp", "wrong kind"},
		{"dns-tcp", "udp", "wrong kind"},
		{"dns", "unix", "wrong kind"},
		{"toponym.socket", "udp", "FileDescriptorName"},
	} {
		if err := s.add(inheritedFile(t, x.name, x.network)); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s over %s: got error %v, want one with %q", x.name, x.network, err, x.says)
		}
	}
	for _, c := range s.udp {
		c.Close()
	}
	for _, l := range s.tcp {
		l.Close()
	}
	s.http.Close()
}

func TestUDPWithoutTCPIsAnError(t *testing.T) {
	s := &Sockets{}
	if err := s.add(inheritedFile(t, "dns", "udp")); err != nil {
		t.Fatal(err)
	}
	defer s.udp[0].Close()
	log, _ := test.NewNullLogger()
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: "127.0.0.1", Port: 1}}
	c.Listener = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
	server := newTestServer(t, c, log)
	if err := server.adopt(s); err == nil || !strings.Contains(err.Error(), "TCP") {
		t.Errorf("got error %v, want one that names TCP", err)
	}
}
