package upstream

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/internal/dnswire"
	"toponym/internal/fakedns"
)

// forged answers with a record that is not true, after a change.
func forged(change func(m *dns.Msg)) fakedns.Answer {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 203.0.113.66")
		m.Answer = []dns.RR{rr}
		change(m)
		w.WriteMsg(m)
	}
}

// malformed is a response to the question with a record that cannot be read.
func malformed(q *dns.Msg) []byte {
	m := new(dns.Msg).SetReply(q)
	m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.IPv4(203, 0, 113, 66)}}
	b, _ := m.Pack()
	return b[:len(b)-2]
}

func TestForgedResponsesAreIgnored(t *testing.T) {
	for name, answer := range map[string]fakedns.Answer{
		"another id":       forged(func(m *dns.Msg) { m.Id++ }),
		"another name":     forged(func(m *dns.Msg) { m.Question[0].Name = "x.test." }),
		"another type":     forged(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }),
		"another class":    forged(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
		"no question":      forged(func(m *dns.Msg) { m.Question = nil }),
		"a query":          forged(func(m *dns.Msg) { m.Response = false }),
		"another opcode":   forged(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
		"too short":        func(w dns.ResponseWriter, q *dns.Msg) { w.Write([]byte("\x00\x01\x02")) },
		"an empty packet":  func(w dns.ResponseWriter, q *dns.Msg) { w.Write(nil) },
		"a broken record":  func(w dns.ResponseWriter, q *dns.Msg) { w.Write(malformed(q)) },
		"an unknown error": func(w dns.ResponseWriter, q *dns.Msg) { fakedns.SendError(w, syscall.EIO) },
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
				g := c.Group(udpOf(n.Start(answer), n.Start(good)))
				wantAnswer(t, g)
				got := g.servers[0].counters.mismatched.Load()
				if name != "an empty packet" && name != "too short" && name != "an unknown error" && got == 0 {
					t.Error("no mismatched message was counted")
				}
			})
		})
	}
}

// The system drops what comes from another address.
func TestResponsesFromElsewhereAreIgnored(t *testing.T) {
	t.Parallel()
	s := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if other, err := net.Dial("udp", w.RemoteAddr().String()); err == nil {
			forged(func(*dns.Msg) {})(writeTo{w, other}, q)
			other.Close()
		}
		good(w, q)
	})
	wantAnswer(t, run(t, Options{Timeout: time.Minute}).Group(udpOf(s)))
}

type writeTo struct {
	dns.ResponseWriter
	conn net.Conn
}

func (w writeTo) WriteMsg(m *dns.Msg) error {
	b, err := m.Pack()
	if err == nil {
		_, err = w.conn.Write(b)
	}
	return err
}

func TestTheTruthIsHeardAfterForgedResponses(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			forged(func(m *dns.Msg) { m.Question[0].Name = "x.test." })(w, q)
			w.Write(malformed(q))
			good(w, q)
		})
		g := c.Group(udpOf(s))
		for range 5 {
			wantAnswer(t, g)
		}
		if got := g.servers[0].counters.mismatched.Load(); got != 10 {
			t.Errorf("%d messages were counted as mismatched, want 10", got)
		}
		if got := s.Asked.Load(); got != 5 {
			t.Errorf("%d queries for 5 questions, want 5", got)
		}
	})
}

func TestServersThatSendNonsenseStayUp(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(func(w dns.ResponseWriter, q *dns.Msg) { w.Write(malformed(q)) })))
		for i := range 4 {
			if got := ask(g, fmt.Sprintf("n%d.test", i)); got != errSilent.Error() {
				t.Errorf("got %s, want %s", got, errSilent)
			}
		}
		if g.Down() {
			t.Error("the server is down, want it up as it responds")
		}
	})
}

func TestResponsesTruncatedWithinARecordAreAskedForOverTCP(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if fakedns.OverTCP(w) {
				good(w, q)
				return
			}
			b := malformed(q)
			b[2] |= dnswire.FlagTC >> 8
			w.Write(b)
		})
		wantAnswer(t, c.Group(udpOf(s)))
	})
}

func TestTheNextServerIsAskedWhenOneIsLate(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(fakedns.Silent), n.Start(good)))
		begin := time.Now()
		wantAnswer(t, g)
		if got := time.Since(begin); got > 2*initialRTO {
			t.Errorf("the first answer took %v, want at most %v", got, 2*initialRTO)
		}
		begin = time.Now()
		for range 20 {
			wantAnswer(t, g)
		}
		if got := time.Since(begin); got != 20*2*time.Millisecond {
			t.Errorf("20 answers took %v, want 2 ms each, as the other server is known to be faster", got)
		}
	})
}

