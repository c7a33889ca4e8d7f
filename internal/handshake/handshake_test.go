package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/testutil"
)

// clientFor returns the configuration of a client that trusts ca.
func clientFor(ca *testutil.CA) *tls.Config {
	return &tls.Config{RootCAs: ca.Pool(), ServerName: "server.test"}
}

func serverConfig(t *testing.T, ca *testutil.CA) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "server.test")}, MinVersion: tls.VersionTLS12}
}

// pair returns both ends of a connection.
func pair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err == nil {
		server, err = l.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// held is the number of tokens that are taken.
func (l *Limit) held() int { return len(l.tokens) }

// Each version, a resumed session and a failure give the token back.
func TestNoHandshakeKeepsItsToken(t *testing.T) {
	ca, other := testutil.NewCA(t), testutil.NewCA(t)
	config := serverConfig(t, ca)
	config.ClientCAs, config.ClientAuth = ca.Pool(), tls.VerifyClientCertIfGiven
	l := NewLimit()
	server := l.Server(func() *tls.Config { return config })
	sessions := tls.NewLRUClientSessionCache(1)
	for _, c := range []struct {
		what    string
		client  func(*tls.Config)
		failing bool
	}{
		{"TLS 1.3", func(*tls.Config) {}, false},
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, false},
		{"a first session", func(c *tls.Config) { c.ClientSessionCache = sessions }, false},
		{"a resumed session", func(c *tls.Config) { c.ClientSessionCache = sessions }, false},
		{"another key share first", func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} }, false},
		{"a client certificate", func(c *tls.Config) { c.Certificates = []tls.Certificate{ca.Issue(t, "client.test")} }, false},
		{"a client certificate of another CA", func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				cert := other.Issue(t, "client.test")
				return &cert, nil
			}
		}, true},
		{"TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }, true},
		{"an authority that the client does not trust", func(c *tls.Config) { c.RootCAs = other.Pool() }, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			a, b := pair(t)
			conf := clientFor(ca)
			c.client(conf)
			client := tls.Client(b, conf)
			var both sync.WaitGroup
			var serverErr error
			s := server(a)
			both.Go(func() {
				if serverErr = Handshake(t.Context(), s, time.Minute); serverErr == nil {
					s.Write([]byte("hello"))
				} else {
					s.Close()
				}
			})
			_, err := client.Read(make([]byte, 5))
			both.Wait()
			if failed := serverErr != nil || err != nil; failed != c.failing {
				t.Errorf("got errors %v and %v, want failure %v", serverErr, err, c.failing)
			}
			if s.ConnectionState().DidResume != (c.what == "a resumed session") {
				t.Errorf("got a resumed session: %v", s.ConnectionState().DidResume)
			}
			if got := l.held(); got != 0 {
				t.Errorf("got %d tokens held, want 0", got)
			}
		})
	}
}

// Clients that send nothing, or not all, hold no token while they are waited for.
func TestWaitingForAClientTakesNoToken(t *testing.T) {
	ca := testutil.NewCA(t)
	config := serverConfig(t, ca)
	synctest.Test(t, func(t *testing.T) {
		l := &Limit{tokens: make(chan struct{}, 1)}
		server := l.Server(func() *tls.Config { return config })
		for _, silentAfter := range []int{0, 10, 1 << 20} { // bytes; the last lets the server answer, and takes nothing
			a, b := net.Pipe()
			done := make(chan error)
			s := server(a)
			go func() { done <- Handshake(t.Context(), s, 5*time.Second) }()
			hello := &firstBytes{Conn: b, left: silentAfter, over: make(chan struct{})}
			go tls.Client(hello, clientFor(ca)).Handshake()
			synctest.Wait()
			if got := l.held(); got != 0 {
				t.Errorf("silent after %d bytes: got %d tokens held, want 0", silentAfter, got)
			}
			if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("silent after %d bytes: got error %v, want a timeout", silentAfter, err)
			}
			s.Close()
			b.Close()
			close(hello.over)
			synctest.Wait()
			if got := l.held(); got != 0 {
				t.Errorf("silent after %d bytes, at the end: got %d tokens held, want 0", silentAfter, got)
			}
		}
	})
}

// firstBytes is a connection that passes on so many bytes, and reads nothing.
type firstBytes struct {
	net.Conn
	left int
	over chan struct{} // closed when the test is over
}

func (c *firstBytes) Write(b []byte) (int, error) {
	if n := min(c.left, len(b)); n > 0 {
		c.Conn.Write(b[:n])
		c.left -= n
	}
	return len(b), nil
}

func (c *firstBytes) Read([]byte) (int, error) {
	<-c.over
	return 0, net.ErrClosed
}

// A handshake that is cut off while it waits for a token does not keep it.
func TestAClosedConnectionKeepsNoToken(t *testing.T) {
	ca := testutil.NewCA(t)
	config := serverConfig(t, ca)
	l := &Limit{tokens: make(chan struct{}, 1)}
	server := l.Server(func() *tls.Config { return config })
	for range 20 {
		a, b := pair(t)
		l.acquire()
		s := server(a)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- Handshake(ctx, s, time.Minute) }()
		go tls.Client(b, clientFor(ca)).Handshake()
		testutil.EventuallyEqual(t, 1, l.waiting.Load, "handshakes that wait")
		cancel()
		l.release()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("got error %v, want that of the context", err)
		}
		a.Close()
		b.Close()
		if got := l.held(); got != 0 {
			t.Fatalf("got %d tokens held, want 0", got)
		}
	}
}

func TestTheConnectionBelowIsFound(t *testing.T) {
	a, _ := pair(t)
	s := NewLimit().Server(func() *tls.Config { return &tls.Config{} })(a)
	if got := TCP(s); got != a {
		t.Errorf("below TLS: got %T, want the connection itself", got)
	}
	if got := TCP(a); got != a {
		t.Errorf("without TLS: got %T, want the connection itself", got)
	}
	if Complete(s) || !Complete(a) {
		t.Errorf("complete before a handshake: got %v with TLS and %v without, want false and true", Complete(s), Complete(a))
	}
}
