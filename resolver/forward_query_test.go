package resolver

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
	"toponym/resolver/cache"
	"toponym/zone"
)

func newContext(t testing.TB) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

// filled is a responder that forwards, with the answer to a query in its cache.
func filled(t testing.TB, packet []byte, lines ...string) *responder {
	t.Helper()
	o := forwarding()
	r := New(zone.NewStore(testZone(t)), o).responder
	_, l := r.respond(make([]byte, bufferSize), testZone(t), client{addr: netip.MustParseAddr("127.0.0.1")}, packet)
	if l == nil {
		t.Fatal("the query is not forwarded")
	}
	q := new(dns.Msg)
	if err := q.Unpack(packet); err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg).SetReply(q)
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	m.Compress = true
	msg, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	e, err := entryOf(r, l, msg)
	if err != nil {
		t.Fatal(err)
	}
	r.cache.Put(l.key, e)
	return r
}

func TestCachedHitsAllocateNothing(t *testing.T) {
	z := testZone(t)
	buf := make([]byte, bufferSize)
	for _, text := range []string{"www.example.com. A +rd", "www.example.com. A +rd +edns=1232"} {
		packet, _ := packQuery(t, text)
		r := filled(t, packet, "www.example.com. 60 IN CNAME a.example.com.", "a.example.com. 60 IN A 192.0.2.1")
		for _, c := range []client{{addr: netip.MustParseAddr("127.0.0.1")}, {addr: netip.MustParseAddr("127.0.0.1"), transport: TCP}} {
			var msg []byte
			if n := testing.AllocsPerRun(100, func() { msg, _ = r.respond(buf, z, c, packet) }); n != 0 || msg == nil {
				t.Errorf("%s over %v: %v allocations", text, c.transport, n)
			}
		}
	}
}

func TestCachedAnswersEqualThoseThatWereWaitedFor(t *testing.T) {
	z := testZone(t)
	for _, text := range []string{
		"WWW.example.com. A +rd", "www.example.com. A +rd +edns=512", "www.example.com. A +rd +edns=4096 +do", "www.example.com. A +rd +cd +ad", "www.example.com. A +rd +edns=40",
	} {
		packet, _ := packQuery(t, text)
		lines := []string{}
		for range 40 {
			lines = append(lines, "www.example.com. 60 IN A 192.0.2.1")
		}
		r := filled(t, packet, lines...)
		for _, addr := range []string{"127.0.0.1", "127.9.9.9", "::1"} {
			for _, transport := range []Transport{UDP, TCP} {
				c := client{addr: netip.MustParseAddr(addr), transport: transport, policy: r.policy()}
				at, _ := r.respond(make([]byte, bufferSize), z, c, packet)
				var q query
				q.parse(packet)
				l := q.forwarded(c, lowerName(q.name), nil)
				late := r.writeEntry(make([]byte, bufferSize), &l, r.cache.Get(l.key).Entry, cache.Age{})
				if at == nil || string(at) != string(late) {
					t.Errorf("%s over %v from %s: got %x at once and %x late, want the same", text, transport, addr, at, late)
				}
				checkResponse(t, packet, noRA(at), c)
			}
		}
	}
}

// entryOf is what is made of a response to the question that a query waits for.
func entryOf(r *responder, l *pendingQuery, msg []byte) (*cache.Entry, error) {
	result, err := (&flight{f: r.forward, key: l.key, zones: r.forward.zones.Load()}).OnResponse(msg)
	e, _ := result.(*cache.Entry)
	return e, err
}

func noRA(msg []byte) []byte {
	msg = append([]byte(nil), msg...)
	msg[3] &^= dnswire.FlagRA
	return msg
}