func TestServersThatAreDownComeBackByAProbe(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		s := n.Start(good)
		g := c.Group(udpOf(s))
		for i := range uint64(downAfter) {
			g.servers[0].health.onFailure(i, false, time.Now(), time.Second)
		}
		if !g.Down() {
			t.Fatal("the server is up, want it down")
		}
		time.Sleep(tick + tick/2)
		if g.Down() {
			t.Error("the server is down, want it up after a probe")
		}
		if got := s.Asked.Load(); got != 1 {
			t.Errorf("%d queries, want one probe", got)
		}
	})
}

func TestSilentServersAreAskedAgain(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		dead := n.Start(fakedns.Silent)
		g := c.Group(udpOf(dead))
		begin := time.Now()
		var all sync.WaitGroup
		for i := range downAfter {
			all.Go(func() {
				if got := ask(g, fmt.Sprintf("n%d.test", i)); got != errSilent.Error() {
					t.Errorf("got %s, want %s", got, errSilent)
				}
			})
		}
		all.Wait()
		if !g.Down() {
			t.Error("the server is up, want it down")
		}
		if got := time.Since(begin); got != defaultTimeout {
			t.Errorf("it took %v, want %v", got, defaultTimeout)
		}
		if got := ask(c.Group(nil), "a.test"); got != errNoServer.Error() {
			t.Errorf("without servers: got %s, want %s", got, errNoServer)
		}
	})
}

func TestAllTriesFitIntoTheTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{300 * time.Millisecond, time.Second, defaultTimeout} {
		for _, servers := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("%d servers in %v", servers, timeout), func(t *testing.T) {
				simulate(t, Options{Timeout: timeout}, func(t *testing.T, n *fakedns.Network, c *Client) {
					var queries, last atomic.Int64
					begin := time.Now()
					var all []*fakedns.Server
					for range servers {
						all = append(all, n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
							if q.Question[0].Qtype == dns.TypeA {
								queries.Add(1)
								last.Store(int64(time.Since(begin)))
							}
						}))
					}
					g := c.Group(udpOf(all...))
					for _, s := range g.servers {
						s.health.onResponse(3 * time.Second) // as a satellite link, or after losses
					}
					ask(g, "a.test")
					if got := queries.Load(); got != maxAttempts {
						t.Errorf("%d queries, want %d", got, maxAttempts)
					}
					if got, most := time.Duration(last.Load()), timeout*9/10; got > most {
						t.Errorf("the last query arrived after %v, want at most %v", got, most)
					}
				})
			})
		}
	}
}

func TestHalfOfThePacketsMayGetLost(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		random := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		n.Lose = func(bool, []byte) bool {
			mu.Lock()
			defer mu.Unlock()
			return random.IntN(100) < 30 // so that about half of the exchanges fail
		}
		g := c.Group(udpOf(n.Start(good)))
		failed := 0
		for range 500 {
			if got := ask(g, "a.test"); got != "NOERROR 192.0.2.1" {
				failed++
			}
		}
		// Of five tries with a chance of 0.51 each all fail for 3 % of the questions.
		if failed > 35 {
			t.Errorf("%d of 500 questions failed, want about 14", failed)
		}
	})
}

func TestServersThatRefusePacketsAreNotWaitedFor(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		gone := n.Start(good)
		gone.Stop()
		g := c.Group(udpOf(gone))
		begin := time.Now()
		if got, want := ask(g, "a.test"), "refused"; !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := time.Since(begin); got > 3*retransmitRefused {
			t.Errorf("it took %v, want at most %v", got, 3*retransmitRefused)
		}
		g = c.Group(udpOf(gone, n.Start(good)))
		begin = time.Now()
		wantAnswer(t, g)
		if got := time.Since(begin); got > 10*time.Millisecond {
			t.Errorf("the other server answered after %v, want 4 ms", got)
		}
	})
}

