package resolver

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/internal/testutil"
)

// Clients that may have names forwarded, how answers are cut and limited, and the flags
// are those of the options of the moment, for connections that are open too.
func TestOptionsTakeEffectWhileTheServerRuns(t *testing.T) {
	o := forwarding(fakedns.Start(t, outsideRecords))
	s, _ := start(t, "127.0.0.1", o)
	const refused = "REFUSED qr rd"
	for _, network := range []string{"udp", "tcp"} {
		conn := dial(t, s, network, "127.0.0.1")
		for _, x := range []struct {
			name   string
			change func(*Options)
			want   string
		}{
			{"as at the start", func(*Options) {}, wantWWW},
			{"no client is allowed", func(o *Options) { o.Forward.AllowedClients = nil }, refused},
			{"allowed again", func(*Options) {}, wantWWW},
			{"without RA", func(o *Options) { o.Forward.RecursionAvailable = false }, strings.Replace(wantWWW, " ra", "", 1)},
		} {
			other, forward := o, *o.Forward
			other.Forward = &forward
			x.change(&other)
			s.Configure(other)
			if got := fullTTLs(askOver(t, conn, askWWW)); got != fullTTLs(x.want) {
				t.Errorf("%s over %s: got %q, want %q", x.name, network, got, x.want)
			}
		}
	}
	if got := s.responder.policy(); got.rateLimiter != newPolicy(o, got).rateLimiter {
		t.Error("the rate limiter is another one although its options are the same")
	}
	other := o
	other.AnswerLimit, other.SetTruncateBit, other.RateLimit = 1, false, 7
	s.Configure(other)
	if p := s.responder.policy(); p.answerLimit != 1 || p.setTC || p.rateLimiter == nil || p.maxUDPSize != o.MaxUDPSize {
		t.Errorf("got the policy %+v, want that of the options", p)
	}
}

// The names of a domain are asked of the servers that are configured for it now; what
// the cache holds from others is forgotten, and all else stays.
func TestServersOfDomainsTakeEffectWhileTheServerRuns(t *testing.T) {
	answers := func(addr string) *fakedns.Server {
		return fakedns.Start(t, fakedns.Records("db.corp.example. 60 IN A "+addr, "corp.example. 60 IN A "+addr, "www.example.com. 60 IN A "+addr))
	}
	first, second, third := answers("192.0.2.1"), answers("192.0.2.2"), answers("192.0.2.3")
	o := forwarding(first)
	s, _ := start(t, "127.0.0.1", o)
	conn := dial(t, s, "udp", "127.0.0.1")
	for i, x := range []struct {
		zones    map[string][]Upstream
		db, apex string // where the answers come from
	}{
		{nil, "192.0.2.1", "192.0.2.1"},
		{map[string][]Upstream{"corp.example": {{AddrPort: second.Addr}}}, "192.0.2.2", "192.0.2.2"},
		{map[string][]Upstream{"corp.example": {{AddrPort: second.Addr}}, "other.example": {{AddrPort: third.Addr}}}, "192.0.2.2", "192.0.2.2"},
		{map[string][]Upstream{"db.corp.example": {{AddrPort: third.Addr}}, "corp.example": {{AddrPort: second.Addr}}}, "192.0.2.3", "192.0.2.2"},
		{map[string][]Upstream{".": {{AddrPort: third.Addr}}}, "192.0.2.3", "192.0.2.3"},
		{nil, "192.0.2.1", "192.0.2.1"},
	} {
		forward := *o.Forward
		forward.ZoneUpstreams = x.zones
		other := o
		other.Forward = &forward
		s.Configure(other)
		for range 2 { // the second is answered from the cache
			for name, want := range map[string]string{"db.corp.example.": x.db, "corp.example.": x.apex} {
				if got := askOver(t, conn, name+" A +rd"); !strings.Contains(got, " A "+want) {
					t.Errorf("step %d: %s: got %q, want %s", i, name, got, want)
				}
			}
		}
		if i != 2 {
			continue
		}
		if n := second.Asked.Load(); n > 4 {
			t.Errorf("the servers of a domain that has not changed were asked %d times, want the cache to be used", n)
		}
	}
}

// A client may have as many queries waiting as the options of the moment say.
func TestLimitsOfForwardingTakeEffectWhileTheServerRuns(t *testing.T) {
	o := forwarding(fakedns.Start(t, func(dns.ResponseWriter, *dns.Msg) {}))
	s, _ := start(t, "127.0.0.1", o)
	forward := *o.Forward
	forward.MaxPendingPerClient, forward.Timeout = 2, time.Minute
	o.Forward = &forward
	s.Configure(o)
	conn := dial(t, s, "udp", "127.0.0.1")
	var first []byte
	for i := range 3 {
		packet, _ := packQuery(t, fmt.Sprintf("n%d.example.com. A +rd", i))
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = packet
		}
	}
	if got := readResponse(t, conn, first); !strings.HasPrefix(got, "SERVFAIL") {
		t.Errorf("the oldest of three queries of a client that may have two: got %q, want SERVFAIL", got)
	}
	testutil.EventuallyEqual(t, 2, s.responder.forward.pending.open, "pending queries")
}

// While options change, a response is made by those of one moment: its flags and sizes
// belong together.
func TestAnAnswerNeverMixesOptions(t *testing.T) {
	one := forwarding(fakedns.Start(t, outsideRecords))
	one.MaxUDPSize, one.SetTruncateBit, one.Forward.AllowedClients = 600, true, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	other, forward := one, *one.Forward
	forward.RecursionAvailable = false
	other.Forward, other.MaxUDPSize, other.SetTruncateBit = &forward, 700, false
	s, _ := start(t, "127.0.0.1", one)
	packet, _ := packQuery(t, "many.marathon.mesos. A +edns=4096")
	z := testZone(t, instances{name: "many", count: 100, base: 10})
	ended := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-ended:
				return
			default:
				s.Configure([]Options{one, other}[i%2])
			}
		}
	})
	seen := map[string]int{}
	buf := make([]byte, bufferSize)
	from := client{addr: netip.MustParseAddr("10.0.0.1")}
	for n := 0; n < 200_000 && (n < 3_000 || len(seen) < 2); n++ {
		raw, _ := s.responder.respond(buf, z, from, packet)
		m := new(dns.Msg)
		if err := m.Unpack(raw); err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint(m.IsEdns0().UDPSize(), " RA ", m.RecursionAvailable, " TC ", m.Truncated, " fits ", len(raw) <= int(m.IsEdns0().UDPSize()) && len(raw) > int(m.IsEdns0().UDPSize())-50)]++
	}
	close(ended)
	changes.Wait()
	want := []string{"600 RA true TC true fits true", "700 RA false TC false fits true"}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %q", seen, want)
	}
}
