package resolver

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/zone"
)

// outsideRecords are what the servers upstream of these tests know.
var outsideRecords = fakedns.Records(
	"www.example.com. 60 IN A 192.0.2.1", "www.example.com. 60 IN AAAA 2001:db8::1", "alias.example.com. 60 IN CNAME www.example.com.",
	"8.8.8.8.in-addr.arpa. 60 IN PTR dns.example.com.", "lie.mesos. 60 IN A 192.0.2.66",
)

// forwarding are the options of a server that forwards to the given ones for
// everybody.
func forwarding(servers ...*fakedns.Server) Options {
	o := testOptions()
	o.Forward = &Forward{
		Allow:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		Recursion: true,
	}
	for _, s := range servers {
		o.Forward.Upstreams = append(o.Forward.Upstreams, Upstream{AddrPort: s.Addr})
	}
	return o
}

const askWWW, wantWWW = "www.example.com. A +rd", "NOERROR qr rd ra\nanswer www.example.com. 60 A 192.0.2.1"

func TestForward(t *testing.T) {
	up := fakedns.Start(t, outsideRecords)
	s, _ := start(t, "127.0.0.1", forwarding(up))
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			conn := dial(t, s, network, "127.0.0.1")
			for _, x := range []struct{ ask, want string }{
				{askWWW, wantWWW},
				{"WwW.eXample.com. AAAA +rd", "NOERROR qr rd ra\nanswer WwW.eXample.com. 60 AAAA 2001:db8::1"},
				{"www.example.com. A +rd +edns=4096", wantWWW + "\nopt 1232"},
				{"www.example.com. A +rd +edns=4096 +opt=10:0123456789abcdef", wantWWW + "\nopt 1232 cookie=0123456789abcdef+16"},
				{"www.example.com. A +rd +cd +do", "NOERROR qr rd ra cd\nanswer www.example.com. 60 A 192.0.2.1\nopt 1232 do"},
				{"no.example.com. A +rd", "NXDOMAIN qr rd ra\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
				{"www.example.com. MX +rd", "NOERROR qr rd ra\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
				{"alias.example.com. A +rd", "NOERROR qr rd ra\nanswer alias.example.com. 60 CNAME www.example.com."},
				{askOne + " +rd", "NOERROR qr aa rd ra\nanswer one.marathon.mesos. 60 A 10.1.0.1"},
				{"lie.mesos. A +rd", "NXDOMAIN qr aa rd ra\nauthority mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30"},
				{"www.example.com. A", "REFUSED qr ra"},
				{"www.example.com. A +rd +class=CH", "REFUSED qr rd ra"},
				{"example.com. AXFR +rd", "REFUSED qr rd ra"},
				// The zone has reverse names, but not for all addresses.
				{"8.8.8.8.in-addr.arpa. PTR +rd", "NOERROR qr rd ra\nanswer 8.8.8.8.in-addr.arpa. 60 PTR dns.example.com."},
				{"9.9.9.10.in-addr.arpa. PTR +rd", "NXDOMAIN qr aa rd ra\nauthority in-addr.arpa. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30"},
				// Special names.
				{"localhost. A +rd", "NOERROR qr aa rd ra\nanswer localhost. 10800 A 127.0.0.1"},
				{"x.LocalHost. AAAA +rd", "NOERROR qr aa rd ra\nanswer x.LocalHost. 10800 AAAA ::1"},
				{"localhost. MX +rd", "NOERROR qr aa rd ra\nauthority localhost. 10800 SOA localhost. nobody.invalid. 1 3600 1200 604800 10800"},
				{"a.b.invalid. A +rd", "NXDOMAIN qr aa rd ra\nauthority invalid. 10800 SOA localhost. nobody.invalid. 1 3600 1200 604800 10800"},
				{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. PTR +rd",
					"NOERROR qr aa rd ra\nanswer 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. 10800 PTR localhost."},
			} {
				if got := askOver(t, conn, x.ask); got != x.want {
					t.Errorf("%s\n--- got\n%s\n--- want\n%s", x.ask, got, x.want)
				}
			}
		})
	}
	before := up.Asked.Load()
	for range 10 {
		askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW)
	}
	if n := up.Asked.Load() - before; n != 0 {
		t.Errorf("%d questions for what is in the cache", n)
	}
	if st := s.ForwardStats(); st.Cache.Hits < 10 || st.Cache.Misses == 0 || st.Waiting != 0 || len(st.Upstreams) != 1 || st.Upstreams[0].Replies == 0 {
		t.Errorf("%+v", st)
	}
}

