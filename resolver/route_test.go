package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/zone"
)

// What is said of a name that the zones do not have is what happens to queries for
// it: special-use names are answered here, others go to the servers of the closest
// domain, or are refused where nothing is forwarded.
func TestRouteSaysWhoAnswers(t *testing.T) {
	server := func(addr string) Upstream { return Upstream{AddrPort: netip.MustParseAddrPort(addr)} }
	o := testOptions()
	f := forwardOptions()
	f.Upstreams = []Upstream{server("192.0.2.1:53")}
	f.ZoneUpstreams = map[string][]Upstream{"weave.local": {server("192.0.2.2:53")}, "10.in-addr.arpa": {server("192.0.2.3:53")}}
	o.Forward = &f
	forwarding := New(zone.NewStore(testZone(t)), o)
	forwarding.responder.forward.defaultGroup.Store(forwarding.responder.forward.client.Group(o.Forward.Upstreams))
	o.Forward = nil
	refusing := New(zone.NewStore(testZone(t)), o)
	for _, tc := range []struct {
		name string
		want Route
		ok   bool
	}{
		{"one.marathon.mesos", Route{}, false},
		{"nope.marathon.mesos", Route{}, false},
		{"example.com", Route{Domain: ".", Servers: []string{"192.0.2.1"}}, true},
		{".", Route{Domain: ".", Servers: []string{"192.0.2.1"}}, true},
		{"a.weave.local", Route{Domain: "weave.local", Servers: []string{"192.0.2.2"}}, true},
		{"localhost", Route{Local: "localhost."}, true},
		{"a.b.localhost", Route{Local: "localhost."}, true},
		{"x.invalid", Route{Local: "invalid."}, true},
		{"x.onion", Route{Local: "onion."}, true},
		{"1.2.168.192.in-addr.arpa", Route{}, false}, // NXDOMAIN of our reverse zone
		{"1.2.3.10.in-addr.arpa", Route{Domain: "10.in-addr.arpa", Servers: []string{"192.0.2.3"}}, true},
	} {
		name := []byte(records.MustParseName(tc.name))
		got, ok := forwarding.Route(name)
		if ok != tc.ok || got.Local != tc.want.Local || got.Domain != tc.want.Domain || !slices.Equal(got.Servers, tc.want.Servers) {
			t.Errorf("%s: got %+v and %v, want %+v and %v", tc.name, got, ok, tc.want, tc.ok)
		}
		ours := strings.HasSuffix(tc.name, "mesos") || strings.HasSuffix(tc.name, ".168.192.in-addr.arpa")
		if got, ok := refusing.Route(name); ok == ours || got.Local != "" || got.Domain != "" {
			t.Errorf("%s without forwarding: got %+v and %v, want no route and %v", tc.name, got, ok, !ours)
		}
	}
}
