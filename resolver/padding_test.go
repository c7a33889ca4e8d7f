package resolver

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"toponym/internal/testutil"
	"toponym/zone"
)

// Responses over TLS to queries with the padding option have sizes that tell little,
// and are otherwise the same (RFC 7830, RFC 8467).
func TestResponsesOverTLSArePaddedOnRequest(t *testing.T) {
	z := testZone(t, instances{name: "big", count: 4090, base: 3}, instances{name: "some", count: 100, base: 4})
	ca := testutil.NewCA(t)
	o := tlsOptions(t, ca)
	o.Listen = []Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}
	s := New(zone.NewStore(z), o)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.ListenTLS(netip.MustParseAddrPort("127.0.0.1:0")); err != nil {
		t.Fatal(err)
	}
	run(t, s)
	secure, err := dialTLS(t, s, ca, func(*tls.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	overTLS, overTCP := &dns.Conn{Conn: secure}, &dns.Conn{Conn: dial(t, s, "tcp", "127.0.0.1")}
	ask := func(c *dns.Conn, name string, qtype uint16, options ...dns.EDNS0) (*dns.Msg, int) {
		t.Helper()
		m := new(dns.Msg).SetQuestion(name, qtype)
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = options
		if err := c.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
		packet, err := c.ReadMsgHeader(nil)
		if err != nil {
			t.Fatal(err)
		}
		r := new(dns.Msg)
		if err := r.Unpack(packet); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return r, len(packet)
	}
	texts := func(m *dns.Msg) (list []string) {
		for _, rr := range slices.Concat(m.Answer, m.Ns) {
			list = append(list, rr.String())
		}
		return list
	}
	padding, cookie := &dns.EDNS0_PADDING{}, &dns.EDNS0_COOKIE{Cookie: "0102030405060708"}
	for _, q := range []struct {
		name  string
		qtype uint16
	}{
		{"one.marathon.mesos.", dns.TypeA}, {"nope.marathon.mesos.", dns.TypeA}, {"some.marathon.mesos.", dns.TypeA},
		{"_some._tcp.marathon.mesos.", dns.TypeSRV}, {"big.marathon.mesos.", dns.TypeA}, {"example.com.", dns.TypeA},
	} {
		plain, size := ask(overTCP, q.name, q.qtype, padding)
		secret, padded := ask(overTLS, q.name, q.qtype, padding, cookie)
		if !slices.Equal(texts(plain), texts(secret)) || plain.Rcode != secret.Rcode {
			t.Errorf("%s: got %d and other records with padding, want those without", q.name, secret.Rcode)
		}
		if padded%paddingBlock != 0 && size+paddingBlock < dns.MaxMsgSize {
			t.Errorf("%s: got %d bytes, want a multiple of %d", q.name, padded, paddingBlock)
		}
		if _, bare := ask(overTLS, q.name, q.qtype); bare != size || len(plain.IsEdns0().Option) != 0 {
			t.Errorf("%s: got %d bytes without the option and %d over TCP, want no padding", q.name, bare, size)
		}
	}
}

func TestTheLargestResponsesAreNotPadded(t *testing.T) {
	for size := dns.MaxMsgSize - 1 - 2*paddingBlock; size < dns.MaxMsgSize; size++ {
		msg := appendOPT(make([]byte, size-11, bufferSize), 1232, 0, false, nil)
		padded := pad(msg, size-11)
		if len(padded) > dns.MaxMsgSize-1 || len(padded) != size && len(padded)%paddingBlock != 0 {
			t.Fatalf("%d bytes: got %d, want a multiple of %d that can be sent", size, len(padded), paddingBlock)
		}
	}
}
