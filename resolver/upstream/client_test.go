package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
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
	err error
}

type asker chan answer

func (a asker) OnResponse(msg []byte) (Result, error) {
	m := new(dns.Msg)
	return m, m.Unpack(msg)
}

func (a asker) Done(reply Result, err error) {
	m, _ := reply.(*dns.Msg)
	a <- answer{m, err}
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
	t.Parallel()
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

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not happen")
		}
	}
}

// Many questions need few sockets, and none is left when the client ends.
func TestSocketsAreShared(t *testing.T) {
	lost := atomic.Int64{}
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if strings.HasPrefix(q.Question[0].Name, "n") && lost.Add(1)%200 == 0 {
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
	const questions, under = 6000, 100
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
		if i%500 == 0 {
			most = max(most, descriptors(t)-before)
			for _, s := range g.servers {
				s.wear()
			}
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

// wear has other sockets take the place of those that are used.
func (s *server) wear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		k.used.Store(rotateAfter)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

// A server that no group names any more still takes the questions that were
// asked before. Then nothing is left of it.
func TestServersThatGo(t *testing.T) {
	t.Parallel()
	var first atomic.Bool
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if first.Swap(true) {
			good(w, q)
		}
	})
	c := New(Options{Timeout: time.Second})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	g := c.Group(udpOf(s))
	a := make(asker, 1)
	g.Ask(question("a.test", dns.TypeA), a)
	c.Release(g)
	if r := <-a; r.err != nil || len(r.msg.Answer) != 1 {
		t.Error(r)
	}
	if n := len(c.Stats()); n != 0 {
		t.Errorf("%d servers are left", n)
	}
	waitFor(t, func() bool { return len(g.servers[0].openSockets()) == 0 })
	c.Release(c.Group(udpOf(s))) // comes and goes just before the end
	cancel()
	<-done
}

func (s *server) openSockets() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.open))
}

func TestLoop(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&log)
	c := New(Options{Log: logger})
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		c.IsLoopProbe(question(q.Question[0].Name, 0).Name) // it leads back to us
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
	if c.IsLoopProbe(question("a.test", 0).Name) {
		t.Error("any name is a probe")
	}
}

// Nothing is left of the questions when the client ends, and who asked is told.
func TestEnd(t *testing.T) {
	t.Parallel()
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