// FuzzCachedReply asks in all ways for what a server has said in any way.
func FuzzCachedReply(f *testing.F) {
	query, _ := packQuery(f, "www.example.com. A +rd")
	edns, _ := packQuery(f, "wWw.example.com. A +rd +edns=600 +do +opt=10:0123456789abcdef")
	reply := append([]byte(nil), query...)
	reply[2] |= 0x80
	reply[7] = 1
	reply = append(reply, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1)
	f.Add(query, reply, false)
	f.Add(edns, reply, true)
	z := testZone(f)
	o := forwarding()
	o.Forward.AllowedClients = append(o.Forward.AllowedClients, netip.MustParsePrefix("198.51.100.0/24"))
	f.Fuzz(func(t *testing.T, packet, reply []byte, tcp bool) {
		r := New(zone.NewStore(z), o).responder
		c := client{addr: netip.MustParseAddr("198.51.100.1")}
		if tcp {
			c.transport = TCP
		}
		_, l := r.respond(make([]byte, bufferSize), z, c, packet)
		if l == nil {
			return
		}
		e, err := entryOf(r, l, reply)
		if err != nil {
			return
		}
		later := r.writeEntry(make([]byte, bufferSize), &l.forwardQuery, e, cache.Age{})
		if e.TTL > 0 && len(e.Next()) == 0 {
			r.cache.Put(l.key, e)
			msg, _ := r.respond(make([]byte, bufferSize), z, c, packet)
			if len(msg) != len(later) {
				t.Fatalf("late %x\nat once %x", later, msg)
			}
		}
		later = noRA(later)
		later[3] &^= dnswire.FlagAD
		if len(later) < dnswire.HeaderSize || later[0] != packet[0] || later[1] != packet[1] || later[2]&0x84 != 0x80 {
			t.Fatalf("%x", later)
		}
		limit := 65535
		if !tcp {
			limit = 1232
			if l.size < 1232 || !l.edns {
				limit = max(512, int(l.size))
			}
			if !l.edns {
				limit = 512
			}
		}
		if len(later) > limit {
			t.Fatalf("%d bytes, the limit is %d", len(later), limit)
		}
	})
}

func BenchmarkCachedHit(b *testing.B) {
	packet, _ := packQuery(b, "www.example.com. A +rd +edns=1232")
	r := filled(b, packet, "www.example.com. 60000 IN A 192.0.2.1")
	z, buf, c := testZone(b), make([]byte, bufferSize), client{addr: netip.MustParseAddr("127.0.0.1")}
	b.ReportAllocs()
	for b.Loop() {
		if msg, _ := r.respond(buf, z, c, packet); msg == nil {
			b.Fatal("no response")
		}
	}
}

// The cached answer is given meanwhile.
func TestPopularNamesArePrefetchedBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		packet, c := packQuery(t, "www.example.com. A +rd +from=127.0.0.1")
		r := filled(t, packet, "www.example.com. 100 IN A 192.0.2.1")
		z, buf := testZone(t), make([]byte, bufferSize)
		for range 10 {
			if msg, l := r.respond(buf, z, c, packet); msg == nil || l != nil {
				t.Fatalf("got response %x and query %v, want a response alone", msg, l)
			}
		}
		time.Sleep(95 * time.Second)
		msg, l := r.respond(buf, z, c, packet)
		if got := render(t, packet, msg); got != "NOERROR qr rd ra\nanswer www.example.com. 5 A 192.0.2.1" {
			t.Errorf("got %q, want %q", got, "NOERROR qr rd ra\nanswer www.example.com. 5 A 192.0.2.1")
		}
		if l == nil || l.replyTo != nil || string(l.key) != string(r.forward.keyOf(t, packet)) {
			t.Errorf("got %+v, want a query for the cache alone", l)
		}
		if _, l := r.respond(buf, z, c, packet); l != nil {
			t.Error("a name is prefetched twice")
		}
	})
}

func (f *forwarder) keyOf(t testing.TB, packet []byte) cache.Key {
	var q query
	if _, ok := q.parse(packet); !ok {
		t.Fatal("not a query")
	}
	return cache.AppendKey(lowerName(q.name), q.qtype, q.class, q.edns.do, false)
}
