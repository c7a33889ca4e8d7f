package resolver

import (
	"bytes"
	"encoding/base64"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/testutil"
	"toponym/records"
	"toponym/resolver/transfer"
	"toponym/zone"
)

const (
	transferKey     = "secondary.example."
	transferSecret  = "YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyAuLi4="
	transferCatalog = "catalog.example."
)

// transferOptions are those of a server from which clients with the key, and those in
// 192.0.2.0/24, may have the zones of a version.
func transferOptions(t testing.TB, z *zone.Zone) Options {
	t.Helper()
	o := testOptions()
	algorithm, err := transfer.ParseAlgorithm("hmac-sha256")
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := base64.StdEncoding.DecodeString(transferSecret)
	key, err := transfer.NewKey(records.MustParseName(transferKey), algorithm, secret)
	if err != nil {
		t.Fatal(err)
	}
	o.Transfers = transfer.New(transfer.Options{
		History: zone.NewHistory(zone.HistoryLimits{Versions: 10, Bytes: 1 << 20}, z, time.Now()),
		Settings: transfer.Settings{
			Keys:    []*transfer.Key{key},
			Allow:   []transfer.Rule{{Key: key.Name()}, {Prefix: netip.MustParsePrefix("192.0.2.0/24")}},
			Timeout: time.Minute,
		},
		Catalog: records.MustParseName(transferCatalog),
		Max:     4,
		Log:     o.Log,
	})
	return o
}

// sign signs a query with the key, and returns the MAC as well.
func sign(t testing.TB, m *dns.Msg, secret string) (packet []byte, mac string) {
	t.Helper()
	m.SetTsig(transferKey, dns.HmacSHA256, 300, time.Now().Unix())
	packet, mac, err := dns.TsigGenerate(m, secret, "", false)
	if err != nil {
		t.Fatal(err)
	}
	return packet, mac
}

