package api

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// treeServer answers from the test cluster with address trees: in a domain of their
// own, and below the domain.
func treeServer() *Server {
	c := state.NewCluster()
	c.Reconcile(testSnapshot(), nil)
	mesos, trees := records.MustParseName("mesos"), records.MustParseName("dcos.thisdcos.directory")
	set, _ := records.Build(c, records.Options{
		Domain: mesos, MName: records.MustParseName("ns1.mesos"), AddressDomains: []records.Name{mesos, trees},
		IPSources: []records.IPSource{records.SourceNetInfo, records.SourceHost}, Rule: records.RFC1123, SRVWeight: 1,
	})
	o := testOptions(testSnapshot())
	zo := zoneOptions()
	zo.Origins = zo.Origins[:1]
	for _, origin := range []string{"agentip.mesos", "containerip.mesos", "autoip.mesos", "dcos.thisdcos.directory"} {
		zo.Origins = append(zo.Origins, zone.Origin{Name: records.MustParseName(origin), TTL: 5})
	}
	o.Store = zone.NewStore(zone.Compile(set, zo, zone.SameSerial(testSerial)))
	o.Enumerate = set.Enumerate
	return New(o)
}

// Readers such as dcos-net put everything that is listed into the zone mesos.
func TestTheDomainAloneIsListed(t *testing.T) {
	s := treeServer()
	for _, path := range []string{"/v1/axfr", "/v1/axfr?zone=mesos", "/v1/enumerate"} {
		body := get(s, path).Body.String()
		if !strings.Contains(body, "nginx.marathon.mesos.") || !strings.Contains(body, "slave.mesos.") && path != "/v1/enumerate" {
			t.Errorf("%s: got %s, want the names of the domain", path, body)
		}
		for _, other := range []string{"thisdcos", ".agentip.mesos", ".containerip.mesos", ".autoip.mesos"} {
			if strings.Contains(body, other) {
				t.Errorf("%s: got names with %s, want those of the domain alone", path, other)
			}
		}
	}
}

func TestAnotherZoneIsListedWhenItIsAskedFor(t *testing.T) {
	s := treeServer()
	for _, name := range []string{"dcos.thisdcos.directory", "DCOS.thisdcos.Directory.", "agentip.mesos"} {
		var a axfrJSON
		w := get(s, "/v1/axfr?zone="+name)
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != 200 {
			t.Fatalf("%s: got status %d, error %v", name, w.Code, err)
		}
		origin := strings.ToLower(strings.TrimSuffix(name, "."))
		if a.Domain != origin || a.TTL != 5 || a.Serial == 0 || a.Mname != "ns1.mesos." || len(a.Records.As) == 0 {
			t.Errorf("%s: got domain %s, TTL %d, serial %d, %d names with addresses; want those of the zone", name, a.Domain, a.TTL, a.Serial, len(a.Records.As))
		}
		for owner, addrs := range a.Records.As {
			if !strings.HasSuffix(owner, "."+origin+".") {
				t.Errorf("%s: got %s, want names in the zone", name, owner)
			}
			if _, err := netip.ParseAddr(addrs[0]); err != nil {
				t.Errorf("%s: %s: %v", name, owner, err)
			}
		}
	}
	for name, want := range map[string]int{
		"example.com": 404, "nginx.marathon.mesos": 404, "a..b": 400, "%00": 400, strings.Repeat("x", 300): 400,
	} {
		if w := get(s, "/v1/axfr?zone="+name); w.Code != want || !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%.20s: got status %d and %s, want %d and an error", name, w.Code, w.Body, want)
		}
	}
}
