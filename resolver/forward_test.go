package resolver

import (
	"net"
	"net/netip"
	"os"
	"regexp"
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

// forwardOptions are those of a server that forwards for this machine.
func forwardOptions() ForwardOptions {
	return ForwardOptions{
		ResolvConf:         os.DevNull,
		AllowedClients:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		RecursionAvailable: true, Timeout: 5 * time.Second,
		MaxTTL: 24 * time.Hour, MaxStale: 24 * time.Hour, CacheEntries: 20_000, CacheBytes: 8 << 20,
		MaxPending: 20_000, MaxPendingPerClient: 5_000, MaxPendingPerSuffix: 5_000,
	}
}

// forwarding are the options of a server that forwards to the given ones for
// everybody.
func forwarding(servers ...*fakedns.Server) Options {
	o := testOptions()
	forward := forwardOptions()
	o.Forward = &forward
	for _, s := range servers {
		o.Forward.Upstreams = append(o.Forward.Upstreams, Upstream{AddrPort: s.Addr})
	}
	return o
}

const askWWW, wantWWW = "www.example.com. A +rd", "NOERROR qr rd ra\nanswer www.example.com. 60 A 192.0.2.1"

func TestNamesOutsideOurZonesAreForwarded(t *testing.T) {
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
				{"no.example.com. A +rd", "NXDOMAIN qr rd ra\nauthority com. 60 SOA ns.test. root.test. 1 2 3 4 60"},
				{"www.example.com. MX +rd", "NOERROR qr rd ra\nauthority com. 60 SOA ns.test. root.test. 1 2 3 4 60"},
				{"alias.example.com. A +rd", "NOERROR qr rd ra\nanswer alias.example.com. 60 CNAME www.example.com.\nanswer www.example.com. 60 A 192.0.2.1"},
				{askOne + " +rd", "NOERROR qr aa rd ra\nanswer one.marathon.mesos. 60 A 10.1.0.1"},
				{"lie.mesos. A +rd", "NXDOMAIN qr aa rd ra\nauthority mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30"},
				{"www.example.com. A", "REFUSED qr ra"},
				{"www.example.com. A +rd +class=CH", "REFUSED qr rd ra"},
				{"example.com. AXFR +rd", "REFUSED qr rd ra"},
				// The zone has reverse names, but not for all addresses.
				{"8.8.8.8.in-addr.arpa. PTR +rd", "NOERROR qr rd ra\nanswer 8.8.8.8.in-addr.arpa. 60 PTR dns.example.com."},
				{"9.9.168.192.in-addr.arpa. PTR +rd", "NXDOMAIN qr aa rd ra\nauthority 168.192.in-addr.arpa. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30"},
				// Special names.
				{"localhost. A +rd", "NOERROR qr aa rd ra\nanswer localhost. 10800 A 127.0.0.1"},
				{"x.LocalHost. AAAA +rd", "NOERROR qr aa rd ra\nanswer x.LocalHost. 10800 AAAA ::1"},
				{"localhost. MX +rd", "NOERROR qr aa rd ra\nauthority localhost. 10800 SOA localhost. nobody.invalid. 1 3600 1200 604800 10800"},
				{"a.b.invalid. A +rd", "NXDOMAIN qr aa rd ra\nauthority invalid. 10800 SOA localhost. nobody.invalid. 1 3600 1200 604800 10800"},
				{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. PTR +rd",
					"NOERROR qr aa rd ra\nanswer 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. 10800 PTR localhost."},
			} {
				if got := fullTTLs(askOver(t, conn, x.ask)); got != fullTTLs(x.want) {
					t.Errorf("%s\n--- got\n%s\n--- want\n%s", x.ask, got, x.want)
				}
			}
		})
	}
	// The server upstream may have been asked twice, so its count says nothing.
	before := s.responder.cache.Stats().Misses
	for range 10 {
		askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW)
	}
	if n := s.responder.cache.Stats().Misses - before; n != 0 {
		t.Errorf("%d of 10 cached names were not found in the cache, want 0", n)
	}
	st, ups := s.responder.cache.Stats(), s.UpstreamStats()
	if st.Hits < 10 || st.Misses == 0 || s.responder.forward.pending.open() != 0 || len(ups) != 1 || ups[0].Responses == 0 {
		t.Errorf("got %+v and %+v, want hits, misses and responses, and no pending query", st, ups)
	}
}

func TestNamesAreForwardedBeforeTheFirstState(t *testing.T) {
	s, _ := start(t, "127.0.0.1", forwarding(fakedns.Start(t, outsideRecords)))
	s.store.Swap(zone.NewEmpty(testZoneOptions, zone.SameSerial(1)))
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW); got != wantWWW {
		t.Errorf("got %q, want %q", got, wantWWW)
	}
}