// Anybody can send an ICMP message. It may hurry the query that it quotes, and means
// nothing for others.
func TestICMPMessagesAreHints(t *testing.T) {
	late := func(w dns.ResponseWriter, q *dns.Msg) {
		time.Sleep(50 * time.Millisecond)
		good(w, q)
	}
	icmp := func(change func(q *dns.Msg) []byte) fakedns.Answer {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			fakedns.SendError(w, &UnreachableError{syscall.ECONNREFUSED, change(q)})
			late(w, q)
		}
	}
	pack := func(q *dns.Msg) []byte { b, _ := q.Pack(); return b }
	for name, answer := range map[string]fakedns.Answer{
		"of nothing":       icmp(func(*dns.Msg) []byte { return nil }),
		"of an id":         icmp(func(q *dns.Msg) []byte { return pack(q)[:2] }),
		"of another query": icmp(func(q *dns.Msg) []byte { q = q.Copy(); q.Id++; return pack(q) }),
		"of another name":  icmp(func(q *dns.Msg) []byte { q = q.Copy(); q.Question[0].Name = "x.test."; return pack(q) }),
		"of garbage":       icmp(func(*dns.Msg) []byte { return make([]byte, 600) }),
		"of the query":     icmp(pack),
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
				s := n.Start(answer)
				g := c.Group(udpOf(s))
				for i := range 10 {
					o := make(outcomes, 2)
					g.Ask(question("a.test", dns.TypeA), o)
					g.Ask(question("b.test", dns.TypeA), o)
					for range 2 {
						if got := (<-o).String(); !strings.HasPrefix(got, "NOERROR 192.0.2.") {
							t.Fatalf("round %d: got %s, want an answer", i, got)
						}
					}
				}
				if g.Down() {
					t.Error("the server is down, want it up")
				}
				if got := s.Asked.Load(); got > 23 { // with probes
					t.Errorf("%d queries, want one for each of 20 questions", got)
				}
			})
		})
	}
}

// The same with real sockets: the system must tell which query is quoted.
func TestPortsWhereNobodyListensAreNoticed(t *testing.T) {
	t.Parallel()
	gone := fakedns.Start(t, good)
	gone.Stop()
	c := run(t, Options{Timeout: 10 * time.Minute})
	for range 3 {
		if got, want := ask(c.Group(udpOf(gone)), "a.test"), "refused"; !strings.Contains(got, want) {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// A name whose servers do not respond must not make its resolver look dead.
func TestOneSlowNameDoesNotTakeItsServerDown(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if q.Question[0].Name != "slow.test." {
				good(w, q)
			}
		})))
		wantAnswer(t, g)
		for i := range 20 {
			o := make(outcomes, 2)
			g.Ask(question("slow.test", dns.TypeA), o)
			g.Ask(question("slow.test", dns.TypeAAAA), o)
			<-o
			<-o
			if g.Down() {
				t.Fatalf("the server is down after %d questions for one name", 2*i+2)
			}
		}
		begin := time.Now()
		wantAnswer(t, g)
		if got := time.Since(begin); got != 2*time.Millisecond {
			t.Errorf("another name took %v, want 2 ms", got)
		}
	})
}

// Neither must many such names.
func TestManySlowNamesDoNotTakeTheirServerDown(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if q.Question[0].Qtype != dns.TypeA {
				good(w, q) // such as a probe
			}
		})))
		for round := range 10 {
			o := make(outcomes, 100)
			for i := range 100 {
				g.Ask(question(fmt.Sprintf("n%d.test", 100*round+i), dns.TypeA), o)
			}
			for range 100 {
				<-o
				if g.Down() {
					t.Fatal("the server is down, want it up as it responds to probes")
				}
			}
		}
	})
}

func TestServersThatAreSilentForAllNamesGoDown(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(fakedns.Silent)))
		ask(g, "a.test")
		time.Sleep(10 * time.Second) // probes confirm it
		if !g.Down() {
			t.Error("the server is up, want it down")
		}
	})
}

// busyConn takes no packets until a time, in ns.
type busyConn struct {
	net.Conn
	until *atomic.Int64
}

func (b busyConn) Write(packet []byte) (int, error) {
	if time.Now().UnixNano() < b.until.Load() {
		return 0, errBusy
	}
	return b.Conn.Write(packet)
}

func TestFullSendBuffersAreNoFailures(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, _ *Client) {
		var until atomic.Int64
		c := run(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := n.Dial(ctx, network, address)
			return busyConn{conn, &until}, err
		}})
		g := c.Group(udpOf(n.Start(good)))
		wantAnswer(t, g)
		until.Store(time.Now().Add(3 * busyPause).UnixNano())
		begin := time.Now()
		wantAnswer(t, g)
		if got, most := time.Since(begin), 5*busyPause; got > most {
			t.Errorf("it took %v, want at most %v", got, most)
		}
		if got := g.servers[0].counters.failures.Load(); got != 0 {
			t.Errorf("%d failures of the server were counted, want 0", got)
		}
	})
}

