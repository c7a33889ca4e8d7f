package upstream

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/internal/fakedns"
)

// run runs a client until the test ends.
func run(t *testing.T, o Options) *Client {
	t.Helper()
	c := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	return c
}

func udpOf(servers ...*fakedns.Server) []Address {
	var list []Address
	for _, s := range servers {
		list = append(list, Address{AddrPort: s.Addr})
	}
	return list
}

type answer struct {
	msg *dns.Msg
	raw []byte
	err error
}

type asker chan answer

func (a asker) Answered(msg []byte, err error) {
	r := answer{err: err, raw: bytes.Clone(msg)}
	if err == nil {
		r.msg = new(dns.Msg)
		if len(msg) > 12 {
			r.err = r.msg.Unpack(r.raw)
		}
	}
	a <- r
}

func question(name string, qtype uint16) Question {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(dns.Fqdn(name), b, 0, nil, false)
	if err != nil {
		panic(err)
	}
	return Question{Name: b[:n], Type: qtype, Class: dns.ClassINET}
}

// ask waits for what comes of a question, as text: the rcode and the data of the
// answer, or the error.
func ask(t *testing.T, g *Group, name string) string {
	t.Helper()
	a := make(asker, 1)
	g.Ask(question(name, dns.TypeA), a)
	select {
	case r := <-a:
		if r.err != nil {
			return r.err.Error()
		}
		s := dns.RcodeToString[r.msg.Rcode]
		for _, rr := range r.msg.Answer {
			s += " " + rr.(*dns.A).A.String()
		}
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came of the question")
		return ""
	}
}

var good = fakedns.Records("a.test. 60 IN A 192.0.2.1", "b.test. 60 IN A 192.0.2.2")

func TestAsk(t *testing.T) {
	s := fakedns.Start(t, good)
	g := run(t, Options{}).Group(udpOf(s))
	if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
	if got := ask(t, g, "c.test"); got != "NXDOMAIN" {
		t.Error(got)
	}
}

func TestQuery(t *testing.T) {
	asked := make(chan *dns.Msg, 10)
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Qtype == dns.TypeTXT {
			asked <- q
		}
		good(w, q)
	})
	g := run(t, Options{}).Group(udpOf(s))
	q := question("a.test", dns.TypeTXT)
	q.DO, q.CD = true, true
	a := make(asker, 1)
	g.Ask(q, a)
	<-a
	m := <-asked
	if o := m.IsEdns0(); !m.RecursionDesired || !m.CheckingDisabled || !m.AuthenticatedData || o == nil || !o.Do() || o.UDPSize() != 1232 || len(o.Option) > 0 {
		t.Errorf("the server was sent\n%v", m)
	}
}

// What a server says is not believed when it is not to what was asked, by whom
// it was asked.
func TestLies(t *testing.T) {
	lie := func(change func(m *dns.Msg)) fakedns.Answer {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := new(dns.Msg).SetReply(q)
			rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 203.0.113.66")
			m.Answer = []dns.RR{rr}
			change(m)
			w.WriteMsg(m)
		}
	}
	for name, answer := range map[string]fakedns.Answer{
		"id":          lie(func(m *dns.Msg) { m.Id++ }),
		"name":        lie(func(m *dns.Msg) { m.Question[0].Name = "x.test." }),
		"type":        lie(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }),
		"class":       lie(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
		"no question": lie(func(m *dns.Msg) { m.Question = nil }),
		"a query":     lie(func(m *dns.Msg) { m.Response = false }),
		"opcode":      lie(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
		"address": func(w dns.ResponseWriter, q *dns.Msg) {
			other, err := net.Dial("udp", w.RemoteAddr().String())
			if err != nil {
				return
			}
			defer other.Close()
			m := new(dns.Msg).SetReply(q)
			b, _ := m.Pack()
			other.Write(b)
		},
		"garbage": func(w dns.ResponseWriter, q *dns.Msg) { w.Write([]byte("\x00\x01\x02")) },
		"empty":   func(w dns.ResponseWriter, q *dns.Msg) { w.Write(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			liar, honest := fakedns.Start(t, answer), fakedns.Start(t, good)
			g := run(t, Options{}).Group(udpOf(liar, honest))
			if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
				t.Error(got)
			}
			if name == "id" || name == "address" {
				return // the system drops what comes from elsewhere
			}
			if n := g.servers[0].counts.strange.Load(); name != "empty" && name != "garbage" && n == 0 {
				t.Error("nothing strange was counted")
			}
		})
	}
}

