package resolver

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestEDNSQueriesAreAnswered(t *testing.T) {
	const one = "answer one.marathon.mesos. 60 A 10.1.0.1"
	runExchanges(t, newResponder(testOptions()), testZone(t), []exchange{
		{"no OPT record without one in the query", "one.marathon.mesos. A", `
			NOERROR qr aa
			` + one},
		{"in errors too", "example.com. A +edns=4096", `
			REFUSED qr
			opt 1232`},
		{"other options are not looked into", "one.marathon.mesos. A +opt=1:00 +opt=9:000000 +opt=11:00 +opt=12:0000 +opt=15:", `
			NOERROR qr aa
			` + one + `
			opt 1232`},
		{"NSID is not answered", "one.marathon.mesos. A +opt=3:", `
			NOERROR qr aa
			` + one + `
			opt 1232`},
		{"options of another version may look like anything", "one.marathon.mesos. A +version=9 +opt=10:00", `
			BADVERS qr
			opt 1232`},

		{"a client cookie", "one.marathon.mesos. A +opt=10:0123456789abcdef", `
			NOERROR qr aa
			` + one + `
			opt 1232 cookie=0123456789abcdef+16`},
		{"a server cookie that is not ours gets one that is", "one.marathon.mesos. A +opt=10:0123456789abcdef0000000000000000", `
			NOERROR qr aa
			` + one + `
			opt 1232 cookie=0123456789abcdef+16`},
		{"of two cookies the first", "one.marathon.mesos. A +opt=10:0123456789abcdef +opt=10:ff", `
			NOERROR qr aa
			` + one + `
			opt 1232 cookie=0123456789abcdef+16`},
		{"a client cookie that is too short", "one.marathon.mesos. A +opt=10:01234567890abc", `
			FORMERR qr
			opt 1232`},
		{"no client cookie", "one.marathon.mesos. A +opt=10:", `
			FORMERR qr
			opt 1232`},
		{"a server cookie that is too short", "one.marathon.mesos. A +opt=10:0123456789abcdef00000000000000", `
			FORMERR qr
			opt 1232`},
		{"a server cookie that is too long", "one.marathon.mesos. A +opt=10:" + strings.Repeat("00", 41), `
			FORMERR qr
			opt 1232`},
		{"the longest cookie", "one.marathon.mesos. A +opt=10:" + strings.Repeat("00", 40), `
			NOERROR qr aa
			` + one + `
			opt 1232 cookie=0000000000000000+16`},
		{"a cookie without a question (RFC 7873, section 5.4)", "+header +opt=10:0123456789abcdef", `
			NOERROR qr
			no question
			opt 1232 cookie=0123456789abcdef+16`},
		{"nothing at all", "+header +edns=4096", `
			FORMERR qr
			no question
			opt 1232`},

		{"a client subnet is not read when it is not used", "one.marathon.mesos. A +opt=8:ffff", `
			NOERROR qr aa
			` + one + `
			opt 1232`},
	})
}

// RFC 9018, appendix A.
func TestServerCookiesAreThoseOfTheRFC(t *testing.T) {
	for _, x := range []struct {
		title, secret, client, addr, want string
		time                              int64
	}{
		{"A.1", "e5e973e5a6b2a43f48e7dc849e37bfcf", "2464c4abcf10c957", "198.51.100.100",
			"010000005cf79f111f8130c3eee29480", 1559731985},
		{"A.4", "445536bcd2513298075a5d379663c962", "22681ab97d52c298", "2001:db8:220:1:59de:d0f4:8769:82b8",
			"010000005cf7c609a6bb79d16625507a", 1559741961},
	} {
		secret, _ := hex.DecodeString(x.secret)
		client, _ := hex.DecodeString(x.client)
		c := &cookies{now: func() time.Time { return time.Unix(x.time, 0) }}
		c.secrets.Store(&cookieSecrets{current: newCookieSecret([16]byte(secret)), until: c.now().Add(time.Hour)})
		got := serverCookie(t, c, string(client), netip.MustParseAddr(x.addr))
		if want := x.client + x.want; hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, want %s", x.title, got, want)
		}
	}
}

func TestEachServerHasItsOwnSecret(t *testing.T) {
	a, b := newCookies().secrets.Load().current, newCookies().secrets.Load().current
	if a.k0 == b.k0 || a.k1 == b.k1 {
		t.Errorf("two servers have the secrets %v and %v, want different ones", a, b)
	}
}

// serverCookie is the data of the cookie option that answers a client's cookie.
func serverCookie(t *testing.T, c *cookies, client string, addr netip.Addr) []byte {
	t.Helper()
	q := query{edns: edns{options: appendOption(nil, dns.EDNS0COOKIE, []byte(client))}}
	option, ok := c.appendCookie(nil, &q, addr)
	if !ok {
		t.Fatalf("the cookie %x is refused", client)
	}
	return option[4:]
}

