package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

func TestReverseZoneNames(t *testing.T) {
	for network, want := range map[string]string{
		"10.0.0.0/8":       "10.in-addr.arpa",
		"192.168.0.0/16":   "168.192.in-addr.arpa",
		"203.0.113.0/24":   "113.0.203.in-addr.arpa",
		"172.16.0.0/14":    "16.172.in-addr.arpa 17.172.in-addr.arpa 18.172.in-addr.arpa 19.172.in-addr.arpa",
		"203.0.113.7/32":   "7.113.0.203.in-addr.arpa",
		"203.0.113.6/31":   "6.113.0.203.in-addr.arpa 7.113.0.203.in-addr.arpa",
		"fc00::/7":         "c.f.ip6.arpa d.f.ip6.arpa",
		"fd01:b::/32":      "b.0.0.0.1.0.d.f.ip6.arpa",
		"2001:db8:a0::/43": "a.0.0.8.b.d.0.1.0.0.2.ip6.arpa b.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		got := reverseZoneNames(netip.MustParsePrefix(network))
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %s", network, got, want)
		}
	}
	if got := reverseZoneNames(netip.MustParsePrefix("172.16.0.0/12")); len(got) != 16 || got[15] != "31.172.in-addr.arpa" {
		t.Errorf("172.16.0.0/12: got %v, want 16 zones up to 31.172.in-addr.arpa", got)
	}
}

// Reverse names that zoneResolvers sends to other servers are not ours.
func TestReverseZonesLeaveZoneResolversTheirs(t *testing.T) {
	c := loadText(t, `{"masters": ["10.0.0.1:5050"], "ReverseDnsOn": true, "zoneResolvers": {"2.10.in-addr.arpa": ["10.0.0.2"], "arpa.example": ["10.0.0.2"], "168.192.in-addr.arpa": ["10.0.0.2"]}}`)
	if got, want := fmt.Sprint(c.ReverseZones), "[172.16.0.0/12 fc00::/7]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Without ReverseDnsOn, networks that someone has listed have no effect.
func TestReverseZonesWithoutReverseNamesAreWarnedOf(t *testing.T) {
	for settings, want := range map[string][]string{
		`, "reverseZones": ["10.0.0.0/8"]`:                       {"reverseZones: not used: ReverseDnsOn is false"},
		`, "reverseZones": ["10.0.0.0/8"], "ReverseDnsOn": true`: nil,
		`, "reverseZones": []`:                                   nil,
		``:                                                       nil,
	} {
		_, warnings := mustLoad(t, "c.json", `{`+where+settings+`}`)
		equalLines(t, warnings, want)
	}
}
