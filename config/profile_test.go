package config

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestTheProfileOfDCOSSetsDefaults(t *testing.T) {
	c, warnings := mustLoad(t, "c.json", `{"profile": "DCOS", "zk": "zk://10.0.0.1:2181,10.0.0.2:2181/mesos"}`)
	equalLines(t, warnings, nil)
	var at []string
	for _, l := range c.Listener {
		at = append(at, l.String())
	}
	if got, want := strings.Join(at, " "), "198.51.100.1 198.51.100.2 198.51.100.3"; got != want {
		t.Errorf("listener: got %s, want %s", got, want)
	}
	if got, want := c.ListenHTTP(), netip.MustParseAddrPort("127.0.0.1:62080"); got != want {
		t.Errorf("HTTP: got %v, want %v", got, want)
	}
	if want := []string{"l4lb.thisdcos.directory"}; !slices.Equal(c.VIPDomains, want) {
		t.Errorf("vipDomains: got %v, want %v", c.VIPDomains, want)
	}
	zones := c.ProfileZones()
	for _, want := range []string{"$ORIGIN spartan.", "ready A 127.0.0.1", "zk-1 A 10.0.0.1", "zk-2 A 10.0.0.2", "zk-5 A 10.0.0.1", "$ORIGIN thisdcos.directory."} {
		if !strings.Contains(zones, want+"\n") {
			t.Errorf("zones: got\n%s, want the line %q", zones, want)
		}
	}
	if strings.Contains(zones, "zk-6") {
		t.Errorf("zones: got\n%s, want five names of ZooKeeper", zones)
	}
}

func TestSettingsWinOverTheProfile(t *testing.T) {
	c, _ := mustLoad(t, "c.json", `{"profile": "dcos", "zk": "zk://10.0.0.1/mesos", "listener": "127.0.0.1", "httpport": 8123, "vipDomains": [],
		"zoneResolvers": {"spartan": ["10.0.0.9"]}}`)
	if len(c.Listener) != 1 || c.HTTPPort != 8123 || len(c.VIPDomains) != 0 || strings.Contains(c.ProfileZones(), "spartan") {
		t.Errorf("got listener %v, httpport %d, vipDomains %v and zones\n%s, want those of the file", c.Listener, c.HTTPPort, c.VIPDomains, c.ProfileZones())
	}
	plain, _ := mustLoad(t, "c.json", `{`+where+`}`)
	if got := plain.ProfileZones(); got != "" {
		t.Errorf("without a profile: got zones\n%s, want none", got)
	}
}

func TestServersOfZooKeeperWithoutAddressesAreWarnedOf(t *testing.T) {
	_, warnings := mustLoad(t, "c.json", `{"profile": "dcos", "zk": "zk://zk.example.com:2181/mesos"}`)
	equalLines(t, warnings, []string{"profile: there are no names zk-N.zk: zk has no servers with IP addresses"})
}

func TestVIPDomainsAreOurs(t *testing.T) {
	for settings, want := range map[string]string{
		`"vipDomains": ["vip.example"], "zoneResolvers": {"a.vip.example": ["10.0.0.1"]}`: "is within vipDomains",
		`"vipDomains": ["vip.example"], "aliases": {"vip.example": "mesos"}`:              "is one of vipDomains",
		`"profile": "spartan"`: `"spartan" is not known`,
	} {
		got := errorsOf(t, "c.json", `{`+where+`, `+settings+`}`)
		if len(got) != 1 || !strings.Contains(got[0], want) {
			t.Errorf("%s: got errors %q, want one with %q", settings, got, want)
		}
	}
}
