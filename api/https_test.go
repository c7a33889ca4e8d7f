package api

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/handshake"
	"toponym/internal/testutil"
)

// secureServer returns a server whose certificate ca has signed, and which verifies
// those of clients with it.
func secureServer(t *testing.T, ca *testutil.CA, o Options) *Server {
	conf := &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, "127.0.0.1")}, NextProtos: []string{"http/1.1"},
		ClientCAs: ca.Pool(), ClientAuth: tls.VerifyClientCertIfGiven,
	}
	o.TLS = handshake.NewLimit().Server(func() *tls.Config { return conf })
	return New(o)
}

// serveHTTPS runs a server on any port with and one without TLS until the test ends.
func serveHTTPS(t *testing.T, s *Server) {
	t.Helper()
	s.o.Addr = netip.MustParseAddrPort("127.0.0.1:0")
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.ListenTLS(s.o.Addr); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// read asks for a path once, on a new connection.
func read(t *testing.T, conf *tls.Config, url string) (status int, body, protocol string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
	resp, err := c.Get(url)
	if err != nil {
		return 0, err.Error(), ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Proto
}

func TestHTTPSAnswersAsHTTPDoes(t *testing.T) {
	ca := testutil.NewCA(t)
	o := testOptions(testSnapshot())
	o.Access = []Access{{Path: "/v1/axfr", Clients: []string{"ns2.example.com"}}}
	s := secureServer(t, ca, o)
	serveHTTPS(t, s)
	plain, secure := "http://"+s.Addr().String(), "https://"+s.TLSAddrs()[0].String()
	conf := &tls.Config{RootCAs: ca.Pool()}
	for _, path := range []string{"/healthz", "/v1/enumerate", "/v1/hosts/nginx.marathon.mesos", "/v1/axfr"} {
		wantStatus, want, _ := read(t, nil, plain+path)
		if status, got, protocol := read(t, conf.Clone(), secure+path); status != wantStatus || got != want || protocol != "HTTP/1.1" {
			t.Errorf("%s: got status %d over %s and %.100q, want status %d over HTTP/1.1 and %.100q", path, status, protocol, got, wantStatus, want)
		}
	}
	for name, want := range map[string]int{"ns2.example.com": 200, "ns3.example.com": 403} {
		with := conf.Clone()
		with.Certificates = []tls.Certificate{ca.Issue(t, name)}
		if status, body, _ := read(t, with, secure+"/v1/axfr"); status != want {
			t.Errorf("with the certificate of %s: got status %d, want %d: %.100q", name, status, want, body)
		}
	}
	stranger := conf.Clone()
	stranger.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		cert := testutil.NewCA(t).Issue(t, "ns2.example.com")
		return &cert, nil
	}
	if status, _, _ := read(t, stranger, secure+"/healthz"); status != 0 {
		t.Errorf("with the certificate of another authority: got status %d, want no answer", status)
	}
	testutil.EventuallyEqual(t, 1, s.connections.failedHandshakes, "failed handshakes")
}

// pipesWithTLS runs a server on connections in memory that have TLS.
func pipesWithTLS(t *testing.T, s *Server) (dial func(remote string) net.Conn, stop func()) {
	l := newPipeListener()
	s.listener = tlsListener{l, s.o.TLS}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return l.dialFrom, func() { cancel(); <-done }
}

// inBubble is the configuration of a client in a bubble, in which no certificate is
// valid yet. The handshake of TLS 1.2 ends with a message of the server, so nothing
// is left to be read.
var inBubble = &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}

// Connections without a handshake, and those whose clients read nothing, are closed
// as others are, and nobody waits for them.
func TestConnectionsWithTLSHaveTheSameLimits(t *testing.T) {
	ca := testutil.NewCA(t)
	o := testOptions(testSnapshot())
	o.MaxConnections = 3
	synctest.Test(t, func(t *testing.T) {
		s := secureServer(t, ca, o)
		dial, stop := pipesWithTLS(t, s)
		begin := time.Now()
		var silent []net.Conn
		for i := range 3 {
			c := dial(fmt.Sprintf("10.0.0.1:%d", i+1))
			if i == 0 { // idle after its handshake
				if err := tls.Client(c, inBubble).Handshake(); err != nil {
					t.Fatal(err)
				}
			}
			silent = append(silent, c)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		last := tls.Client(dial("10.0.0.2:1"), inBubble)
		if err := last.Handshake(); err != nil {
			t.Errorf("a further connection: got %v, want a handshake", err)
		}
		if d := time.Since(begin); d > time.Second {
			t.Errorf("got %v until there was room, want no wait", d)
		}
		if got := s.connections.closedForRoom(); got != 1 {
			t.Errorf("got %d connections closed, want 1", got)
		}
		// Those that do not complete their handshake are cut off.
		time.Sleep(readHeaderTimeout + time.Second)
		synctest.Wait()
		if got := s.connections.failedHandshakes(); got != 2 {
			t.Errorf("got %d failed handshakes, want 2", got)
		}
		for _, c := range silent {
			c.Close()
		}
		last.Close()
		stop()
	})
}

// A client that stops reading a long answer is cut off with TLS as well.
func TestSlowReadersWithTLSAreCutOff(t *testing.T) {
	ca := testutil.NewCA(t)
	o := testOptions(bigService(20_000))
	synctest.Test(t, func(t *testing.T) {
		s := secureServer(t, ca, o)
		dial, stop := pipesWithTLS(t, s)
		c := tls.Client(dial("10.0.0.1:1"), inBubble)
		begin := time.Now()
		io.WriteString(c, "GET /v1/axfr HTTP/1.1\r\nHost: x\r\n\r\n")
		if _, err := http.ReadResponse(bufio.NewReaderSize(c, 4096), nil); err != nil {
			t.Fatal(err)
		}
		for s.connections.count() > 0 {
			time.Sleep(time.Second)
		}
		if d := time.Since(begin); d > readGrace+maxStall {
			t.Errorf("got %v until the client was cut off, want at most %v", d, readGrace+maxStall)
		}
		c.Close()
		stop()
	})
}

func TestHTTPOnThePortOfHTTPSIsAnError(t *testing.T) {
	s := secureServer(t, testutil.NewCA(t), testOptions(testSnapshot()))
	serveHTTPS(t, s)
	if status, body, _ := read(t, nil, "http://"+s.TLSAddrs()[0].String()+"/healthz"); status != http.StatusBadRequest || !strings.Contains(body, "HTTPS") {
		t.Errorf("got status %d and %q, want 400 that names HTTPS", status, body)
	}
}
