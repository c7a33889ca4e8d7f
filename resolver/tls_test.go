package resolver

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/handshake"
	"toponym/internal/testutil"
	"toponym/zone"
)

// tlsOptions are those of a server whose certificate an authority has signed.
func tlsOptions(t *testing.T, ca *testutil.CA) Options {
	o := testOptions()
	conf := &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, "127.0.0.1")}, NextProtos: []string{"dot"},
		DynamicRecordSizingDisabled: true,
	}
	o.TLS = handshake.NewLimit().Server(func() *tls.Config { return conf })
	return o
}

// startTLS runs a server that also answers over TLS.
func startTLS(t *testing.T, o Options) (*Server, func()) {
	t.Helper()
	s := listening(t, "127.0.0.1", o)
	if err := s.ListenTLS(netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	return s, run(t, s)
}

func dialTLS(t *testing.T, s *Server, ca *testutil.CA, more func(*tls.Config)) (*tls.Conn, error) {
	t.Helper()
	conf := &tls.Config{RootCAs: ca.Pool(), NextProtos: []string{"dot"}}
	if more != nil {
		more(conf)
	}
	conn, err := tls.Dial("tcp", s.TLSAddrs()[0].String(), conf)
	if err == nil {
		t.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

func TestAnswersOverTLSAreThoseOverTCP(t *testing.T) {
	ca := testutil.NewCA(t)
	s, _ := startTLS(t, tlsOptions(t, ca))
	plain := dial(t, s, "tcp", "127.0.0.1")
	secure, err := dialTLS(t, s, ca, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := secure.ConnectionState(); got.NegotiatedProtocol != "dot" || got.Version != tls.VersionTLS13 {
		t.Errorf("got protocol %q of version %x, want dot of TLS 1.3", got.NegotiatedProtocol, got.Version)
	}
	large := "+opt=65001:" + strings.Repeat("00", 65535-12-27-11-4)
	for _, q := range []string{
		askOne, "nope.marathon.mesos. A", "_web._tcp.marathon.mesos. SRV", "mesos. SOA", "one.marathon.mesos. ANY",
		"mesos. AXFR", "www.example.com. A", askOne + " " + large,
	} {
		if got, want := askOver(t, secure, q), askOver(t, plain, q); got != want {
			t.Errorf("%.60s: got %q, want %q", q, got, want)
		}
	}
	open := s.connections.counts()
	if open[TCP] != 1 || open[TLS] != 1 || s.handshakes.completed.Load() != 1 {
		t.Errorf("got %d connections over TCP, %d over TLS and %d handshakes, want 1 each", open[TCP], open[TLS], s.handshakes.completed.Load())
	}
	for _, q := range s.counters.queries() {
		if q.transport == TLS && q.qtype == "SRV" {
			return
		}
	}
	t.Errorf("got no count of a query for SRV over TLS, want one: %v", s.counters.queries())
}

func TestHandshakesThatCannotSucceedAreCounted(t *testing.T) {
	ca := testutil.NewCA(t)
	s, _ := startTLS(t, tlsOptions(t, ca))
	for what, more := range map[string]func(*tls.Config){
		"an old version":     func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 },
		"another protocol":   func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"no trust in the CA": func(c *tls.Config) { c.RootCAs = testutil.NewCA(t).Pool() },
	} {
		if _, err := dialTLS(t, s, ca, more); err == nil {
			t.Errorf("%s: got a connection, want none", what)
		}
	}
	plain, err := net.Dial("tcp", s.TLSAddrs()[0].String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	packet, _ := packQuery(t, askOne)
	plain.Write(framed(packet)) // is no TLS
	io.ReadAll(plain)           // until it is closed
	testutil.EventuallyEqual(t, 4, s.handshakes.failed.Load, "failed handshakes")
	if secure, err := dialTLS(t, s, ca, nil); err != nil || askOver(t, secure, askOne) != wantOne {
		t.Errorf("after the failures: got error %v or another answer, want %q", err, wantOne)
	}
}

// A client that does not complete its handshake is closed after 5 s, whatever the
// idle timeout.
func TestHandshakesThatTakeTooLongAreClosed(t *testing.T) {
	ca := testutil.NewCA(t)
	o := tlsOptions(t, ca)
	o.TCPIdleTimeout = time.Hour
	synctest.Test(t, func(t *testing.T) {
		s := New(zone.NewStore(testZone(t)), o)
		ours, theirs := net.Pipe()
		c := newConnection(s, ours, netip.MustParseAddr("127.0.0.1"))
		c.overTLS(o.TLS(ours))
		begin, done := time.Now(), make(chan bool)
		go func() { done <- c.handshake(t.Context()) }()
		if _, err := theirs.Read(make([]byte, 1)); err != io.EOF || time.Since(begin) != handshakeTimeout {
			t.Errorf("got %v after %v, want the end after %v", err, time.Since(begin), handshakeTimeout)
		}
		if <-done || s.handshakes.timedOut.Load() != 1 {
			t.Errorf("got %d handshakes that took too long, want 1", s.handshakes.timedOut.Load())
		}
	})
}

// Those that have not even begun their handshake count as well.
func TestConnectionsOverTLSHaveTheLimitsOfTCP(t *testing.T) {
	ca := testutil.NewCA(t)
	o := tlsOptions(t, ca)
	o.TCPMaxConnections, o.TCPMaxConnectionsPerClient = 10, 4
	s, _ := startTLS(t, o)
	first, err := dialTLS(t, s, ca, nil)
	if err != nil {
		t.Fatal(err)
	}
	askOver(t, first, askOne)
	for range 4 {
		c, err := net.Dial("tcp", s.TLSAddrs()[0].String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if _, err := first.Read(make([]byte, 1)); err == nil {
		t.Error("the connection that has been idle longest: got data, want its end")
	}
	if got := s.connections.displacedCounts()["client"]; got != 1 {
		t.Errorf("got %d displaced connections, want 1", got)
	}
}

// A client that reads nothing must not hold up others while it is told that its
// connection ends.
func TestClosingAConnectionOverTLSDoesNotWaitForItsClient(t *testing.T) {
	ca := testutil.NewCA(t)
	o := tlsOptions(t, ca)
	synctest.Test(t, func(t *testing.T) {
		s := New(zone.NewStore(testZone(t)), o)
		ours, theirs := net.Pipe()
		c := newConnection(s, ours, netip.MustParseAddr("127.0.0.1"))
		c.overTLS(o.TLS(ours))
		s.connections.add(c)
		client := tls.Client(theirs, &tls.Config{
			InsecureSkipVerify: true,             // the certificate is not valid yet in the bubble
			MaxVersion:         tls.VersionTLS12, // whose handshake ends with a message of the server
		})
		go client.Handshake()
		if !c.handshake(t.Context()) {
			t.Fatal("the handshake failed")
		}
		begin := time.Now()
		s.connections.closeOne()
		if d := time.Since(begin); d != 0 {
			t.Errorf("got %v for closing, want no time", d)
		}
		theirs.Close()
	})
}

// The answers of queries that were read arrive, and then the end.
func TestTheEndOfTheServerEndsConnectionsOverTLS(t *testing.T) {
	ca := testutil.NewCA(t)
	s, stop := startTLS(t, tlsOptions(t, ca))
	conn, err := dialTLS(t, s, ca, nil)
	if err != nil {
		t.Fatal(err)
	}
	askOver(t, conn, askOne)
	stop()
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("got %v, want the end of the connection by close_notify", err)
	}
}

func TestAnAddressInUseForTLSIsAnError(t *testing.T) {
	s, _ := startTLS(t, tlsOptions(t, testutil.NewCA(t)))
	if err := s.ListenTLS(s.TLSAddrs()[0]); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got error %v, want EADDRINUSE", err)
	}
}
