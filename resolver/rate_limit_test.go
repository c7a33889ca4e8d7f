package resolver

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func TestEachNetworkHasItsOwnRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRateLimiter(10, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fc00::/7")})
		time.Sleep(time.Second)
		count := func(addr string, transport Transport) (sent int) {
			for range 100 {
				if !r.exceeded(client{addr: netip.MustParseAddr(addr), transport: transport}) {
					sent++
				}
			}
			return sent
		}
		if n := count("198.51.100.1", UDP); n != 10 {
			t.Errorf("got %d responses, want 10, those of a second", n)
		}
		if n := count("198.51.100.200", UDP); n != 0 {
			t.Errorf("got %d responses to the same network, want 0", n)
		}
		for _, addr := range []string{"10.1.2.3", "127.0.0.1", "::1", "fd00::1"} {
			if n := count(addr, UDP); n != 100 {
				t.Errorf("%s is exempt: got %d responses, want 100", addr, n)
			}
		}
		if n := count("198.51.100.1", TCP); n != 100 {
			t.Errorf("got %d responses over TCP, want 100", n)
		}
		if n := count("2001:db8:0:0100::1", UDP) + count("2001:db8:0:01ff::1", UDP); n != 10 {
			t.Errorf("got %d responses to one /56, want 10", n)
		}
		time.Sleep(500 * time.Millisecond)
		if n := count("198.51.100.1", UDP); n != 5 {
			t.Errorf("got %d responses, want 5, those of half a second", n)
		}
	})
	if newRateLimiter(0, nil).exceeded(client{}) {
		t.Error("a server without a limit has one")
	}
}

func TestResponsesAboveTheRateLimitAreDroppedOrTruncated(t *testing.T) {
	limited := testOptions()
	limited.RateLimit = 1
	r := newResponder(limited)
	z := testZone(t)
	const question = "one.marathon.mesos. A +edns=1232"
	if got := ask(t, r, z, question+" +opt=10:0123456789abcdef"); !strings.HasPrefix(got, "NOERROR qr aa\nanswer") {
		t.Fatalf("got %q, want an answer", got)
	}
	var silent, slipped int
	for range 100 {
		switch got := ask(t, r, z, question); got {
		case "silence":
			silent++
		case "NOERROR qr tc\nopt 1232":
			slipped++
		default:
			t.Errorf("got %q, want silence or a truncated response", got)
		}
	}
	if silent != 50 || slipped != 50 {
		t.Errorf("got %d queries without a response and %d truncated ones, want 50 and 50", silent, slipped)
	}
	var cookies int
	for range 100 {
		switch got := ask(t, r, z, question+" +opt=10:0123456789abcdef"); got {
		case "silence":
		case "NOERROR qr tc\nopt 1232 cookie=0123456789abcdef+16":
			cookies++
		default:
			t.Errorf("got %q, want silence or a truncated response", got)
		}
	}
	if cookies != 50 {
		t.Errorf("got cookies in %d of 100 responses, want 50", cookies)
	}
	// A cookie of this server proves the address.
	packet, c := packQuery(t, question)
	option := serverCookie(t, r.cookies, "client!!", c.addr)
	with := func(option []byte) bool {
		m := new(dns.Msg)
		m.Unpack(packet)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0COOKIE, Data: option}}
		p, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		msg, _ := r.respond(make([]byte, bufferSize), z, c, p)
		return msg != nil && msg[7] == 1
	}
	if !with(option) {
		t.Error("a client with a valid cookie is limited")
	}
	option[len(option)-1]++
	if with(option) {
		t.Error("a client with a wrong cookie is not limited")
	}
	r.cookies.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	option[len(option)-1]--
	if with(option) {
		t.Error("a client with an old cookie is not limited")
	}
}

func TestPrefixListAgreesWithNetip(t *testing.T) {
	for _, p := range []string{"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "::/0", "fe80::/10", "2001:db8::/65", "2001:db8::1/128", "2001:db8::/64"} {
		prefix := netip.MustParsePrefix(p)
		l := newPrefixList([]netip.Prefix{prefix})
		for _, a := range []string{"10.0.0.1", "11.0.0.1", "192.0.2.1", "192.0.2.2", "::1", "fe80::1", "fec0::1", "2001:db8::1", "2001:db8::2", "2001:db8:0:0:8000::1", "2001:db8:0:1::1"} {
			addr := netip.MustParseAddr(a)
			if got, want := l.contains(addr), prefix.Contains(addr); got != want {
				t.Errorf("%s in %s: %v, want %v", a, p, got, want)
			}
		}
	}
}
