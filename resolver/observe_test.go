package resolver

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/fakedns"
	"toponym/internal/testutil"
	"toponym/resolver/tap"
	"toponym/zone"
)

// recorder keeps events as text.
type recorder struct {
	mu     sync.Mutex
	events []tap.Event // with messages of their own
}

// Observe implements [tap.Observer].
func (r *recorder) Observe(events []tap.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		e.Query, e.Response = bytes.Clone(e.Query), bytes.Clone(e.Response)
		r.events = append(r.events, e)
	}
}

// count is the number of events, but for those of upstream servers.
func (r *recorder) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if !e.Upstream {
			n++
		}
	}
	return n
}

// lines are the events in alphabetical order, one to a line, each once: upstream servers
// may be asked again.
func (r *recorder) lines() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []string
	for _, e := range r.events {
		who := "client"
		if e.Upstream {
			who = "upstream"
		}
		line := fmt.Sprintf("%s %s over %v:", who, [...]string{"answered", "received", "completed", "dropped"}[e.Stage], e.Transport)
		if isLoopProbe(e) {
			continue // it comes when it is due
		}
		for _, msg := range [][]byte{e.Query, e.Response} {
			var m dns.Msg
			if len(msg) > 0 {
				if err := m.Unpack(msg); err != nil || len(m.Question) == 0 {
					line += " (malformed)"
					continue
				}
				line += fmt.Sprintf(" %s %s %s %d", strings.ToLower(m.Question[0].Name), dns.Type(m.Question[0].Qtype), dns.RcodeToString[m.Rcode], len(m.Answer))
			}
		}
		if e.Responded.IsZero() != (len(e.Response) == 0) || e.Asked.IsZero() || !e.Responded.IsZero() && e.Responded.Before(e.Asked) {
			line += fmt.Sprintf(" asked %v, responded %v", e.Asked, e.Responded)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// isLoopProbe reports whether an event is about the question that detects loops.
func isLoopProbe(e tap.Event) bool {
	var m dns.Msg
	err := m.Unpack([]byte(cmp.Or(string(e.Query), string(e.Response))))
	return err == nil && len(m.Question) == 1 && m.Question[0].Qtype == dns.TypeHINFO
}

// tapped are the options of a server that is watched.
func tapped(o Options) (Options, *recorder) {
	r := &recorder{}
	o.Tap = new(tap.Tap)
	o.Tap.Add(r)
	return o, r
}

func TestQueriesAndResponsesAreObserved(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			o, seen := tapped(forwarding(fakedns.Start(t, outsideRecords)))
			s, _ := start(t, "127.0.0.1", o)
			conn := dial(t, s, network, "127.0.0.1")
			for _, text := range []string{askOne, askWWW, askWWW, "no.such.mesos. A", "www.example.com. A"} {
				askOver(t, conn, text)
			}
			send(t, conn, []byte{0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // a response
			send(t, conn, append([]byte{0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0}, 77))
			want := strings.ReplaceAll(strings.TrimSpace(`
client answered over NET: (malformed) (malformed)
client answered over NET: no.such.mesos. A NOERROR 0 no.such.mesos. A NXDOMAIN 0
client answered over NET: one.marathon.mesos. A NOERROR 0 one.marathon.mesos. A NOERROR 1
client answered over NET: www.example.com. A NOERROR 0 www.example.com. A NOERROR 1
client answered over NET: www.example.com. A NOERROR 0 www.example.com. A REFUSED 0
client completed over NET: www.example.com. A NOERROR 1
client dropped over NET: (malformed)
client received over NET: www.example.com. A NOERROR 0
upstream completed over udp: www.example.com. A NOERROR 1
upstream received over udp: www.example.com. A NOERROR 0`), "NET", network)
			testutil.EventuallyEqual(t, want, seen.lines, "what was observed")
			seen.mu.Lock()
			defer seen.mu.Unlock()
			for _, e := range seen.events {
				if e.Upstream && e.Server != o.Forward.Upstreams[0].AddrPort {
					t.Errorf("got a query to %v, want %v", e.Server, o.Forward.Upstreams[0])
				}
				if !e.Upstream && (e.Server != s.Addr() || e.Client.String() != conn.LocalAddr().String()) {
					t.Errorf("got a query from %v to %v, want %v to %v", e.Client, e.Server, conn.LocalAddr(), s.Addr())
				}
			}
		})
	}
}

// send sends a packet, over TCP with its length before it.
func send(t *testing.T, conn net.Conn, packet []byte) {
	t.Helper()
	if _, err := (&dns.Conn{Conn: conn}).Write(packet); err != nil {
		t.Fatal(err)
	}
}

func TestObserversSeeTheAddressThatWasAsked(t *testing.T) {
	for _, x := range []struct{ listen, ask string }{
		{"127.0.0.1", "127.0.0.1"}, {"0.0.0.0", "127.0.0.2"}, {"::", "::1"}, {"::", "127.0.0.2"}, {"::1", "::1"},
	} {
		t.Run(x.ask+" on "+x.listen, func(t *testing.T) {
			o, seen := tapped(forwarding(fakedns.Start(t, outsideRecords)))
			s, _ := start(t, x.listen, o)
			conn := dial(t, s, "udp", x.ask)
			askOver(t, conn, askOne)
			askOver(t, conn, askWWW)
			client := conn.LocalAddr().(*net.UDPAddr).AddrPort()
			want := netip.AddrPortFrom(netip.MustParseAddr(x.ask), s.Addr().Port())
			testutil.EventuallyEqual(t, 3, seen.count, "number of events")
			seen.mu.Lock()
			defer seen.mu.Unlock()
			for _, e := range seen.events {
				if !e.Upstream && (e.Client != client || e.Server != want) {
					t.Errorf("got a query from %v to %v, want %v to %v", e.Client, e.Server, client, want)
				}
			}
		})
	}
}

func TestObserversComeAndGoUnderLoad(t *testing.T) {
	o := testOptions()
	o.Tap = new(tap.Tap)
	s, _ := start(t, "127.0.0.1", o)
	conn := dial(t, s, "udp", "127.0.0.1")
	for range 200 {
		seen := &recorder{}
		remove := o.Tap.Add(seen)
		if !o.Tap.Open() {
			t.Fatal("got no tap that is open, want one")
		}
		askOver(t, conn, askOne)
		testutil.EventuallyEqual(t, 1, seen.count, "number of events")
		remove()
		remove()
	}
	if o.Tap.Open() {
		t.Error("got an open tap without observers, want it closed")
	}
	askOver(t, conn, askOne)
}

// An event must not point into the buffer of responses once that is used again: more
// large responses come than fit into it at a time.
func TestObserversSeeEachResponseOfABatch(t *testing.T) {
	big := instances{name: "big", count: 200, base: 3}
	o, seen := tapped(testOptions())
	o.MaxUDPSize = 65000
	o.Listen = []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
	s := New(zone.NewStore(testZone(t, big)), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, s, "udp", "127.0.0.1")
	const n = 3 * 64
	for i := range n {
		q := new(dns.Msg).SetQuestion("big.marathon.mesos.", dns.TypeA).SetEdns0(65000, false)
		q.Id = uint16(i)
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		send(t, conn, packet)
	}
	run(t, s)
	testutil.EventuallyEqual(t, n, seen.count, "number of events")
	ids := map[uint16]bool{}
	for _, e := range seen.events {
		var q, r dns.Msg
		if q.Unpack(e.Query) != nil || r.Unpack(e.Response) != nil || q.Id != r.Id || len(r.Answer) != 200 {
			t.Fatalf("got response %d with %d records to query %d, want the same id and 200", r.Id, len(r.Answer), q.Id)
		}
		ids[r.Id] = true
	}
	if len(ids) != n {
		t.Errorf("got %d queries, want %d", len(ids), n)
	}
}
