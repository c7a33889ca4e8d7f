package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/testutil"
	"toponym/zone"
)

// start runs a server on an address and any port. The function it returns ends
// the server and waits for it.
func start(t *testing.T, addr string, o Options) (*Server, func()) {
	t.Helper()
	s := listening(t, addr, o)
	return s, run(t, s)
}

// listening is a server with sockets that does not answer yet.
func listening(t *testing.T, addr string, o Options) *Server {
	t.Helper()
	o.Listen = []Listen{{Addr: netip.MustParseAddr(addr)}}
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		if errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	return s
}

// run runs a server. The function it returns ends the server and waits for it.
func run(t testing.TB, s *Server) func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// dial connects to the port of a server at any of its addresses.
func dial(t *testing.T, s *Server, network, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, netip.AddrPortFrom(netip.MustParseAddr(addr), s.Addr().Port()).String())
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// askOver sends a query and gives the response as text.
func askOver(t *testing.T, conn net.Conn, text string) string {
	t.Helper()
	packet, _ := packQuery(t, text)
	c := dns.Conn{Conn: conn}
	if _, err := c.Write(packet); err != nil {
		t.Fatal(err)
	}
	return readResponse(t, conn, packet)
}

func readResponse(t *testing.T, conn net.Conn, packet []byte) string {
	t.Helper()
	buf := make([]byte, dns.MaxMsgSize)
	c := dns.Conn{Conn: conn}
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return render(t, packet, buf[:n])
}

const askOne, wantOne = "one.marathon.mesos. A", "NOERROR qr aa\nanswer one.marathon.mesos. 60 A 10.1.0.1"

func TestServerAnswersOverBothTransports(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	for _, network := range []string{"udp", "tcp"} {
		if got := askOver(t, dial(t, s, network, "127.0.0.1"), askOne); got != wantOne {
			t.Errorf("%s: %s", network, got)
		}
	}
}

// A connected UDP socket takes packets only from the address that it sent to.
func TestRepliesComeFromTheAddressThatWasAsked(t *testing.T) {
	for _, x := range []struct{ listen, ask string }{
		{"0.0.0.0", "127.0.0.1"},
		{"0.0.0.0", "127.0.0.2"},
		{"::", "::1"},
		{"::", "127.0.0.1"},
		{"::", "127.0.0.2"},
		{"::1", "::1"},
	} {
		t.Run(x.ask+" on "+x.listen, func(t *testing.T) {
			s, _ := start(t, x.listen, testOptions())
			if got := askOver(t, dial(t, s, "udp", x.ask), askOne); got != wantOne {
				t.Errorf("got %q, want %q", got, wantOne)
			}
			if got := askOver(t, dial(t, s, "tcp", x.ask), askOne); got != wantOne {
				t.Errorf("got %q, want %q", got, wantOne)
			}
		})
	}
}

// It counts as local here, and its cookie and its network are made of four bytes.
func TestAnIPv4ClientOfAnIPv6SocketIsAnIPv4Client(t *testing.T) {
	s, _ := start(t, "::", testOptions())
	s.store.Swap(testZone(t, instances{name: "big", count: 200, base: 3}))
	got := askOver(t, dial(t, s, "udp", "127.0.0.1"), "big.marathon.mesos. A +edns=8000")
	if !strings.HasPrefix(got, "NOERROR qr aa\n") {
		t.Errorf("got %q, want a whole response of more than 1232 bytes", strings.SplitN(got, "\n", 2)[0])
	}
}

func TestAnswersComeFromTheZoneInTheStore(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	conn := dial(t, s, "udp", "127.0.0.1")
	s.store.Swap(zone.NewEmpty(testZoneOptions, zone.SameSerial(1)))
	if got := askOver(t, conn, askOne); got != "SERVFAIL qr" {
		t.Errorf("got %q, want %q", got, "SERVFAIL qr")
	}
	s.store.Swap(testZone(t))
	if got := askOver(t, conn, askOne); got != wantOne {
		t.Errorf("got %q, want %q", got, wantOne)
	}
}

