package resolver

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
)

// Many clients that wait for the same are one question.
func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	release := make(chan struct{})
	up := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
		if q.Question[0].Qtype == dns.TypeA {
			<-release
		}
		outsideRecords(w, q)
	})
	s, _ := start(t, "127.0.0.1", forwarding(up))
	var all sync.WaitGroup
	for i := range 50 {
		conn := dial(t, s, []string{"udp", "tcp"}[i%2], "127.0.0.1")
		all.Go(func() {
			if got := askOver(t, conn, askWWW); got != wantWWW {
				t.Error(got)
			}
		})
	}
	for s.ForwardStats().Waiting < 50 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	all.Wait()
	if st := s.ForwardStats(); st.Shared != 49 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
}

func TestStaleAnswers(t *testing.T) {
	up := fakedns.Start(t, fakedns.Records("www.example.com. 1 IN A 192.0.2.1"))
	o := forwarding(up)
	o.Forward.Timeout = 3 * time.Second
	s, _ := start(t, "127.0.0.1", o)
	conn := dial(t, s, "udp", "127.0.0.1")
	const fresh, stale = "NOERROR qr rd ra\nanswer www.example.com. 1 A 192.0.2.1\nopt 1232", "NOERROR qr rd ra\nanswer www.example.com. 30 A 192.0.2.1\nopt 1232 ede=3"
	question := askWWW + " +edns=1232"
	if got := askOver(t, conn, question); got != fresh {
		t.Error(got)
	}
	time.Sleep(1100 * time.Millisecond)
	for _, dead := range []fakedns.Answer{fakedns.Rcode(dns.RcodeServerFailure), fakedns.Silent} {
		up.Set(dead)
		begin := time.Now()
		if got := askOver(t, conn, question); got != stale {
			t.Error(got)
		}
		if took := time.Since(begin); took > 2500*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if got := askOver(t, conn, "www2.example.com. A +rd"); got != "SERVFAIL qr rd ra" {
			t.Error(got)
		}
	}
	if st := s.ForwardStats(); st.Cache.Stale == 0 || st.Failed == 0 {
		t.Errorf("%+v", st)
	}
}

// Those who wait are so many and no more.
func TestBoundsOnWhatWaits(t *testing.T) {
	up := fakedns.Start(t, fakedns.Silent)
	o := forwarding(up)
	o.Forward.MaxPending, o.Forward.MaxPendingPerClient, o.Forward.Timeout = 10, 5, 2*time.Second
	s, _ := start(t, "127.0.0.1", o)
	conn := dial(t, s, "udp", "127.0.0.1")
	for i := range 20 {
		packet, _ := packQuery(t, fmt.Sprintf("n%d.example.com. A +rd", i))
		conn.Write(packet)
	}
	begin := time.Now()
	buf := make([]byte, 2000)
	for i := range 20 {
		n, err := conn.Read(buf)
		if err != nil || n < 12 || buf[3]&0xF != dns.RcodeServerFailure {
			t.Fatal(buf[:n], err)
		}
		if took := time.Since(begin); i < 15 && took > time.Second || i >= 15 && took < time.Second {
			t.Errorf("the answer %d took %v", i, took)
		}
	}
	if st := s.ForwardStats(); st.Refused != 15 || st.Waiting != 0 {
		t.Errorf("%+v", st)
	}
}

// What has been read is answered although the server ends.
func TestLateRepliesGoOutAtTheEnd(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		release := make(chan struct{})
		up := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) {
			if q.Question[0].Qtype == dns.TypeA {
				<-release
			}
			outsideRecords(w, q)
		})
		s, stop := start(t, "127.0.0.1", forwarding(up))
		conn := dial(t, s, network, "127.0.0.1")
		packet, _ := packQuery(t, askWWW)
		(&dns.Conn{Conn: conn}).Write(packet)
		for s.ForwardStats().Waiting == 0 {
			time.Sleep(time.Millisecond)
		}
		done := make(chan struct{})
		go func() { stop(); close(done) }()
		time.Sleep(50 * time.Millisecond)
		close(release)
		if got := readReply(t, conn, packet); got != wantWWW {
			t.Errorf("%s: %s", network, got)
		}
		<-done
	}
}

// Nobody waits for long for servers that stay silent while the server ends: what
// was known is given, or SERVFAIL.
func TestTheEndWhileOthersAreSilent(t *testing.T) {
	t.Parallel()
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			up := fakedns.Start(t, fakedns.Silent)
			s, stop := start(t, "127.0.0.1", forwarding(up))
			conn := dial(t, s, network, "127.0.0.1")
			packet, _ := packQuery(t, askWWW)
			(&dns.Conn{Conn: conn}).Write(packet)
			for s.ForwardStats().Waiting == 0 {
				time.Sleep(time.Millisecond)
			}
			begin := time.Now()
			stop()
			if took := time.Since(begin); took < forwardShutdownTimeout/2 || took > shutdownTimeout {
				t.Errorf("it took %v", took)
			}
			if got := readReply(t, conn, packet); got != "SERVFAIL qr rd ra" {
				t.Error(got)
			}
		})
	}
}

// What nobody waits for does not hold up the end.
func TestTheEndWithoutClients(t *testing.T) {
	up := fakedns.Start(t, fakedns.Silent)
	s, stop := start(t, "127.0.0.1", forwarding(up))
	askOver(t, dial(t, s, "udp", "127.0.0.1"), askOne) // it runs
	packet, _ := packQuery(t, askWWW)
	s.forward.ask(&pendingQuery{forwardQuery: forwardQuery{key: s.forward.keyOf(t, packet)}})
	if n := s.forward.inflight.Load(); n != 1 {
		t.Errorf("%d flights", n)
	}
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > forwardShutdownTimeout/2 {
		t.Errorf("it took %v", took)
	}
}
