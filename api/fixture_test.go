package api

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"toponym/api/haproxy"
	"toponym/api/traefik"
	"toponym/internal/traefikrule"
	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

var update = flag.Bool("update", false, "write the golden files in testdata")

const testSerial = 1700000000

func zoneOptions() zone.Options {
	return zone.Options{
		Origins: []zone.Origin{{Name: records.MustParseName("mesos"), TTL: 60}, {Name: records.ReverseIPv4, TTL: 60}, {Name: records.ReverseIPv6, TTL: 60}},
		MName:   records.MustParseName("ns1.mesos"),
		RName:   records.MustParseName("root.ns1.mesos"),
		Refresh: 60, Retry: 600, Expire: 86400, Minimum: 60,
	}
}

// testSnapshot has a task on two families of addresses, one without
// DiscoveryInfo, and one that has only an IPv6 address.
func testSnapshot() *state.FullState {
	addr := netip.MustParseAddr
	leader := state.Master{Host: "10.0.0.1", Port: 5050, Addrs: []netip.Addr{addr("10.0.0.1")}}
	return &state.FullState{
		Leader:  leader,
		Masters: []state.Master{leader},
		Agents: []*state.Agent{{
			ID: "20150101-S0", Hostname: "agent0",
			PID:   state.UPID{ID: "slave(1)", Host: "10.0.0.2", Port: 5051},
			Addrs: []netip.Addr{addr("10.0.0.2")},
		}},
		Frameworks: []*state.Framework{{ID: "f1", Name: "marathon", Addrs: []netip.Addr{addr("10.0.0.3")}}},
		Tasks: []*state.Task{
			{
				Key: state.TaskKey{Framework: "f1", ID: "nginx.1"}, Name: "nginx", AgentID: "20150101-S0", State: state.Running,
				Ports:     []state.PortRange{{First: 31000, Last: 31001}},
				Addresses: state.Addresses{NetInfo: []netip.Addr{addr("192.168.0.9"), addr("192.168.0.1"), addr("fd00::1")}},
			},
			{
				Key: state.TaskKey{Framework: "f1", ID: "web.1"}, Name: "web", AgentID: "20150101-S0", State: state.Running,
				Addresses: state.Addresses{NetInfo: []netip.Addr{addr("192.168.0.2"), addr("fd00::2"), addr("fd00::3")}},
				Discovery: &state.Discovery{Name: "web", Ports: []state.DiscoveryPort{{Number: 80, Name: "http", Protocol: "tcp"}}},
			},
			{
				Key: state.TaskKey{Framework: "f1", ID: "six.1"}, Name: "six", AgentID: "20150101-S0", State: state.Running,
				Addresses: state.Addresses{NetInfo: []netip.Addr{addr("fd00::6")}},
				Discovery: &state.Discovery{Name: "six", Ports: []state.DiscoveryPort{{Number: 53, Protocol: "udp"}}},
			},
		},
	}
}

func testSet(s *state.FullState) *records.Set {
	c := state.NewCluster()
	c.Reconcile(s, nil)
	set, _ := records.Build(c, records.Options{
		Domain:    records.MustParseName("mesos"),
		MName:     records.MustParseName("ns1.mesos"),
		Listeners: []netip.Addr{netip.MustParseAddr("10.0.0.53")},
		IPSources: []records.IPSource{records.SourceNetInfo, records.SourceHost},
		Rule:      records.RFC1123,
		SRVWeight: 1,
		Reverse:   true,
		Scope:     records.ScopeCompat,
	})
	return set
}

func testOptions(s *state.FullState) Options {
	set := testSet(s)
	rule, err := traefikrule.Parse("Host(`{{ normalize .Name }}`)")
	if err != nil {
		panic(err)
	}
	return Options{
		Store:          zone.NewStore(zone.Compile(set, zoneOptions(), zone.SameSerial(testSerial))),
		Version:        "v1.2.3",
		URL:            "https://example.org/toponym",
		Domain:         "mesos",
		RefreshSeconds: func() int { return 60 },
		EnumerationOn:  true,
		Enumerate:      set.Enumerate,
		Instances:      set.Instances,
		Hosts:          set.Hosts,
		Traefik:        &traefik.Options{DefaultRule: rule},
		HAProxy: func() (haproxy.Rules, netip.AddrPort) {
			return haproxy.Rules{Ports: []haproxy.PortRange{{First: 10000, Last: 20000}}}, netip.MustParseAddrPort("0.0.0.0:53")
		},
		Explain: set.Explain,
		Search:  set.Search,
		Task:    set.Task,
		Settings: func() []Setting {
			return []Setting{
				{Key: "domain", Value: `"mesos"`, Default: `"mesos"`, Doc: "zone of the names of tasks"},
				{Key: "ttl", Value: "5", Default: "60", Origin: "file", Doc: "TTL of records, in seconds", Reloadable: true},
			}
		},
		Config: func(serial uint32) any {
			return struct {
				Domain string
				Serial uint32
			}{"mesos", serial}
		},
	}
}

// testServer answers from the test cluster.
func testServer() *Server { return New(testOptions(testSnapshot())) }

// pendingServer knows nothing of the cluster yet.
func pendingServer() *Server {
	o := testOptions(testSnapshot())
	o.Store = zone.NewStore(zone.NewEmpty(zoneOptions(), zone.SameSerial(1)))
	return New(o)
}

func do(s *Server, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func get(s *Server, target string) *httptest.ResponseRecorder {
	return do(s, http.MethodGet, target)
}

// golden compares with a file of testdata byte for byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (-update rewrites it); got:\n%s\nwant:\n%s", path, got, want)
	}
}
