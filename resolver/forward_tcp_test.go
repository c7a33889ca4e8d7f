package resolver

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// A connection does not wait for one slow answer, nor does it end as idle.
func TestAnswersOverTCPComeInAnyOrder(t *testing.T) {
	release := make(chan struct{})
	up := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if strings.HasPrefix(q.Question[0].Name, "slow") {
			<-release
		}
		m := new(dns.Msg).SetReply(q)
		w.WriteMsg(m)
	})
	o := forwarding(up)
	o.TCPIdleTimeout = 300 * time.Millisecond
	s, _ := start(t, "127.0.0.1", o)
	conn := dial(t, s, "tcp", "127.0.0.1")
	c := dns.Conn{Conn: conn}
	slow, _ := packQuery(t, "slow.example.com. A +rd")
	c.Write(slow)
	for range 3 {
		if got := askOver(t, conn, "quick.example.com. A +rd"); got != "NOERROR qr rd ra" {
			t.Errorf("got %q, want %q", got, "NOERROR qr rd ra")
		}
	}
	time.Sleep(700 * time.Millisecond)
	// The client may say that it has no more to ask.
	conn.(*net.TCPConn).CloseWrite()
	close(release)
	if got := readResponse(t, conn, slow); got != "NOERROR qr rd ra" {
		t.Errorf("got %q, want %q", got, "NOERROR qr rd ra")
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open, want it closed")
	}
}

// A client that pipelines more than may wait gets all answers.
func TestManyQueriesOnOneConnection(t *testing.T) {
	up := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetReply(q)) })
	s, _ := start(t, "127.0.0.1", forwarding(up))
	conn := dial(t, s, "tcp", "127.0.0.1")
	const queries = 5 * maxConnPending
	go func() {
		c := dns.Conn{Conn: conn}
		for i := range queries {
			packet, _ := packQuery(t, fmt.Sprintf("n%d.example.com. A +rd", i))
			c.Write(packet)
		}
	}()
	c := dns.Conn{Conn: conn}
	seen := map[string]bool{}
	for range queries {
		m, err := c.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		seen[m.Question[0].Name] = true
	}
	if len(seen) != queries {
		t.Errorf("%d answers of %d", len(seen), queries)
	}
}

func TestLongAnswers(t *testing.T) {
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("big.example.com. 60 IN A 192.0.2.%d", i))
	}
	all := fakedns.Records(lines...)
	up := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if !fakedns.OverTCP(w) {
			m := new(dns.Msg).SetReply(q)
			m.Truncated = true
			w.WriteMsg(m)
			return
		}
		all(w, q)
	})
	s, _ := start(t, "127.0.0.1", forwarding(up))
	for range 2 { // from the server, then from the cache
		for _, x := range []struct {
			network, ask string
			answers      int
			flags        string
		}{
			{"udp", "big.example.com. A +rd", 29, "NOERROR qr tc rd ra"},
			{"udp", "big.example.com. A +rd +edns=1232", 74, "NOERROR qr tc rd ra"},
			{"udp", "big.example.com. A +rd +edns=4096", 100, "NOERROR qr rd ra"},
			{"tcp", "big.example.com. A +rd", 100, "NOERROR qr rd ra"},
		} {
			got := askOver(t, dial(t, s, x.network, "127.0.0.1"), x.ask)
			if n := strings.Count(got, "answer"); n != x.answers || !strings.HasPrefix(got, x.flags+"\n") {
				t.Errorf("%s over %s: %d answers, %s", x.ask, x.network, n, strings.SplitN(got, "\n", 2)[0])
			}
		}
	}
}