// The next server is asked when one is late, and is the first one from then on.
func TestHedging(t *testing.T) {
	dead, fine := fakedns.Start(t, fakedns.Silent), fakedns.Start(t, good)
	c := run(t, Options{})
	g := c.Group(udpOf(dead, fine))
	begin := time.Now()
	if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	for range 20 {
		begin := time.Now()
		ask(t, g, "b.test")
		if took := time.Since(begin); took > 200*time.Millisecond {
			t.Errorf("it took %v although the other server is known to be faster", took)
		}
	}
	waitFor(t, func() bool { return c.Stats()[indexOf(c, dead)].State == Resting })
	// It comes back by a probe.
	dead.Set(good)
	waitFor(t, func() bool { return c.Stats()[indexOf(c, dead)].State == Up })
}

func indexOf(c *Client, s *fakedns.Server) int {
	for i, x := range c.Stats() {
		if x.Address == (Address{AddrPort: s.Addr}).String() {
			return i
		}
	}
	panic("unknown server")
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	dead := fakedns.Start(t, fakedns.Silent)
	g := run(t, Options{Timeout: time.Second}).Group(udpOf(dead))
	begin := time.Now()
	if got := ask(t, g, "a.test"); got != errSilent.Error() {
		t.Error(got)
	}
	if took := time.Since(begin); took < 900*time.Millisecond || took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := dead.Asked.Load(); n < 2 {
		t.Errorf("%d queries: a lost packet would not have been made good", n)
	}
	if got := ask(t, run(t, Options{}).Group(nil), "a.test"); got != errNobody.Error() {
		t.Error(got)
	}
}

// A host that says that nobody listens is not waited for.
func TestNobodyListens(t *testing.T) {
	gone := fakedns.Start(t, good)
	gone.Stop()
	g := run(t, Options{}).Group(udpOf(gone))
	begin := time.Now()
	if got := ask(t, g, "a.test"); !strings.Contains(got, "refused") {
		t.Error(got)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if !g.Down() {
		t.Error("the server does not rest")
	}
	fine := fakedns.Start(t, good)
	g = run(t, Options{}).Group(udpOf(gone, fine))
	if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
}

func TestWorseAnswers(t *testing.T) {
	for _, rcode := range []int{dns.RcodeServerFailure, dns.RcodeRefused, dns.RcodeNotImplemented, dns.RcodeFormatError} {
		bad, fine := fakedns.Start(t, fakedns.Rcode(rcode)), fakedns.Start(t, good)
		g := run(t, Options{}).Group(udpOf(bad, fine))
		if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
			t.Errorf("%s: %s", dns.RcodeToString[rcode], got)
		}
		g = run(t, Options{}).Group(udpOf(bad))
		if got := ask(t, g, "a.test"); got != dns.RcodeToString[rcode] {
			t.Errorf("%s alone: %s", dns.RcodeToString[rcode], got)
		}
	}
}

// Servers from before EDNS are asked without it.
func TestServerWithoutEDNS(t *testing.T) {
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.IsEdns0() != nil {
			m := new(dns.Msg).SetRcodeFormatError(q)
			m.Question = nil
			w.WriteMsg(m)
			return
		}
		good(w, q)
	})
	g := run(t, Options{}).Group(udpOf(s))
	if got := ask(t, g, "a.test"); got != "NOERROR 192.0.2.1" {
		t.Error(got)
	}
}

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