func TestTheNextServerIsAskedAfterAFailure(t *testing.T) {
	answers := map[string]fakedns.Answer{
		"an answer to another name": forged(func(m *dns.Msg) { m.Answer[0].Header().Name = "x.test." }),
	}
	for rcode := range 16 {
		if rcode != dns.RcodeSuccess && rcode != dns.RcodeNameError {
			answers[fmt.Sprintf("code %d", rcode)] = fakedns.Rcode(rcode)
		}
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
				bad := n.Start(answer)
				begin := time.Now()
				wantAnswer(t, c.Group(udpOf(bad, n.Start(good))))
				if got := time.Since(begin); got > 10*time.Millisecond {
					t.Errorf("it took %v, want 4 or 6 ms", got)
				}
				o := make(outcomes, 1)
				c.Group(udpOf(bad)).Ask(question("a.test", dns.TypeA), o)
				if r := <-o; r.err == nil && r.msg.Rcode == dns.RcodeSuccess {
					t.Errorf("alone: got %v, want a failure", r)
				}
				if got := time.Since(begin); got > 20*time.Millisecond {
					t.Errorf("alone: it took %v, want 2 or 4 ms", got)
				}
			})
		})
	}
}

// Its handler is told once, at once, and what was asked takes no room any more.
func TestCanceledQuestionsEnd(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		g := c.Group(udpOf(n.Start(fakedns.Silent)))
		o := make(outcomes, 2)
		q := g.Ask(question("a.test", dns.TypeA), o)
		begin := time.Now()
		q.Cancel()
		q.Cancel()
		if got := (<-o).err; got != errCanceled || time.Since(begin) != 0 {
			t.Errorf("got %v after %v, want %v at once", got, time.Since(begin), errCanceled)
		}
		time.Sleep(2 * defaultTimeout)
		if len(o) > 0 {
			t.Errorf("the handler was told again: %v", <-o)
		}
	})
}

// A server that is gone is down within 5 seconds of the first question to it, whether or
// not the network says so, and up again within 5 seconds of its return; both is logged
// at once.
func TestAServerThatIsGoneIsDownSoon(t *testing.T) {
	var log bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&log)
	simulate(t, Options{Log: logger}, func(t *testing.T, n *fakedns.Network, c *Client) {
		server := n.Start(good)
		g := c.Group(udpOf(server))
		o := make(outcomes, 100)
		g.Ask(question("a.test", dns.TypeA), o)
		time.Sleep(time.Minute)
		heard := c.Stats()[0].Heard
		if age := time.Since(heard); age < 30*time.Second || age > time.Minute {
			t.Errorf("got a last response %v ago, want a minute", age)
		}
		for range 2 {
			server.Set(func(dns.ResponseWriter, *dns.Msg) {})
			g.Ask(question("a.test", dns.TypeA), o)
			time.Sleep(5 * time.Second)
			if s := c.Stats()[0]; s.State != Down {
				t.Errorf("after 5 s without a response: got %+v, want it down", s)
			}
			time.Sleep(time.Minute)
			server.Set(good)
			time.Sleep(5 * time.Second)
			if s := c.Stats()[0]; s.State != Up {
				t.Errorf("5 s after its return: got %+v, want it up", s)
			}
			if !strings.HasSuffix(strings.TrimSpace(log.String()), "upstream=192.0.2.1") || !strings.Contains(log.String()[strings.LastIndex(log.String(), "time="):], "responds again") {
				t.Errorf("got the log\n%s\nwant a last line that it responds again", &log)
			}
		}
	})
}

// When a server returns, the first query that it gets may be one without OPT, after others
// with it were lost. That does not mean that it dislikes OPT.
func TestTheEndOfAnOutageSaysNothingOfEDNS(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		server := n.Start(good)
		g := c.Group(udpOf(server))
		wantAnswer(t, g)
		for outage := range 3 {
			server.Set(func(dns.ResponseWriter, *dns.Msg) {})
			ask(g, "a.test")
			time.Sleep(time.Minute)
			if s := c.Stats()[0]; s.State != Down {
				t.Fatalf("outage %d: got %+v, want it down", outage, s)
			}
			server.Set(func(w dns.ResponseWriter, q *dns.Msg) {
				if q.IsEdns0() == nil {
					good(w, q)
				}
			})
			time.Sleep(time.Minute)
			if s := c.Stats()[0]; s.State != Up {
				t.Fatalf("outage %d: got %+v after it, want it up", outage, s)
			}
		}
		var with, without atomic.Int32
		server.Set(func(w dns.ResponseWriter, q *dns.Msg) {
			if q.IsEdns0() != nil {
				with.Add(1)
			} else {
				without.Add(1)
			}
			good(w, q)
		})
		wantAnswer(t, g)
		if with.Load() != 1 || without.Load() != 0 {
			t.Errorf("got %d queries with OPT and %d without, want one with it", with.Load(), without.Load())
		}
	})
}