// Forwarding does not wait for the cluster.
func TestForwardBeforeTheFirstState(t *testing.T) {
	s, _ := start(t, "127.0.0.1", forwarding(fakedns.Start(t, outsideRecords)))
	s.store.Swap(zone.Pending(testZoneOptions))
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW); got != wantWWW {
		t.Error(got)
	}
}

// A socket for all addresses answers late from the one that was asked.
func TestLateRepliesComeFromTheAddressThatWasAsked(t *testing.T) {
	for _, x := range []struct{ listen, ask string }{
		{"0.0.0.0", "127.0.0.1"}, {"0.0.0.0", "127.0.0.2"}, {"::", "::1"}, {"::", "127.0.0.2"}, {"::1", "::1"},
	} {
		t.Run(x.ask+" on "+x.listen, func(t *testing.T) {
			s, _ := start(t, x.listen, forwarding(fakedns.Start(t, outsideRecords)))
			if got := askOver(t, dial(t, s, "udp", x.ask), askWWW); got != wantWWW {
				t.Error(got)
			}
		})
	}
}

// The same without batches.
func TestLateRepliesOfSingleQueries(t *testing.T) {
	s := New(zone.NewStore(testZone(t)), forwarding(fakedns.Start(t, outsideRecords)))
	udp, tcp, err := bind(netip.MustParseAddr("0.0.0.0"), 0)
	if err != nil {
		t.Fatal(err)
	}
	tcp.Close()
	ctx := t.Context()
	var all sync.WaitGroup
	s.forward.start(ctx, s.isOwn, &all)
	all.Go(func() { s.answerSingly(ctx, udp) })
	t.Cleanup(func() { udp.Close(); all.Wait() })
	conn, err := net.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), udp.LocalAddr().(*net.UDPAddr).AddrPort().Port()).String())
	if err != nil {
		t.Skip(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if got := askOver(t, conn, askWWW); got != wantWWW {
		t.Error(got)
	}
}

func TestForwardIsNotForEverybody(t *testing.T) {
	o := forwarding(fakedns.Start(t, outsideRecords))
	o.Forward.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	s, _ := start(t, "0.0.0.0", o)
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW); got != wantWWW {
		t.Error(got)
	}
	other, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.Addr().Port()).String())
	if err != nil {
		t.Skip(err)
	}
	defer other.Close()
	other.SetDeadline(time.Now().Add(5 * time.Second))
	for _, x := range []struct{ ask, want string }{
		{askWWW, "REFUSED qr rd"}, // though it is in the cache
		{"localhost. A +rd", "REFUSED qr rd"},
		{askOne, wantOne},
	} {
		if got := askOver(t, other, x.ask); got != x.want {
			t.Errorf("%s: %s", x.ask, got)
		}
	}
}

func TestZonesOfOthers(t *testing.T) {
	rest := fakedns.Start(t, fakedns.Rcode(dns.RcodeNameError))
	corp := fakedns.Start(t, fakedns.Records("a.corp.example. 60 IN A 192.0.2.1", "1.0.0.10.in-addr.arpa. 60 IN PTR a.corp.example."))
	lab := fakedns.Start(t, fakedns.Records("a.lab.corp.example. 60 IN A 192.0.2.2"))
	o := forwarding(rest)
	o.Forward.Zones = map[string][]Upstream{
		"corp.example": {{AddrPort: corp.Addr}}, "lab.corp.example": {{AddrPort: lab.Addr}}, "8.b.d.0.1.0.0.2.ip6.arpa": {{AddrPort: corp.Addr}},
	}
	s, _ := start(t, "127.0.0.1", o)
	conn := dial(t, s, "udp", "127.0.0.1")
	for _, x := range []struct{ ask, want string }{
		{"a.corp.example. A +rd", "NOERROR qr rd ra\nanswer a.corp.example. 60 A 192.0.2.1"},
		{"a.LAB.corp.example. A +rd", "NOERROR qr rd ra\nanswer a.LAB.corp.example. 60 A 192.0.2.2"},
		{"acorp.example. A +rd", "NXDOMAIN qr rd ra"},
		{"x.8.b.d.0.1.0.0.2.ip6.arpa. PTR +rd", "NXDOMAIN qr rd ra\nauthority test. 60 SOA ns.test. root.test. 1 2 3 4 60"},
	} {
		if got := askOver(t, conn, x.ask); got != x.want {
			t.Errorf("%s\n--- got\n%s\n--- want\n%s", x.ask, got, x.want)
		}
	}
}

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
	const fresh, stale = "NOERROR qr rd ra\nanswer www.example.com. 1 A 192.0.2.1\nopt 1232", "NOERROR qr rd ra\nanswer www.example.com. 1 A 192.0.2.1\nopt 1232 ede=3"
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
	o.Forward.MaxWaiting, o.Forward.MaxWaitingOne, o.Forward.Timeout = 10, 5, 2*time.Second
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
			t.Error(got)
		}
	}
	time.Sleep(700 * time.Millisecond)
	// The client may say that it has no more to ask.
	conn.(*net.TCPConn).CloseWrite()
	close(release)
	if got := readReply(t, conn, slow); got != "NOERROR qr rd ra" {
		t.Error(got)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
}

