package api

import (
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"testing"

	"toponym/state"
)

// largeCluster has 100,000 tasks on 1,000 agents: an app of 10,000 instances, called
// big, and 9,000 apps of 10.
func largeCluster() *state.FullState {
	s := testSnapshot()
	for i := range 1000 {
		addr := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		s.Agents = append(s.Agents, &state.Agent{ID: fmt.Sprintf("20150101-S%d", i+1), Hostname: fmt.Sprintf("node%d.example", i), Addrs: []netip.Addr{addr}})
	}
	for i := range 100_000 {
		name := "big"
		if i >= 10_000 {
			name = fmt.Sprintf("service-%d", i/10)
		}
		s.Tasks = append(s.Tasks, &state.Task{
			Key: state.TaskKey{Framework: "f1", ID: fmt.Sprintf("%s.%d", name, i)}, Name: name, AgentID: fmt.Sprintf("20150101-S%d", i%1000+1), State: state.Running,
			Addresses: state.Addresses{NetInfo: []netip.Addr{netip.AddrFrom4([4]byte{172, byte(16 + i>>16), byte(i >> 8), byte(i)})}},
			Discovery: &state.Discovery{Name: name, Ports: []state.DiscoveryPort{{Number: 80, Name: "http", Protocol: "tcp"}}},
		})
	}
	return s
}

// largePages are pages about many tasks.
var largePages = map[string]string{
	"overview": "/", "search for one letter": "/?q=s", "search for an app": "/?q=service-77", "search without a hit": "/?q=nothing", "address": "/?q=172.16.0.1",
	"large app": "/app?framework=f1&app=big", "small app": "/app?framework=f1&app=service-7777", "task": "/task?framework=f1&task=big.17", "agent": "/agent?id=20150101-S7",
	"framework": "/framework?id=f1", "name of 10,000 instances": "/?name=big.marathon.mesos", "service of 10,000 instances": "/?name=_big._tcp.marathon.mesos",
	"name": "/?name=service-7777.marathon.mesos", "no name": "/?name=none.marathon.mesos", "mistyped name": "/?name=servise-7777.marathon.mesos", "settings": "/settings", "changes": "/changes",
}

// However large the cluster is, a page takes at most 20 MB and lists a part; one that is
// about few tasks takes little, because others are not looked at. The time is that of
// BenchmarkPages.
func TestPagesOfALargeClusterAreBounded(t *testing.T) {
	o := testOptions(largeCluster())
	o.Settings = func() []Setting { return nil }
	s := New(o)
	for name, target := range largePages {
		get(s, target) // what is made once
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := get(s, target)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-28s %4d KB allocated, %4d KB of HTML", name, allocated>>10, w.Body.Len()>>10)
		if w.Code != http.StatusOK && w.Code != http.StatusNotFound && w.Code != http.StatusForbidden {
			t.Errorf("%s: got status %d", name, w.Code)
		}
		limit := uint64(20 << 20)
		switch name {
		case "small app", "task", "agent", "name", "no name", "mistyped name": // a list of all tasks is 5 MB
			limit = 2 << 20
		}
		if allocated > limit {
			t.Errorf("%s: got %d KB allocated, want at most %d", name, allocated>>10, limit>>10)
		}
		if w.Body.Len() > 1<<20 {
			t.Errorf("%s: got a page of %d KB, want at most 1 MB", name, w.Body.Len()>>10)
		}
	}
}
