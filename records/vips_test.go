package records_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

const vipDomain = "l4lb.thisdcos.directory"

func vipOptions() records.Options {
	o := defaults()
	o.VIPDomains = []records.Name{records.MustParseName(vipDomain)}
	return o
}

// onHost is a task on the network of its agent with a port that has labels.
func onHost(id, name string, port uint16, labels ...string) *state.Task {
	p := state.DiscoveryPort{Number: port, Name: "http", Protocol: "tcp"}
	for i, value := range labels {
		p.Labels = append(p.Labels, state.Label{Key: fmt.Sprintf("VIP_%d", i), Value: value})
	}
	return app(id, name, "10.0.0.10", discovered(p), func(t *state.Task) { t.Ports = []state.PortRange{{First: port, Last: port}} })
}

// A name of a VIP has addresses only if clients that connect to the VIP's port reach a
// backend there. The SRV record has the port of the backend in any case.
func TestNamesOfVIPsLeadToBackends(t *testing.T) {
	c := newCluster(t, vipOptions())
	c.put(onHost("web.1", "web", 8080, "/web:8080", "shop/Web_2:80", "1.2.3.4:80"))
	c.owns("web.marathon."+vipDomain, "A 10.0.0.10")
	srv := "SRV 0 1 8080 "
	target := ""
	for line := range strings.Lines(text(c.set)) {
		if rest, ok := strings.CutPrefix(line, "_8080._tcp.web.marathon."+vipDomain+". "+srv); ok {
			target = strings.TrimSpace(rest)
		}
	}
	if !strings.HasPrefix(target, "web-") {
		t.Fatalf("_8080._tcp.web: got the target %q, want a name of the task alone", target)
	}
	c.owns("_8080._tcp.web.marathon."+vipDomain, srv+target)
	c.owns("shopweb-2.marathon." + vipDomain)
	c.owns("_80._tcp.shopweb-2.marathon."+vipDomain, srv+target)
	if strings.Contains(text(c.set), "1.2.3.4") {
		t.Errorf("got records of an address, want none")
	}
}

func TestUnhealthyTasksAreNoBackends(t *testing.T) {
	c := newCluster(t, vipOptions())
	web := onHost("web.1", "web", 80, "web:80")
	c.put(web)
	c.owns("web.marathon."+vipDomain, "A 10.0.0.10")
	sick := *web
	sick.Health = state.Unhealthy
	c.put(&sick)
	c.owns("web.marathon." + vipDomain)
	c.owns("_80._tcp.web.marathon." + vipDomain)
	c.put(web)
	c.owns("web.marathon."+vipDomain, "A 10.0.0.10")
	c.drop("web.1")
	c.apply()
	if strings.Contains(text(c.set), vipDomain) {
		t.Errorf("got records of VIPs without a task")
	}
}

func TestVIPsOnContainerNetworks(t *testing.T) {
	c := newCluster(t, vipOptions())
	c.put(app("db.1", "db", "9.0.0.5", discovered(state.DiscoveryPort{
		Number: 5432, Name: "sql", Protocol: "tcp", Scope: "container", Network: "dcos", Labels: []state.Label{{Key: "vip_0", Value: "db:5432"}},
	}), func(t *state.Task) {
		t.Addresses.Networks = []state.Network{{Name: "dcos", Addrs: []netip.Addr{netip.MustParseAddr("9.0.0.5")}}}
	}))
	c.owns("db.marathon."+vipDomain, "A 9.0.0.5")
}

// Labels that are no VIP are omitted with a reason, and cost little.
func TestBadVIPsAreOmitted(t *testing.T) {
	for _, value := range []string{"", "web", ":80", "web:", "web:0", "web:65536", "web:http", "/:80"} {
		c := newCluster(t, vipOptions())
		c.put(onHost("web.1", "web", 80, value))
		if strings.Contains(text(c.set), vipDomain) {
			t.Errorf("%.20q: got records, want none", value)
		}
		if len(c.changes.Omitted) != 1 || c.changes.Omitted[0].Label != "VIP_0" {
			t.Errorf("%.20q: got omissions %v, want one of the label", value, c.changes.Omitted)
		}
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("v%d:80", i))
	}
	c := newCluster(t, vipOptions())
	c.put(onHost("web.1", "web", 80, many...))
	if n := strings.Count(text(c.set), " A 10.0.0.10\n"); n == 0 || strings.Contains(text(c.set), "v32.marathon") {
		t.Errorf("got more than 32 VIPs of a port, want those that come first")
	}
}

func TestWithoutVIPDomainsThereAreNoNames(t *testing.T) {
	c := newCluster(t, defaults())
	c.put(onHost("web.1", "web", 80, "web:80"))
	if strings.Contains(text(c.set), "_80._tcp") {
		t.Errorf("got records of a VIP, want none")
	}
}

func TestVIPsAreListedWithTheirBackends(t *testing.T) {
	c := newCluster(t, vipOptions())
	sick := onHost("web.3", "web", 31003, "web:80")
	sick.Health = state.Unhealthy
	other := onHost("web.2", "web", 31002, "web:80", "1.2.3.4:80")
	other.AgentID = "a-S1"
	c.put(onHost("web.1", "web", 31001, "web:80", "bad"), other, sick)
	var got []string
	for _, v := range records.VIPs(c.set.Instances(records.InstanceFilter{}), records.RFC1123, records.MustParseName(vipDomain)) {
		got = append(got, fmt.Sprintf("%s:%d/%s %v", v.Name, v.Port, v.Protocol, v.Backends))
	}
	want := "1.2.3.4:80/tcp [10.0.0.11:31002]; web.marathon." + vipDomain + ":80/tcp [10.0.0.10:31001 10.0.0.11:31002]"
	if strings.Join(got, "; ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, "; "), want)
	}
}

// An updated set equals one that is built.
func TestVIPsAreTheSameHoweverTheyCame(t *testing.T) {
	c := newCluster(t, vipOptions())
	c.put(onHost("web.1", "web", 80, "web:80"), onHost("api.1", "api", 81, "web:80", "api:81"))
	c.put(onHost("web.1", "web", 82, "web:82"))
	c.drop("api.1")
	c.put(onHost("api.2", "api", 80, "web:80"))
	built, _ := records.Build(c.state, vipOptions())
	ofVIPs := func(s *records.Set) (lines string) {
		for line := range strings.Lines(text(s)) {
			if strings.Contains(line, vipDomain) {
				lines += line
			}
		}
		return lines
	}
	if got, want := ofVIPs(c.set), ofVIPs(built); got != want || got == "" {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

// The backends own the names of a VIP, whatever their app is called.
func TestBackendsOwnTheNamesOfAVIP(t *testing.T) {
	c := newCluster(t, vipOptions())
	c.put(onHost("1", "shop", 80, "VIP_0", "basket:80"), onHost("2", "other", 80))
	for _, name := range []string{"basket.marathon." + vipDomain, "_80._tcp.basket.marathon." + vipDomain} {
		x := c.set.Explain(records.MustParseName(name))
		if len(x.Records) != 1 || len(x.Records[0].Owners) != 1 || x.Records[0].Owners[0].Task != "1" {
			t.Errorf("%s: got %+v, want a record of task 1", name, x)
		}
	}
}
