package haproxy

import (
	"flag"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"toponym/records"
	"toponym/state"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

// testApp is an app with instances that have a port called http.
type testApp struct {
	framework, name string // name as Marathon has it
	instances       int
	since           uint32
	labels          map[string]string
	ports           []state.DiscoveryPort // nil: the port 80, called http
}

// instancesOf lists the instances of apps as the records of a cluster do.
func instancesOf(apps ...testApp) iter.Seq[*records.Instance] {
	full := &state.FullState{
		Leader: state.Master{Host: "10.0.0.1", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}},
		Agents: []*state.Agent{{ID: "20150101-S0", Hostname: "agent0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.2")}}},
	}
	frameworks := map[string]bool{}
	addr := netip.MustParseAddr("10.1.0.1")
	for _, a := range apps {
		if a.framework == "" {
			a.framework = "marathon"
		}
		if !frameworks[a.framework] {
			frameworks[a.framework] = true
			full.Frameworks = append(full.Frameworks, &state.Framework{ID: "id-" + a.framework, Name: a.framework})
		}
		if a.ports == nil {
			a.ports = []state.DiscoveryPort{{Number: 80, Name: "http", Protocol: "tcp"}}
		}
		var labels []state.Label
		for key, value := range a.labels {
			labels = append(labels, state.Label{Key: key, Value: value})
		}
		slices.SortFunc(labels, func(x, y state.Label) int { return strings.Compare(x.Key, y.Key) })
		for n := range max(a.instances, 1) {
			full.Tasks = append(full.Tasks, &state.Task{
				Key: state.TaskKey{Framework: "id-" + a.framework, ID: fmt.Sprintf("%s.%d", a.name, n)}, Name: a.name,
				AgentID: "20150101-S0", State: state.Running, Since: a.since,
				Addresses: state.Addresses{NetInfo: []netip.Addr{addr}},
				Discovery: &state.Discovery{Name: a.name, Ports: a.ports},
				Details:   &state.TaskDetails{Labels: labels},
			})
			addr = addr.Next()
		}
	}
	c := state.NewCluster()
	c.Reconcile(full, nil)
	set, _ := records.Build(c, records.Options{
		Domain: records.MustParseName("mesos"), MName: records.MustParseName("ns1.mesos"),
		IPSources: []records.IPSource{records.SourceNetInfo, records.SourceHost}, Rule: records.RFC1123, SRVWeight: 1,
	})
	return set.Instances(records.InstanceFilter{LabelPrefix: LabelPrefix})
}

// external are the options of the load balancers of a group.
func external() Options {
	return Options{
		Groups: []string{"external"}, Nameserver: netip.MustParseAddrPort("10.0.0.53:53"),
		HTTP: []Bind{{Port: 80}}, HTTPS: []Bind{{Port: 443}}, Stats: []Bind{{netip.MustParseAddr("127.0.0.1"), 9090}},
		Rules: Rules{Ports: []PortRange{{10000, 10100}}},
	}
}

var start = time.Unix(1_700_000_000, 0)

// render returns the configuration for apps that are seen for the first time.
func render(o Options, apps ...testApp) string {
	t := NewTable()
	t.Update(instancesOf(apps...), start)
	return string(t.Render(o))
}

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update rewrites it); got:\n%s", path, got)
	}
}
