package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/internal/fakedns"
)

const defaultTimeout = 5 * time.Second

// simulate runs a test with a fake clock, a network in memory, and a client that runs
// until the test ends. A packet takes a millisecond.
func simulate(t *testing.T, o Options, test func(t *testing.T, n *fakedns.Network, c *Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := fakedns.NewNetwork(t)
		n.Delay = time.Millisecond
		n.Unreachable = func(packet []byte) error { return &UnreachableError{syscall.ECONNREFUSED, packet} }
		o.Dial = n.Dial
		c := run(t, o)
		synctest.Wait() // until Run has looked at the servers, of which there are none
		test(t, n, c)
	})
}

// run runs a client until the test ends.
func run(t *testing.T, o Options) *Client {
	t.Helper()
	c, stop := start(o)
	t.Cleanup(stop)
	return c
}

// start runs a client until it is stopped.
func start(o Options) (c *Client, stop func()) {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	c = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { c.Run(ctx); close(done) }()
	return c, func() { cancel(); <-done }
}

func udpOf(servers ...*fakedns.Server) []Address {
	var list []Address
	for _, s := range servers {
		list = append(list, Address{AddrPort: s.Addr})
	}
	return list
}

type outcome struct {
	msg *dns.Msg
	err error
}

// String is the rcode and the data of the answer, or the error.
func (o outcome) String() string {
	if o.err != nil {
		return o.err.Error()
	}
	s := dns.RcodeToString[o.msg.Rcode]
	for _, rr := range o.msg.Answer {
		s += " " + rr.(*dns.A).A.String()
	}
	return s
}

// outcomes is a handler that parses responses and sends outcomes to itself.
type outcomes chan outcome

func (o outcomes) OnResponse(msg []byte) (Result, error) {
	m := new(dns.Msg)
	if err := m.Unpack(msg); err != nil {
		return m, err
	}
	for _, rr := range m.Answer {
		if rr.Header().Name != m.Question[0].Name {
			return nil, fmt.Errorf("%w: %v", ErrNoAnswer, rr)
		}
	}
	return m, nil
}

func (o outcomes) Done(result Result, err error) {
	m, _ := result.(*dns.Msg)
	o <- outcome{m, err}
}

func question(name string, qtype uint16) Question {
	b := make([]byte, 256)
	n, err := dns.PackDomainName(dns.Fqdn(name), b, 0, nil, false)
	if err != nil {
		panic(err)
	}
	return Question{Name: b[:n], Type: qtype, Class: dns.ClassINET}
}

// ask waits for the outcome of a question, as text.
func ask(g *Group, name string) string {
	o := make(outcomes, 1)
	g.Ask(question(name, dns.TypeA), o)
	return (<-o).String()
}

// wantAnswer asks for a name that good has.
func wantAnswer(t *testing.T, g *Group) {
	t.Helper()
	if got, want := ask(g, "a.test"), "NOERROR 192.0.2.1"; got != want {
		t.Errorf("a.test: got %s, want %s", got, want)
	}
}

var good = fakedns.Records("a.test. 60 IN A 192.0.2.1", "b.test. 60 IN A 192.0.2.2")

func TestAnswersComeBack(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(good)))
		wantAnswer(t, g)
		if got, want := ask(g, "c.test"), "NXDOMAIN"; got != want {
			t.Errorf("c.test: got %s, want %s", got, want)
		}
	})
}

// This one and TestRealTLS have real sockets; all others have a network in memory.
func TestRealSockets(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, cutOverUDP)
	g := run(t, Options{Timeout: time.Minute}).Group(udpOf(s))
	for range 20 {
		wantAnswer(t, g)
	}
	if s.TCP.Load() < 20 {
		t.Errorf("%d queries over TCP, want 20", s.TCP.Load())
	}
}

func TestQueriesSayWhatIsWanted(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		queries := make(chan *dns.Msg, 10)
		g := c.Group(udpOf(n.Start(func(w dns.ResponseWriter, q *dns.Msg) { queries <- q; good(w, q) })))
		q := question("a.test", dns.TypeTXT)
		q.DO, q.CD = true, true
		o := make(outcomes, 1)
		g.Ask(q, o)
		<-o
		m := <-queries
		if opt := m.IsEdns0(); !m.RecursionDesired || !m.CheckingDisabled || !m.AuthenticatedData || opt == nil || !opt.Do() || opt.UDPSize() != 1232 || len(opt.Option) > 0 {
			t.Errorf("the server was sent\n%v\nwant RD, CD, AD, and an OPT record with DO, size 1232 and no options", m)
		}
	})
}