func TestQueriesAreAnsweredAfterGarbageOverUDP(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	conn := dial(t, s, "udp", "127.0.0.1")
	for _, p := range []string{"", "\x00", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("\xff", 512), strings.Repeat("\xc0", 60000)} {
		if _, err := conn.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	// Some of it looks like a query with an id. What is asked next is
	// answered all the same.
	packet, _ := packQuery(t, askOne)
	conn.Write(packet)
	buf := make([]byte, 2000)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if n > 12 && buf[0] == packet[0] && buf[1] == packet[1] {
			if got := render(t, packet, buf[:n]); got != wantOne {
				t.Errorf("got %q, want %q", got, wantOne)
			}
			return
		}
	}
}

// blockAnswers has the server stop in each answer to a query with a cookie, until
// release is closed or given something. What it sends to reached is such an answer.
func blockAnswers(s *Server) (reached, release chan struct{}) {
	reached, release = make(chan struct{}, 10), make(chan struct{})
	s.responder.cookies.now = func() time.Time {
		reached <- struct{}{}
		<-release
		return time.Now()
	}
	return reached, release
}

const askWithCookie = "web.marathon.mesos. A +opt=10:0123456789abcdef"

func TestQueriesThatWereReadAreAnsweredAlthoughTheServerEnds(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			s := listening(t, "127.0.0.1", testOptions())
			reached, release := blockAnswers(s)
			stop := run(t, s)
			conn := dial(t, s, network, "127.0.0.1")
			packet, _ := packQuery(t, askWithCookie)
			(&dns.Conn{Conn: conn}).Write(packet)
			<-reached
			stopped := make(chan struct{})
			go func() { stop(); close(stopped) }()
			// The listener for connections is closed first.
			for {
				c, err := net.Dial("tcp", s.Addr().String())
				if err != nil {
					break
				}
				c.Close()
				runtime.Gosched()
			}
			close(release)
			if got := readResponse(t, conn, packet); !strings.HasPrefix(got, "NOERROR qr aa\n") {
				t.Errorf("got %q, want an answer", got)
			}
			<-stopped
		})
	}
}

func TestNothingIsLeftWhenRunReturns(t *testing.T) {
	before := runtime.NumGoroutine()
	s, stop := start(t, "127.0.0.1", testOptions())
	idle, busy, udp := dial(t, s, "tcp", "127.0.0.1"), dial(t, s, "tcp", "127.0.0.1"), dial(t, s, "udp", "127.0.0.1")
	askOver(t, busy, askOne)
	askOver(t, udp, askOne)
	stop()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("an idle connection is still open")
	}
	testutil.Eventually(t, func() bool { return runtime.NumGoroutine() <= before }, "at most %d goroutines, as before", before)
	again, _, err := bind(netip.MustParseAddr("127.0.0.1"), s.Addr().Port(), false, false)
	if err != nil {
		t.Error(err)
	} else {
		again.Close()
	}
}

func TestBindErrorsSayWhatCanBeDone(t *testing.T) {
	s, _ := start(t, "127.0.0.1", testOptions())
	o := testOptions()
	o.Port = s.Addr().Port()
	taken := New(s.store, o)
	if err := taken.Listen(); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
	if err := taken.Run(context.Background()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
	o.Listen = []Listen{{Addr: netip.MustParseAddr("192.0.2.1")}}
	foreign := New(s.store, o)
	if err := foreign.Listen(); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Error(err)
	}
	got := bindError(53, &net.OpError{Op: "listen", Err: syscall.EACCES})
	if want := "cannot bind port 53: permission denied"; got.Error() != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !errors.Is(got, syscall.EACCES) {
		t.Error("the error does not unwrap to the system's")
	}
}

func TestAddrIsKnownBeforeRun(t *testing.T) {
	s := New(zone.NewStore(testZone(t)), testOptions())
	if s.Addr().IsValid() {
		t.Error("there is an address before Listen")
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if a := s.Addr(); a.Addr().String() != "127.0.0.1" || a.Port() == 0 {
		t.Errorf("got %v, want 127.0.0.1 and a port", a)
	}
	if s.Listen() == nil {
		t.Error("a second Listen is no error")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Run(ended); err != nil {
		t.Error(err)
	}
}
