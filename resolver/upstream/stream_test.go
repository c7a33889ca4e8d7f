package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/internal/testutil"
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

// closing closes the connection after each response over TCP or TLS.
func closing(w dns.ResponseWriter, q *dns.Msg) {
	cutOverUDP(w, q)
	if fakedns.OverTCP(w) {
		w.Close()
	}
}

func TestTruncatedResponsesAreAskedForOverOneConnection(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		s := n.Start(cutOverUDP)
		g := c.Group(udpOf(s))
		for range 100 {
			wantAnswer(t, g)
		}
		if got := s.Conns.Load(); got != 1 {
			t.Errorf("%d connections for 100 questions, want 1", got)
		}
	})
}

func TestTruncatedResponsesAreReturnedWithoutTCP(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if fakedns.OverTCP(w) {
				w.Close()
				return
			}
			cutOverUDP(w, q)
		})
		g := c.Group(udpOf(s))
		o := make(outcomes, 1)
		g.Ask(question("a.test", dns.TypeA), o)
		if r := <-o; r.err != nil || !r.msg.Truncated {
			t.Errorf("got %v, want the truncated response", r)
		}
		if g.Down() {
			t.Error("the server is down, want it up as it responds over UDP")
		}
	})
}

func TestResponsesOnAConnectionMayComeInAnyOrder(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		const questions = 50
		var queries []*dns.Msg
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if !fakedns.OverTCP(w) {
				cutOverUDP(w, q)
				return
			}
			if q.Question[0].Qtype != dns.TypeA {
				return // a probe
			}
			if queries = append(queries, q); len(queries) < questions {
				return
			}
			for i := range queries {
				q := queries[len(queries)-1-i]
				m := new(dns.Msg).SetReply(q)
				rr, _ := dns.NewRR(q.Question[0].Name + " 60 IN A 192.0.2." + q.Question[0].Name[:strings.Index(q.Question[0].Name, ".")])
				m.Answer = []dns.RR{rr}
				w.WriteMsg(m)
			}
		})
		g := c.Group(udpOf(s))
		var all sync.WaitGroup
		for i := range questions {
			all.Go(func() {
				if got, want := ask(g, fmt.Sprintf("%d.test", i)), fmt.Sprintf("NOERROR 192.0.2.%d", i); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
		all.Wait()
	})
}

func TestServersMayCloseAfterEachResponse(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS is %v", secure), func(t *testing.T) {
			simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
				s := n.Start(closing)
				addrs := udpOf(s)
				if secure {
					ca := testutil.NewCA(t)
					s = n.StartTLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "dns.test")}}, closing)
					addrs = []Address{{AddrPort: s.Addr, TLS: true, Name: "dns.test"}}
					c = run(t, Options{RootCAs: ca.Pool(), Dial: n.Dial})
				}
				g := c.Group(addrs)
				questions := 300 // at a time
				if secure {
					questions = 60 // handshakes take processor time
				}
				for range 10 {
					wantAnswer(t, g) // one at a time
				}
				for round := range 3 {
					o := make(outcomes, questions)
					begin := time.Now()
					for i := range questions {
						g.Ask(question([]string{"a.test", "b.test"}[i%2], dns.TypeA), o)
					}
					failed := 0
					for range questions {
						if r := <-o; r.err != nil || len(r.msg.Answer) == 0 {
							failed++
						}
					}
					if failed > 0 {
						t.Errorf("round %d: %d of %d questions failed in %v, want 0", round, failed, questions, time.Since(begin))
					}
				}
				if got := s.TCP.Load(); got > int64(6*questions) {
					t.Errorf("%d queries over TCP for %d questions, want about one each", got, 3*questions+10)
				}
			})
		})
	}
}

func TestServersMayCloseAfterSomeResponses(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		var mu sync.Mutex
		given := map[dns.ResponseWriter]int{}
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			cutOverUDP(w, q)
			mu.Lock()
			defer mu.Unlock()
			if given[w]++; fakedns.OverTCP(w) && given[w] == 7 {
				w.Close()
			}
		})
		g := c.Group(udpOf(s))
		const questions = 1000
		o := make(outcomes, questions)
		for range questions {
			g.Ask(question("a.test", dns.TypeA), o)
		}
		for range questions {
			if got, want := (<-o).String(), "NOERROR 192.0.2.1"; got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		}
	})
}

// brokenConn is a connection that the server has closed after the first query, so that
// the second one cannot be written while the response to the first has yet to be read.
type brokenConn struct {
	net.Conn
	writes int
}

func (b *brokenConn) Write(p []byte) (int, error) {
	if b.writes++; b.writes > 1 {
		return 0, syscall.EPIPE
	}
	return b.Conn.Write(p)
}

