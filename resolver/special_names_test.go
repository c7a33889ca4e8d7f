package resolver

import (
	"net/netip"
	"testing"
	"testing/synctest"
)

func dummyUpstream(n byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, n}), 53)
}

// Names with a meaning of their own are answered here, so that servers upstream do
// not learn of them, nor lead clients past this server (RFC 9462, section 6.4).
func TestSpecialNamesAreNotForwarded(t *testing.T) {
	const soa = " 10800 SOA localhost. nobody.invalid. 1 3600 1200 604800 10800"
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, nil, "ipv4only.arpa. 60 IN A 192.0.0.170", "www.testing.example. 60 IN A 192.0.2.1")
		for _, x := range []struct{ ask, want string }{
			{"_dns.resolver.arpa. SVCB +rd", "NOERROR qr aa rd ra\nauthority resolver.arpa." + soa},
			{"_dns.resolver.arpa. A +rd", "NOERROR qr aa rd ra\nauthority resolver.arpa." + soa},
			{"a.b.Resolver.arpa. TXT +rd", "NOERROR qr aa rd ra\nauthority Resolver.arpa." + soa},
			{"resolver.arpa. DS +rd", "NOERROR qr aa rd ra\nauthority resolver.arpa." + soa},
			{"printer.home.arpa. A +rd", "NXDOMAIN qr aa rd ra\nauthority home.arpa." + soa},
			{"_http._tcp.default.service.arpa. PTR +rd", "NXDOMAIN qr aa rd ra\nauthority service.arpa." + soa},
			{"printer.local. A +rd", "NXDOMAIN qr aa rd ra\nauthority local." + soa},
			{"www.test. A +rd", "NXDOMAIN qr aa rd ra\nauthority test." + soa},
			{"x.gns.alt. A +rd", "NXDOMAIN qr aa rd ra\nauthority alt." + soa},
			{"x.invalid. A +rd", "NXDOMAIN qr aa rd ra\nauthority invalid." + soa},
			{"x.onion. A +rd", "NXDOMAIN qr aa rd ra\nauthority onion." + soa},
			{"x.localhost. A +rd", "NOERROR qr aa rd ra\nanswer x.localhost. 10800 A 127.0.0.1"},
			{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. PTR +rd",
				"NOERROR qr aa rd ra\nanswer 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa. 10800 PTR localhost."},
		} {
			b.expect(x.ask, x.want)
		}
		if got := b.up.questions(); got != "" {
			t.Errorf("asked %s, want nothing", got)
		}
		// DNS64 is found by this name, and the others only look like special ones.
		b.expect("ipv4only.arpa. A +rd", "NOERROR qr rd ra\nanswer ipv4only.arpa. 60 A 192.0.0.170")
		b.expect("www.testing.example. A +rd", "NOERROR qr rd ra\nanswer www.testing.example. 60 A 192.0.2.1")
	})
}

func TestZoneResolversAreAskedForSpecialNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(o *ForwardOptions) {
			o.ZoneUpstreams = map[string][]Upstream{"corp.local": {{AddrPort: dummyUpstream(1)}}}
		}, "www.corp.local. 60 IN A 10.1.1.1")
		b.expect("www.corp.local. A +rd", "NOERROR qr rd ra\nanswer www.corp.local. 60 A 10.1.1.1")
		b.expect("www.local. A +rd", "NXDOMAIN qr aa rd ra\nauthority local. 10800 SOA localhost. nobody.invalid. 1 3600 1200 604800 10800")
	})
}