// RFC 7873, section 7.1: a secret is replaced before it is 26 hours old, and
// cookies that it made stay valid for as long as any.
func TestCookieSecretsAreReplacedInTime(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.1")
	for range 20 { // the times are random
		now := time.Unix(1_700_000_000, 0)
		c := newCookies()
		c.now = func() time.Time { return now }
		c.secrets.Store(&cookieSecrets{current: randomSecret(), until: nextRollover(now)})
		first, last := c.secrets.Load().current, time.Time{}
		for start := now; c.at(now).current == first; now = now.Add(time.Minute) {
			if last = now; now.Sub(start) >= 26*time.Hour {
				t.Fatal("the secret is 26 h old")
			}
		}
		changed := now
		now = last
		c.secrets.Store(&cookieSecrets{current: first, until: changed})
		cookie := serverCookie(t, c, "client!!", addr)
		for now = changed; now.Sub(last) <= time.Hour; now = now.Add(10 * time.Minute) {
			if !c.valid(cookie, addr) {
				t.Fatalf("a cookie is refused after %v, want it to be valid for 1 h", now.Sub(last))
			}
		}
		if c.valid(cookie, addr) {
			t.Error("a cookie of more than 1 h is valid")
		}
	}
}

func TestTheClientSubnetDecidesWhichAddressesComeFirst(t *testing.T) {
	o := testOptions()
	o.ResolvSubnetFirst = true
	// 10.3.0.1 to 10.3.0.249 and 10.3.1.0, so the last is alone in its /24.
	z := testZone(t, instances{name: "net", count: 250, base: 3})
	r := newResponder(o)
	first := func(text string) string {
		m, _ := askMsg(t, r, z, text+" +tcp")
		return m.Answer[0].(*dns.A).A.String()
	}
	for _, x := range []struct{ title, ask, want string }{
		{"the transport's address", "net.marathon.mesos. A +from=10.3.1.77", "10.3.1.0"},
		{"that of another network", "net.marathon.mesos. A +from=10.9.1.77", "10.3.0.1"},
		{"the option's address", "net.marathon.mesos. A +opt=8:000118000a0301", "10.3.1.0"},
		{"the option before the transport", "net.marathon.mesos. A +from=10.3.1.77 +opt=8:000118000a0901", "10.3.0.1"},
		{"an address that is longer than its network", "net.marathon.mesos. A +opt=8:000120000a03014d", "10.3.1.0"},
		{"a client that does not want to be known", "net.marathon.mesos. A +from=10.3.1.77 +opt=8:00010000", "10.3.0.1"},
		{"the other family", "net.marathon.mesos. A +from=fd00::1", "10.3.0.1"},
	} {
		if got := first(x.ask); got != x.want {
			t.Errorf("%s: %s comes first, want %s", x.title, got, x.want)
		}
	}

	runExchanges(t, r, testZone(t), []exchange{
		{"the scope is that of the order", "one.marathon.mesos. A +opt=8:000120000a01004d", `
			NOERROR qr aa
			answer one.marathon.mesos. 60 A 10.1.0.1
			opt 1232 subnet=10.1.0.77/32/24`},
		{"IPv6", "web.marathon.mesos. AAAA +opt=8:00023800fd000000000000", `
			NOERROR qr aa
			answer web.marathon.mesos. 60 AAAA fd00::1
			opt 1232 subnet=[fd00::]/56/64`},
		{"a negative answer is for everybody", "none.marathon.mesos. A +opt=8:000118000a0100", `
			NXDOMAIN qr aa
			authority mesos. 30 SOA ns1.mesos. root.ns1.mesos. 7 60 600 86400 30
			opt 1232 subnet=10.1.0.0/24/0`},
		{"prefix length 0", "one.marathon.mesos. A +opt=8:00010000", `
			NOERROR qr aa
			answer one.marathon.mesos. 60 A 10.1.0.1
			opt 1232 subnet=0.0.0.0/0/0`},
		{"family 0", "one.marathon.mesos. A +opt=8:00000000", `
			NOERROR qr aa
			answer one.marathon.mesos. 60 A 10.1.0.1
			opt 1232 subnet=0.0.0.0/0/0`},
		{"too short", "one.marathon.mesos. A +opt=8:0001", "FORMERR qr\nopt 1232"},
		{"an byte too few", "one.marathon.mesos. A +opt=8:000118000a01", "FORMERR qr\nopt 1232"},
		{"an byte too many", "one.marathon.mesos. A +opt=8:000118000a010000", "FORMERR qr\nopt 1232"},
		{"bits behind the prefix", "one.marathon.mesos. A +opt=8:000117000a0101", "FORMERR qr\nopt 1232"},
		{"a prefix longer than an address", "one.marathon.mesos. A +opt=8:000121000a01010100", "FORMERR qr\nopt 1232"},
		{"a scope in a query", "one.marathon.mesos. A +opt=8:000118180a0101", "FORMERR qr\nopt 1232"},
		{"an unknown family", "one.marathon.mesos. A +opt=8:000318000a0101", "FORMERR qr\nopt 1232"},
		{"more bytes than any address", "one.marathon.mesos. A +opt=8:00028800" + strings.Repeat("00", 17), "FORMERR qr\nopt 1232"},
	})
}