// Another implementation of secondaries gets whole zones, signed, over one connection
// that answers other queries before and after. The connection may be over TLS (RFC
// 9103).
func TestSecondariesGetZones(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 900, base: 3})
	ca := testutil.NewCA(t)
	o := transferOptions(t, z)
	o.Listen, o.TLS = []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, tlsOptions(t, ca).TLS
	s := New(zone.NewStore(z), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.ListenTLS(netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	secure, err := dialTLS(t, s, ca, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{dial(t, s, "tcp", "127.0.0.1"), secure} {
		for _, origin := range []string{"mesos.", transferCatalog, "mirror.example."} {
			if got := askOver(t, conn, askOne); got == "" {
				t.Fatal("no response before the transfer")
			}
			count := transferOver(t, conn, origin)
			want := 2 // SOA records
			for range z.RecordsOf(records.MustParseName(origin)) {
				want++
			}
			if origin == transferCatalog {
				want = len(z.TransferZones()) + 2 + 2
			}
			if count != want {
				t.Errorf("%s: got %d records, want %d", origin, count, want)
			}
		}
	}
	for _, q := range s.counters.queries() {
		if q.qtype == "AXFR" && (q.rcode != "NOERROR" || q.transport == UDP) {
			t.Errorf("counted %+v", q)
		}
	}
}

// transferOver transfers a zone over a connection, with a signature, and returns the
// number of records. The library's own transfer would close the connection.
func transferOver(t *testing.T, conn net.Conn, origin string) (records int) {
	t.Helper()
	packet, mac := sign(t, new(dns.Msg).SetAxfr(origin), transferSecret)
	c := &dns.Conn{Conn: conn}
	if _, err := c.Write(packet); err != nil {
		t.Fatal(err)
	}
	soas := 0
	for first := true; soas < 2; first = false {
		msg, err := c.ReadMsgHeader(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := dns.TsigVerify(bytes.Clone(msg), transferSecret, mac, !first); err != nil {
			t.Fatalf("%s: after %d records: %v", origin, records, err)
		}
		m := new(dns.Msg)
		if err := m.Unpack(msg); err != nil || m.Rcode != dns.RcodeSuccess {
			t.Fatalf("%s: got %v, %v", origin, m.MsgHdr, err)
		}
		mac = m.IsTsig().MAC
		records += len(m.Answer)
		for _, rr := range m.Answer {
			if rr.Header().Rrtype == dns.TypeSOA {
				soas++
			}
		}
	}
	return records
}

// Any query with a TSIG record gets the answer to the query without it, signed.
func TestSignedQueriesGetSignedAnswers(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 300, base: 3})
	r := newResponder(transferOptions(t, z))
	buf := make([]byte, bufferSize)
	for _, tcp := range []bool{false, true} {
		c := client{addr: netip.MustParseAddr("198.51.100.1")}
		if tcp {
			c.transport = TCP
		}
		for _, x := range []struct {
			name  string
			qtype uint16
			edns  bool
		}{
			{"mesos.", dns.TypeSOA, true}, {"one.marathon.mesos.", dns.TypeA, false}, {"nope.mesos.", dns.TypeA, true},
			{"big.marathon.mesos.", dns.TypeA, true}, {"big.marathon.mesos.", dns.TypeA, false},
			{"_big._tcp.marathon.mesos.", dns.TypeSRV, true}, {"example.com.", dns.TypeA, false}, {"mesos.", dns.TypeTXT, true},
		} {
			m := new(dns.Msg).SetQuestion(x.name, x.qtype)
			if x.edns {
				m.SetEdns0(1232, false)
			}
			plain, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			want, _ := r.respond(make([]byte, bufferSize), z, c, plain)
			packet, mac := sign(t, m, transferSecret)
			msg, _ := r.respond(buf, z, c, packet)
			if limit := 1232; !tcp && len(msg) > limit || !tcp && !x.edns && len(msg) > 512 {
				t.Errorf("%s: the response has %d bytes", x.name, len(msg))
			}
			if err := dns.TsigVerify(bytes.Clone(msg), transferSecret, mac, false); err != nil {
				t.Errorf("%s over TCP %v: the response is not signed well: %v", x.name, tcp, err)
				continue
			}
			var got, unsigned dns.Msg
			if err := got.Unpack(msg); err != nil {
				t.Fatal(err)
			}
			if err := unsigned.Unpack(want); err != nil {
				t.Fatal(err)
			}
			got.Extra = got.Extra[:len(got.Extra)-1]
			if !unsigned.Truncated && !got.Truncated && got.String() != unsigned.String() {
				t.Errorf("%s: got\n%v\nwant\n%v", x.name, &got, &unsigned)
			}
			if got.Rcode != unsigned.Rcode || got.Truncated != unsigned.Truncated {
				t.Errorf("%s: got %v, want %v", x.name, got.MsgHdr, unsigned.MsgHdr)
			}
		}
	}
}

// A signature that is not valid gets NOTAUTH or FORMERR whatever is asked, and a
// NOTIFY message NOTIMP: this server is nobody's secondary.
func TestSignatureErrorsInResponses(t *testing.T) {
	z := testZone(t)
	r := newResponder(transferOptions(t, z))
	c := client{addr: netip.MustParseAddr("198.51.100.1")}
	good, _ := sign(t, new(dns.Msg).SetQuestion("mesos.", dns.TypeSOA), transferSecret)
	wrong, _ := sign(t, new(dns.Msg).SetQuestion("mesos.", dns.TypeSOA), "b3RoZXI=")
	axfr, _ := sign(t, new(dns.Msg).SetAxfr("mesos."), "b3RoZXI=")
	behind := append(bytes.Clone(good), 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0)
	behind[11]++
	inAnswer := bytes.Clone(good)
	inAnswer[7], inAnswer[11] = 1, 0
	notify, notifyMAC := sign(t, new(dns.Msg).SetNotify("mesos."), transferSecret)
	badNotify, _ := sign(t, new(dns.Msg).SetNotify("mesos."), "b3RoZXI=")
	for title, x := range map[string]struct {
		packet []byte
		rcode  int
		tsig   bool
		err    int
	}{
		"a good one":                      {good, dns.RcodeSuccess, true, 0},
		"a wrong secret":                  {wrong, dns.RcodeNotAuth, true, dns.RcodeBadSig},
		"a zone with a wrong secret":      {axfr, dns.RcodeNotAuth, true, dns.RcodeBadSig},
		"a record behind the TSIG record": {behind, dns.RcodeFormatError, false, 0},
		"a TSIG record among the answers": {inAnswer, dns.RcodeFormatError, false, 0},
		"NOTIFY":                          {notify, dns.RcodeNotImplemented, true, 0},
		"NOTIFY with a wrong secret":      {badNotify, dns.RcodeNotAuth, true, dns.RcodeBadSig},
	} {
		msg, l := r.respond(make([]byte, bufferSize), z, c, x.packet)
		m := new(dns.Msg)
		if err := m.Unpack(msg); err != nil || l != nil {
			t.Fatalf("%s: %v, %v", title, err, l)
		}
		tsig := m.IsTsig()
		if m.Rcode != x.rcode || (tsig != nil) != x.tsig || tsig != nil && int(tsig.Error) != x.err || x.rcode != 0 && len(m.Answer) > 0 {
			t.Errorf("%s: got %v, want %s, TSIG error %d", title, m, dns.RcodeToString[x.rcode], x.err)
		}
		if title == "NOTIFY" {
			if err := dns.TsigVerify(bytes.Clone(msg), transferSecret, notifyMAC, false); err != nil {
				t.Errorf("%s: %v", title, err)
			}
		}
	}
}

// Rules hold for addresses and keys over all transports, and the catalog is seen by
// those alone who may have it.
func TestWhoMayHaveZones(t *testing.T) {
	z := testZone(t)
	r := newResponder(transferOptions(t, z))
	for _, x := range []struct {
		from   string
		signed bool
		query  *dns.Msg
		tcp    bool
		rcode  int
		stream bool
	}{
		{"192.0.2.9", false, new(dns.Msg).SetAxfr("mesos."), true, dns.RcodeSuccess, true},
		{"198.51.100.1", true, new(dns.Msg).SetAxfr("mesos."), true, dns.RcodeSuccess, true},
		{"198.51.100.1", false, new(dns.Msg).SetAxfr("mesos."), true, dns.RcodeRefused, false},
		{"127.0.0.1", false, new(dns.Msg).SetAxfr("mesos."), true, dns.RcodeRefused, false},
		{"192.0.2.9", false, new(dns.Msg).SetAxfr("mesos."), false, dns.RcodeFormatError, false},
		{"192.0.2.9", false, new(dns.Msg).SetAxfr("other.example."), true, dns.RcodeNotAuth, false},
		{"192.0.2.9", false, new(dns.Msg).SetAxfr("marathon.mesos."), true, dns.RcodeNotAuth, false},
		{"192.0.2.9", false, new(dns.Msg).SetIxfr("mesos.", 7, "a.", "b."), false, dns.RcodeSuccess, false},
		{"192.0.2.9", false, new(dns.Msg).SetIxfr("mesos.", 3, "a.", "b."), true, dns.RcodeSuccess, true},
		{"198.51.100.1", false, new(dns.Msg).SetIxfr("mesos.", 7, "a.", "b."), false, dns.RcodeRefused, false},
		{"192.0.2.9", false, new(dns.Msg).SetQuestion(transferCatalog, dns.TypeSOA), false, dns.RcodeSuccess, false},
		{"198.51.100.1", true, new(dns.Msg).SetQuestion(transferCatalog, dns.TypeSOA), false, dns.RcodeSuccess, false},
		{"198.51.100.1", false, new(dns.Msg).SetQuestion(transferCatalog, dns.TypeSOA), false, dns.RcodeRefused, false},
		{"192.0.2.9", false, new(dns.Msg).SetQuestion("version."+transferCatalog, dns.TypeTXT), false, dns.RcodeRefused, false},
	} {
		c := client{addr: netip.MustParseAddr(x.from)}
		if x.tcp {
			c.transport = TCP
		}
		packet, err := x.query.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if x.signed {
			packet, _ = sign(t, x.query, transferSecret)
		}
		msg, l := r.respond(make([]byte, bufferSize), z, c, packet)
		if stream := l != nil && l.transfer != nil; stream != x.stream || x.stream && msg != nil {
			t.Errorf("%+v: got a stream: %v, want %v", x, stream, x.stream)
			continue
		}
		if !x.stream && int(msg[3]&0xF) != x.rcode {
			t.Errorf("%v from %s, signed %v: got %s, want %s", x.query.Question, x.from, x.signed, dns.RcodeToString[int(msg[3]&0xF)], dns.RcodeToString[x.rcode])
		}
	}
}

// What has to be forwarded is refused when it is signed: the response has to be made
// at once. The catalog's names are never forwarded.
func TestSignedQueriesAreNotForwarded(t *testing.T) {
	z := testZone(t)
	o := transferOptions(t, z)
	o.Forward = &ForwardOptions{
		Upstreams: []Upstream{{AddrPort: netip.MustParseAddrPort("127.0.0.1:1")}}, AllowedClients: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")},
		Timeout: time.Second, CacheEntries: 10, CacheBytes: 1 << 20, MaxPending: 10, MaxPendingPerClient: 10, MaxPendingPerSuffix: 10,
	}
	s := New(zone.NewStore(z), o)
	c := client{addr: netip.MustParseAddr("198.51.100.1")}
	m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	packet, _ := sign(t, m, transferSecret)
	if msg, l := s.responder.respond(make([]byte, bufferSize), z, c, packet); l != nil || msg[3]&0xF != dns.RcodeRefused {
		t.Errorf("a signed query: got %x, forwarded %v, want REFUSED", msg, l != nil)
	}
	packet, _ = new(dns.Msg).SetQuestion("www."+transferCatalog, dns.TypeA).Pack()
	if msg, l := s.responder.respond(make([]byte, bufferSize), z, c, packet); l != nil || msg[3]&0xF != dns.RcodeRefused {
		t.Errorf("a name of the catalog: got %x, forwarded %v, want REFUSED", msg, l != nil)
	}
}

// A connection that transfers a zone to a client that does not read counts as busy,
// so that idle ones make room first; and it ends with the server.
func TestTransferToAClientThatDoesNotRead(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 4000, base: 3})
	o := transferOptions(t, z)
	o.Listen = []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
	s := New(zone.NewStore(z), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	stop := run(t, s)
	conn := dial(t, s, "tcp", "127.0.0.1")
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	for range 50 { // more than the buffers of the sockets hold
		packet, _ := sign(t, new(dns.Msg).SetAxfr("mesos."), transferSecret)
		if _, err := (&dns.Conn{Conn: conn}).Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	busy := func() bool {
		s.connections.mu.Lock()
		defer s.connections.mu.Unlock()
		for e := s.connections.open.Front(); e != nil; e = e.Next() {
			if e.Value.(*connection).hasPending() {
				return true
			}
		}
		return false
	}
	testutil.Eventually(t, busy, "the connection is busy")
	// Others are answered.
	other := dial(t, s, "tcp", "127.0.0.1")
	if got := askOver(t, other, "one.marathon.mesos. A"); got == "" {
		t.Error("no response on another connection")
	}
	stop()
}

// A query without a TSIG record costs what it did: nothing is allocated for it.
func TestUnsignedQueriesAllocateNothing(t *testing.T) {
	z := testZone(t)
	r := newResponder(transferOptions(t, z))
	c := client{addr: netip.MustParseAddr("192.0.2.9")}
	buf := make([]byte, bufferSize)
	for _, ask := range []string{"one.marathon.mesos. A +edns=1232", "_web._tcp.marathon.mesos. SRV", "mesos. TXT +opt=10:0123456789abcdef"} {
		packet, _ := packQuery(t, ask)
		if n := testing.AllocsPerRun(200, func() { r.respond(buf, z, c, packet) }); n != 0 {
			t.Errorf("%s: got %v allocations, want none", ask, n)
		}
	}
	if slices.Contains(z.Origins(), records.MustParseName(transferCatalog)) {
		t.Error("the catalog is an origin")
	}
}