func TestSocketsAreShared(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(good)))
		const questions, atATime = 6000, 100
		o := make(outcomes, atATime)
		most := 0
		for i := range questions + atATime {
			if i >= atATime {
				if r := <-o; r.err != nil {
					t.Fatal(r.err)
				}
			}
			if i < questions {
				g.Ask(question(fmt.Sprintf("n%d.test", i), dns.TypeA), o)
			}
			if i%500 == 0 {
				g.servers[0].wear()
			}
			most = max(most, len(g.servers[0].openSockets()))
		}
		if most > maxSockets {
			t.Errorf("%d sockets were open at a time, want at most %d", most, maxSockets)
		}
		if n.Sockets() < questions/500*portsPerServer/2 {
			t.Errorf("%d sockets were opened, so that ports hardly changed", n.Sockets())
		}
		time.Sleep(2 * socketIdle)
		if got := len(g.servers[0].openSockets()); got != 0 {
			t.Errorf("%d idle sockets are open, want 0", got)
		}
	})
}

// wear makes other sockets take the place of those that are in use.
func (s *server) wear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.sockets {
		k.used.Store(rotateAfter)
	}
}

func (s *server) openSockets() []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.open))
}

func TestReleasedServersFinishTheirQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fakedns.NewNetwork(t)
		var first atomic.Bool
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if first.Swap(true) {
				good(w, q)
			}
		})
		c, stop := start(Options{Dial: n.Dial})
		g := c.Group(udpOf(s))
		o := make(outcomes, 1)
		g.Ask(question("a.test", dns.TypeA), o)
		c.Release(g)
		if got, want := (<-o).String(), "NOERROR 192.0.2.1"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := len(c.Stats()); got != 0 {
			t.Errorf("%d servers are left, want 0", got)
		}
		time.Sleep(3 * defaultTimeout)
		if got := len(g.servers[0].openSockets()); got != 0 {
			t.Errorf("%d sockets are open, want 0", got)
		}
		c.Release(c.Group(udpOf(s))) // is used just before the end
		stop()
	})
}

func TestServersThatLeadBackAreNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger := logrus.New()
		logger.SetOutput(&log)
		n := fakedns.NewNetwork(t)
		var c *Client
		var loops atomic.Bool
		loops.Store(true)
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if loops.Load() {
				c.IsLoopProbe(question(q.Question[0].Name, 0).Name)
			}
			fakedns.Rcode(dns.RcodeRefused)(w, q)
		})
		c, stop := start(Options{Dial: n.Dial, Log: logger})
		g := c.Group(udpOf(s))
		if got, want := ask(g, "a.test"), "REFUSED"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		time.Sleep(2 * tick)
		if got := c.Stats()[0].State; got != Looping {
			t.Fatalf("the state is %v, want looping", got)
		}
		asked := s.Asked.Load()
		if got := ask(g, "a.test"); got != errNoServer.Error() || s.Asked.Load() != asked {
			t.Errorf("got %s and %d queries, want %s and none", got, s.Asked.Load()-asked, errNoServer)
		}
		loops.Store(false)
		time.Sleep(loopRetry + 2*tick)
		if got := c.Stats()[0].State; got != Up {
			t.Errorf("the state is %v after the loop has ended, want up", got)
		}
		stop()
		if got := strings.Count(log.String(), "server leads back"); got != 1 {
			t.Errorf("%d lines say that the server leads back, want 1:\n%s", got, &log)
		}
		if c.IsLoopProbe(question("a.test", 0).Name) {
			t.Error("a.test is taken for a loop probe")
		}
	})
}

func TestTheEndLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := fakedns.NewNetwork(t)
		c, stop := start(Options{Dial: n.Dial})
		g := c.Group(udpOf(n.Start(fakedns.Silent)))
		o := make(outcomes, 11)
		for range 10 {
			g.Ask(question("a.test", dns.TypeA), o)
		}
		stop()
		g.Ask(question("a.test", dns.TypeA), o)
		for range 11 {
			if r := <-o; !errors.Is(r.err, errClosed) {
				t.Errorf("got %v, want %v", r.err, errClosed)
			}
		}
		if got := len(g.servers[0].openSockets()); got != 0 {
			t.Errorf("%d sockets are open, want 0", got)
		}
	})
}

func TestFewLinesAMinuteAreLogged(t *testing.T) {
	var log bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&log)
	simulate(t, Options{Log: logger}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(good)))
		for range 180 {
			g.servers[0].log.add("is tested", errors.New(strings.Repeat("long", 1000)))
			time.Sleep(time.Second)
		}
	})
	if got := strings.Count(log.String(), "\n"); got < 3*linesAMinute || got > 3*linesAMinute+1 || !strings.Contains(log.String(), "upstream=192.0.2.1") || !strings.Contains(log.String(), "count=57") {
		t.Errorf("%d lines in three minutes, want four a minute with upstream and count:\n%s", got, &log)
	}
	if got := log.Len(); got > (3*linesAMinute+1)*(maxLoggedError+200) {
		t.Errorf("the lines have %d bytes, want less", got)
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
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
