package upstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// cutOverUDP answers over TCP only.
func cutOverUDP(w dns.ResponseWriter, q *dns.Msg) {
	if !fakedns.OverTCP(w) {
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		w.WriteMsg(m)
		return
	}
	good(w, q)
}

func TestTruncated(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, cutOverUDP)
	g := run(t, Options{}).Group(udpOf(s))
	for range 100 {
		if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
			t.Fatal(got)
		}
	}
	if n := s.Conns.Load(); n != 1 {
		t.Errorf("%d connections for 100 questions", n)
	}
}

// With no TCP there is still what came over UDP.
func TestTruncatedWithoutTCP(t *testing.T) {
	t.Parallel()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &dns.Server{PacketConn: udp, Handler: dns.HandlerFunc(cutOverUDP)}
	go s.ActivateAndServe()
	t.Cleanup(func() { s.Shutdown() })
	g := run(t, Options{}).Group([]Address{{AddrPort: udp.LocalAddr().(*net.UDPAddr).AddrPort()}})
	a := make(asker, 1)
	g.Ask(question("a.test", dns.TypeA), a)
	if r := <-a; r.err != nil || !r.msg.Truncated {
		t.Errorf("%v", r)
	}
	if g.Down() {
		t.Error("the server rests, though it answers over UDP")
	}
}

// A connection is shared by questions at the same time, which are answered in any
// order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	udp, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Skip(err)
	}
	d := &dns.Server{PacketConn: udp, Handler: dns.HandlerFunc(cutOverUDP)}
	go d.ActivateAndServe()
	defer d.Shutdown()
	const questions = 50
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		c := dns.Conn{Conn: conn}
		var all []*dns.Msg
		for len(all) < questions {
			q, err := c.ReadMsg()
			if err != nil {
				return
			}
			if q.Question[0].Qtype == dns.TypeA { // none of our probes
				all = append(all, q)
			}
		}
		for i := range all {
			q := all[len(all)-1-i]
			m := new(dns.Msg).SetReply(q)
			rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2." + q.Question[0].Name[:strings.Index(q.Question[0].Name, ".")])
			m.Answer = []dns.RR{rr}
			c.WriteMsg(m)
		}
		conn.Read(make([]byte, 1)) // until the client ends
	}()
	g := run(t, Options{}).Group([]Address{{AddrPort: l.Addr().(*net.TCPAddr).AddrPort()}})
	var all sync.WaitGroup
	for i := range questions {
		all.Go(func() {
			if got, want := ask(t, g, fmt.Sprintf("%d.test", i)), fmt.Sprintf("NOERROR 192.0.2.%d", i); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	all.Wait()
}

func TestConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		cutOverUDP(w, q)
		if fakedns.OverTCP(w) {
			w.Close()
		}
	})
	g := run(t, Options{}).Group(udpOf(s))
	for i := range 50 {
		if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
			t.Fatalf("%d: %s", i, got)
		}
	}
}

// authority makes certificates.
func authority(t *testing.T, name string, ip net.IP) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{name}, IPAddresses: []net.IP{ip}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	t.Parallel()
	cert, pool := authority(t, "dns.test", net.IPv4(127, 0, 0, 1))
	s := fakedns.StartTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, good)
	c := run(t, Options{RootCAs: pool})
	for _, name := range []string{"dns.test", ""} {
		g := c.Group([]Address{{AddrPort: s.Addr, TLS: true, Name: name}})
		if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
			t.Errorf("%q: %s", name, got)
		}
	}
	other := c.Group([]Address{{AddrPort: s.Addr, TLS: true, Name: "other.test"}})
	if got := ask(t, other, "a.test"); !strings.Contains(got, "certificate") {
		t.Error(got)
	}
	unknown := run(t, Options{RootCAs: x509.NewCertPool()}).Group([]Address{{AddrPort: s.Addr, TLS: true}})
	if got := ask(t, unknown, "a.test"); !strings.Contains(got, "certificate") {
		t.Error(got)
	}
}