// A client that pipelines more than may wait gets all answers.
func TestManyQueriesOnOneConnection(t *testing.T) {
	up := fakedns.Start(t, func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetReply(q)) })
	s, _ := start(t, "127.0.0.1", forwarding(up))
	conn := dial(t, s, "tcp", "127.0.0.1")
	const queries = 5 * maxConnWaiting
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

// Servers are those of resolv.conf, as it is now.
func TestResolvConf(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	own := func(a netip.AddrPort) bool { return a.Addr().String() == "127.0.0.1" }
	write("search x\nnameserver 127.0.0.1\nnameserver 192.0.2.1\n; a remark\nnameserver 192.0.2.1\nnameserver fe80::1%lo\nnameserver what\nnameserver ::ffff:192.0.2.2\n")
	list, err := readResolvConf(file, own)
	if got := fmt.Sprint(list); err != nil || got != "[192.0.2.1 fe80::1%lo 192.0.2.2]" {
		t.Error(got, err)
	}
	if _, err := readResolvConf(file+"x", own); err == nil {
		t.Error("a file that is gone is no error")
	}
	f := newForwarder(Forward{ResolvConf: file}, zone.NewStore(testZone(t)), Options{}.withDefaults().Log)
	r := resolvConf{f: f, own: own}
	servers := func() string {
		r.look()
		return fmt.Sprint(r.known, f.rest.Load().Len(), len(f.client.Stats()))
	}
	if got := servers(); got != "[192.0.2.1 fe80::1%lo 192.0.2.2] 3 3" {
		t.Error(got)
	}
	for _, x := range []struct{ text, want string }{
		{"nameserver 192.0.2.9\nnameserver 192.0.2.1", "[192.0.2.9 192.0.2.1] 2 2"},
		{"nameserver 127.0.0.1", "[192.0.2.9 192.0.2.1] 2 2"}, // what was known stays
		{"", "[192.0.2.9 192.0.2.1] 2 2"},
		{"nameserver 192.0.2.3", "[192.0.2.3] 1 1"},
	} {
		write(x.text)
		if got := servers(); got != x.want {
			t.Errorf("%q: %s, want %s", x.text, got, x.want)
		}
	}
}

// A query that leads back to us is noticed, and the server that it came by not
// asked again.
func TestForwardingLoop(t *testing.T) {
	up := fakedns.Start(t, fakedns.Silent)
	o := forwarding(up)
	o.Addr = netip.MustParseAddr("127.0.0.1")
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr().String()
	up.Set(func(w dns.ResponseWriter, q *dns.Msg) {
		m, _, err := new(dns.Client).Exchange(q, addr)
		if err != nil {
			m = new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
		}
		w.WriteMsg(m)
	})
	ctx, cancel := newContext(t)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW); got != "REFUSED qr rd ra" && got != "SERVFAIL qr rd ra" {
		t.Error(got)
	}
	for end := time.Now().Add(5 * time.Second); s.ForwardStats().Upstreams[0].State.String() != "looping"; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the loop is not noticed")
		}
	}
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), "other.example.com. A +rd"); got != "SERVFAIL qr rd ra" {
		t.Error(got)
	}
	cancel()
	<-done
}

// Our own address is no server to ask.
func TestOwnAddressIsLeftOut(t *testing.T) {
	o := forwarding(fakedns.Start(t, outsideRecords))
	o.Addr = netip.MustParseAddr("127.0.0.1")
	o.Forward.Zones = map[string][]Upstream{"corp.example": nil}
	s := New(zone.NewStore(testZone(t)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	self := Upstream{AddrPort: s.Addr()}
	s.forward.o.Upstreams = append(s.forward.o.Upstreams, self)
	s.forward.o.Zones["corp.example"] = []Upstream{self}
	s.forward.leaveOut(s.isOwn)
	if n := s.forward.rest.Load().Len(); n != 1 || s.forward.zones[wireName("corp.example")].Len() != 0 {
		t.Errorf("%d servers", n)
	}
	ended, cancel := newContext(t)
	cancel()
	if err := s.Run(ended); err != nil {
		t.Error(err)
	}
}