func TestLateResponsesComeFromTheAddressThatWasAsked(t *testing.T) {
	for _, x := range []struct{ listen, ask string }{
		{"0.0.0.0", "127.0.0.1"}, {"0.0.0.0", "127.0.0.2"}, {"::", "::1"}, {"::", "127.0.0.2"}, {"::1", "::1"},
	} {
		t.Run(x.ask+" on "+x.listen, func(t *testing.T) {
			s, _ := start(t, x.listen, forwarding(fakedns.Start(t, outsideRecords)))
			if got := askOver(t, dial(t, s, "udp", x.ask), askWWW); got != wantWWW {
				t.Errorf("got %q, want %q", got, wantWWW)
			}
		})
	}
}

func TestLateResponsesWithoutBatchesComeFromTheAddressThatWasAsked(t *testing.T) {
	s := New(zone.NewStore(testZone(t)), forwarding(fakedns.Start(t, outsideRecords)))
	udp, tcp, err := bind(netip.MustParseAddr("0.0.0.0"), 0, false, false)
	if err != nil {
		t.Fatal(err)
	}
	tcp.Close()
	ctx := t.Context()
	var all sync.WaitGroup
	s.responder.forward.start(ctx, s.isOwn, &all)
	all.Go(func() { s.answerSingly(ctx, udp) })
	t.Cleanup(func() { udp.Close(); all.Wait() })
	conn, err := net.Dial("udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), udp.LocalAddr().(*net.UDPAddr).AddrPort().Port()).String())
	if err != nil {
		t.Skip(err)
	}
	defer conn.Close()
	if got := askOver(t, conn, askWWW); got != wantWWW {
		t.Errorf("got %q, want %q", got, wantWWW)
	}
}

func TestOnlyAllowedClientsAreForwardedFor(t *testing.T) {
	o := forwarding(fakedns.Start(t, outsideRecords))
	o.Forward.AllowedClients = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	s, _ := start(t, "0.0.0.0", o)
	if got := askOver(t, dial(t, s, "udp", "127.0.0.1"), askWWW); got != wantWWW {
		t.Errorf("got %q, want %q", got, wantWWW)
	}
	other, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("udp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), s.Addr().Port()).String())
	if err != nil {
		t.Skip(err)
	}
	defer other.Close()
	for _, x := range []struct{ ask, want string }{
		{askWWW, "REFUSED qr rd"}, // though it is in the cache
		{"localhost. A +rd", "REFUSED qr rd"},
		{askOne, wantOne},
	} {
		if got := askOver(t, other, x.ask); got != x.want {
			t.Errorf("%s: got %q, want %q", x.ask, got, x.want)
		}
	}
}

func TestZoneResolversAreAskedForTheirDomains(t *testing.T) {
	rest := fakedns.Start(t, fakedns.Rcode(dns.RcodeNameError))
	corp := fakedns.Start(t, fakedns.Records("a.corp.example. 60 IN A 192.0.2.1", "1.0.0.10.in-addr.arpa. 60 IN PTR a.corp.example."))
	lab := fakedns.Start(t, fakedns.Records("a.lab.corp.example. 60 IN A 192.0.2.2"))
	o := forwarding(rest)
	o.Forward.ZoneUpstreams = map[string][]Upstream{
		"corp.example": {{AddrPort: corp.Addr}}, "lab.corp.example": {{AddrPort: lab.Addr}}, "8.b.d.0.1.0.0.2.ip6.arpa": {{AddrPort: corp.Addr}},
	}
	s, _ := start(t, "127.0.0.1", o)
	conn := dial(t, s, "udp", "127.0.0.1")
	for _, x := range []struct{ ask, want string }{
		{"a.corp.example. A +rd", "NOERROR qr rd ra\nanswer a.corp.example. 60 A 192.0.2.1"},
		{"a.LAB.corp.example. A +rd", "NOERROR qr rd ra\nanswer a.LAB.corp.example. 60 A 192.0.2.2"},
		{"acorp.example. A +rd", "NXDOMAIN qr rd ra"},
		{"x.8.b.d.0.1.0.0.2.ip6.arpa. PTR +rd", "NXDOMAIN qr rd ra\nauthority arpa. 60 SOA ns.test. root.test. 1 2 3 4 60"},
	} {
		if got := askOver(t, conn, x.ask); got != x.want {
			t.Errorf("%s\n--- got\n%s\n--- want\n%s", x.ask, got, x.want)
		}
	}
}

// fullTTLs is a response as it would be at the moment when its records, with TTLs
// of a minute at most, were cached.
func fullTTLs(response string) string {
	return regexp.MustCompile(`\. ([1-9]|[1-5][0-9]) `).ReplaceAllString(response, ". 60 ")
}
