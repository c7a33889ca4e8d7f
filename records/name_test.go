package records

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestParseNameReadsPresentationForm(t *testing.T) {
	label := strings.Repeat("x", 63)
	for _, tc := range []struct {
		in   string
		want Name
		err  error
	}{
		{"mesos", "\x05mesos\x00", nil},
		{"Mesos.", "\x05mesos\x00", nil},
		{"nginx.marathon.mesos", "\x05nginx\x08marathon\x05mesos\x00", nil},
		{"_http._tcp.a.mesos", "\x05_http\x04_tcp\x01a\x05mesos\x00", nil},
		{"", Root, nil},
		{".", Root, nil},
		{"a..b", "", ErrLabelLength},
		{".a", "", ErrLabelLength},
		{label + "x.mesos", "", ErrLabelLength},
		{"a b.mesos", "", ErrLabelBytes},
		{`a\.b.mesos`, "", ErrLabelBytes},
		{"é.mesos", "", ErrLabelBytes},
		{strings.Join([]string{label, label, label, label[:61]}, "."), Name("\x3f" + label + "\x3f" + label + "\x3f" + label + "\x3d" + label[:61] + "\x00"), nil},
		{strings.Join([]string{label, label, label, label[:62]}, "."), "", ErrNameLength},
	} {
		got, err := ParseName(tc.in)
		if got != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("ParseName(%q) = %q, %v, want %q, %v", tc.in, string(got), err, string(tc.want), tc.err)
		}
	}
}

func TestParentAndUnderFollowLabels(t *testing.T) {
	n := MustParseName("web.marathon.mesos")
	if p, ok := n.Parent(); !ok || p != MustParseName("marathon.mesos") {
		t.Errorf("Parent of %v = %v, %v, want marathon.mesos., true", n, p, ok)
	}
	if p, ok := Root.Parent(); ok {
		t.Errorf("Parent of the root = %v, want none", p)
	}
	for origin, want := range map[string]bool{"mesos": true, "marathon.mesos": true, "web.marathon.mesos": true, ".": true,
		"athon.mesos": false, "x.web.marathon.mesos": false, "com": false} {
		if got := n.Under(MustParseName(origin)); got != want {
			t.Errorf("Under(%q) = %v, want %v", origin, got, want)
		}
	}
}

func TestReverseNameIsThatOfRFC1035AndRFC3596(t *testing.T) {
	for _, s := range []string{"10.0.4.1", "192.168.84.192", "0.0.0.0", "255.255.255.255", "fd99:5::2", "2001:db8::567:89ab", "::ffff:10.1.2.3"} {
		want, err := dns.ReverseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		if s == "::ffff:10.1.2.3" {
			want = "3.2.1.10.in-addr.arpa."
		}
		if got := ReverseName(netip.MustParseAddr(s)).String(); got != want {
			t.Errorf("ReverseName(%s) = %s, want %s", s, got, want)
		}
	}
}

// miekg/dns packs every name that ParseName accepts into the same bytes, and
// ParseName accepts what String returns.
func FuzzName(f *testing.F) {
	for _, s := range []string{"a.b.", "_x._tcp.A-b.c", "a/b", "*", "a..b", strings.Repeat("a.", 127)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		var buf [300]byte
		end, err := dns.PackDomainName(dns.CanonicalName(n.String()), buf[:], 0, nil, false)
		if err != nil || string(buf[:end]) != string(n) {
			t.Errorf("%q packed gives %q, %v, want %q", s, buf[:end], err, string(n))
		}
		if again, err := ParseName(n.String()); err != nil || again != n {
			t.Errorf("%q: ParseName(%q) = %q, %v, want %q", s, n.String(), string(again), err, string(n))
		}
	})
}