func TestResponsesAreReadAfterTheServerHasClosed(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, _ *Client) {
		c := run(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := n.Dial(ctx, network, address)
			if network == "tcp" && err == nil {
				conn = &brokenConn{Conn: conn}
			}
			return conn, err
		}})
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if fakedns.OverTCP(w) {
				time.Sleep(20 * time.Millisecond)
			}
			closing(w, q)
		})
		g := c.Group(udpOf(s))
		const questions = 10
		o := make(outcomes, questions)
		for range questions {
			g.Ask(question("a.test", dns.TypeA), o)
			time.Sleep(10 * time.Millisecond)
		}
		for range questions {
			if got, want := (<-o).String(), "NOERROR 192.0.2.1"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		if got := g.servers[0].counters.mismatched.Load(); got != 0 {
			t.Errorf("%d responses came too late, want 0", got)
		}
	})
}

// pickyConn is a connection that the server closes at once when it gets more than one
// query.
type pickyConn struct {
	net.Conn
	writes int
}

func (p *pickyConn) Write(b []byte) (int, error) {
	if p.writes++; p.writes > 1 || int(b[0])<<8|int(b[1])+2 != len(b) {
		p.Conn.Close()
		return len(b), nil
	}
	return p.Conn.Write(b)
}

func TestServersMayWantOneQueryPerConnection(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, _ *Client) {
		c := run(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := n.Dial(ctx, network, address)
			if network == "tcp" && err == nil {
				conn = &pickyConn{Conn: conn}
			}
			return conn, err
		}})
		g := c.Group(udpOf(n.Start(closing)))
		const questions = 50
		o := make(outcomes, questions)
		for range questions {
			g.Ask(question("a.test", dns.TypeA), o)
		}
		for range questions {
			if got, want := (<-o).String(), "NOERROR 192.0.2.1"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
	})
}

func TestServersMayLimitConnections(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		var mu sync.Mutex
		open, most := 0, 0
		s := n.Start(func(w dns.ResponseWriter, q *dns.Msg) {
			if !fakedns.OverTCP(w) {
				cutOverUDP(w, q)
				return
			}
			mu.Lock()
			full := open == 3
			if !full {
				open++
			}
			most = max(most, open)
			mu.Unlock()
			if full {
				w.Close()
				return
			}
			time.Sleep(10 * time.Millisecond)
			good(w, q)
			w.Close()
			mu.Lock()
			open--
			mu.Unlock()
		})
		g := c.Group(udpOf(s))
		const questions = 300
		for range 3 {
			o := make(outcomes, questions)
			for range questions {
				g.Ask(question("a.test", dns.TypeA), o)
			}
			for range questions {
				if got, want := (<-o).String(), "NOERROR 192.0.2.1"; got != want {
					t.Fatalf("got %s, want %s", got, want)
				}
			}
		}
		mu.Lock() // a connection that nobody waits for any more may just be served
		defer mu.Unlock()
		if most < 2 {
			t.Errorf("%d connections at a time, want 3", most)
		}
	})
}

// TestRealTLS has real sockets.
func TestRealTLS(t *testing.T) {
	t.Parallel()
	ca := testutil.NewCA(t)
	s := fakedns.StartTLS(t, &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "dns.test", "127.0.0.1")}}, good)
	c := run(t, Options{RootCAs: ca.Pool(), Timeout: time.Minute})
	for _, name := range []string{"dns.test", ""} {
		wantAnswer(t, c.Group([]Address{{AddrPort: s.Addr, TLS: true, Name: name}}))
	}
}

func TestCertificatesAreVerified(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, _ *Client) {
		ca := testutil.NewCA(t)
		s := n.StartTLS(&tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "dns.test", "192.0.2.1")}}, good)
		c := run(t, Options{RootCAs: ca.Pool(), Dial: n.Dial})
		for _, name := range []string{"dns.test", ""} {
			wantAnswer(t, c.Group([]Address{{AddrPort: s.Addr, TLS: true, Name: name}}))
		}
		other := c.Group([]Address{{AddrPort: s.Addr, TLS: true, Name: "other.test"}})
		if got, want := ask(other, "a.test"), "certificate"; !strings.Contains(got, want) {
			t.Errorf("another name: got %s, want an error about the %s", got, want)
		}
		unknown := run(t, Options{RootCAs: x509.NewCertPool(), Dial: n.Dial}).Group([]Address{{AddrPort: s.Addr, TLS: true}})
		if got, want := ask(unknown, "a.test"), "certificate"; !strings.Contains(got, want) {
			t.Errorf("an unknown authority: got %s, want an error about the %s", got, want)
		}
	})
}