// Many questions need few sockets, and none is left when the client ends.
func TestSocketsAreShared(t *testing.T) {
	lost := atomic.Int64{}
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if strings.HasPrefix(q.Question[0].Name, "n") && lost.Add(1)%50 == 0 {
			return // that one got lost
		}
		good(w, q)
	})
	before, goroutines := descriptors(t), runtime.NumGoroutine()
	c := New(Options{Timeout: 3 * time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	g := c.Group(udpOf(s))
	const questions, under = 30000, 500
	a := make(asker, under)
	failed, most := 0, 0
	for i := range questions + under {
		if i >= under {
			if r := <-a; r.err != nil {
				failed++
			}
		}
		if i < questions {
			g.Ask(question(fmt.Sprintf("n%d.test", i), dns.TypeA), a)
		}
		if i%1000 == 0 {
			most = max(most, descriptors(t)-before)
		}
	}
	if failed > questions/100 {
		t.Errorf("%d of %d questions failed", failed, questions)
	}
	if most > maxSockets {
		t.Errorf("%d sockets were open", most)
	}
	cancel()
	<-done
	waitFor(t, func() bool { return descriptors(t) <= before && runtime.NumGoroutine() <= goroutines })
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

func TestLoop(t *testing.T) {
	var log bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&log)
	c := New(Options{Log: logger})
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		c.LoopProbe(question(q.Question[0].Name, 0).Name) // it leads back to us
		fakedns.Rcode(dns.RcodeRefused)(w, q)
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	g := c.Group(udpOf(s))
	go func() { c.Run(ctx); close(done) }()
	if got := ask(t, g, "a.test"); got != "REFUSED" {
		t.Error(got)
	}
	waitFor(t, func() bool { return c.Stats()[0].State == Looping })
	asked := s.Asked.Load()
	if got := ask(t, g, "a.test"); got != errNobody.Error() || s.Asked.Load() != asked {
		t.Error(got)
	}
	cancel()
	<-done
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "leads back to us") {
		t.Errorf("%d lines:\n%s", n, &log)
	}
	if c.LoopProbe(question("a.test", 0).Name) {
		t.Error("any name is a probe")
	}
}

// Nothing is left of the questions when the client ends, and who asked is told.
func TestEnd(t *testing.T) {
	dead := fakedns.Start(t, fakedns.Silent)
	c := New(Options{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	g := c.Group(udpOf(dead))
	a := make(asker, 10)
	for range 10 {
		g.Ask(question("a.test", dns.TypeA), a)
	}
	cancel()
	<-done
	for range 10 {
		if r := <-a; !errors.Is(r.err, errClosed) {
			t.Error(r.err)
		}
	}
	g.Ask(question("a.test", dns.TypeA), a)
	if r := <-a; !errors.Is(r.err, errClosed) {
		t.Error(r.err)
	}
}

func TestAddressString(t *testing.T) {
	for want, a := range map[string]Address{
		"10.0.0.1":               {AddrPort: netip.MustParseAddrPort("10.0.0.1:53")},
		"10.0.0.1:54":            {AddrPort: netip.MustParseAddrPort("10.0.0.1:54")},
		"fd00::1":                {AddrPort: netip.MustParseAddrPort("[fd00::1]:53")},
		"[fd00::1]:54":           {AddrPort: netip.MustParseAddrPort("[fd00::1]:54")},
		"tls://dns.test@9.9.9.9": {AddrPort: netip.MustParseAddrPort("9.9.9.9:853"), TLS: true, Name: "dns.test"},
		"tls://9.9.9.9:53":       {AddrPort: netip.MustParseAddrPort("9.9.9.9:53"), TLS: true},
		"tls://[fd00::1]:53":     {AddrPort: netip.MustParseAddrPort("[fd00::1]:53"), TLS: true},
	} {
		if got := a.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
