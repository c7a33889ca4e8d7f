package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// addresses gives the addresses of each app's running instances.
func addresses(c *Cluster) map[string][]string {
	out := map[string][]string{}
	for _, t := range c.Tasks() {
		last := t.Statuses[len(t.Statuses)-1]
		for _, n := range last.Container.Networks {
			for _, p := range n.Addresses {
				out[t.Name] = append(out[t.Name], shown(p))
			}
		}
	}
	for _, a := range out {
		slices.Sort(a)
	}
	return out
}

func TestDemoAddresses(t *testing.T) {
	got := addresses(NewDemo(DemoOptions{Now: clock()}).Cluster)
	want := map[string]string{
		"nginx":              "192.168.50.65 192.168.50.66 192.168.84.192",
		"api":                "192.168.22.130 192.168.84.193",
		"ledger":             "9.0.2.130",
		"registry":           "10.0.1.104",
		"blog":               "172.17.0.2 172.17.0.2",
		"dual":               "9.1.1.2 fd01:b::2:8000:2/64",
		"cart.shop":          "9.0.0.2 9.0.1.2 9.0.2.2",
		"ChronosTask:backup": "10.0.1.104",
	}
	for name, a := range want {
		if s := strings.Join(got[name], " "); s != a {
			t.Errorf("%s: %s, want %s", name, s, a)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("not expected: %v", got)
	}
}

// TestDemoState looks at what the documentation relies on in the state itself.
func TestDemoState(t *testing.T) {
	text := string(bodyOf(t, NewDemo(DemoOptions{Now: clock()}).Cluster))
	for _, want := range []string{
		`"name":"marathon","pid":"scheduler-3ff4ba14-6a87-4d0a-b5ff-7d1bd5a7c2e8@10.0.1.11:15101"`,
		`"name":"chronos","used_resources"`, // no pid: a scheduler that speaks HTTP
		`"id":"shop_cart.instance-`,
		`"pid":"slave(1)@10.0.1.101:5051"`,
		`"ports":"[31201-31202]"`,
		`"discovery":{"visibility":"FRAMEWORK","name":"nginx","ports":{}}`,
		`{"number":80,"name":"http","protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"container"},{"key":"network-name","value":"calico"}]}}`,
		`{"number":123,"name":"foo","protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"container"},{"key":"network-name","value":"dcos-1"}]}}`,
		`{"number":31380,"name":"http","protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"host"}]}}`,
		`"network":"BRIDGE","port_mappings":[{"host_port":31380,"container_port":80,"protocol":"tcp"}]`,
		`{"protocol":"IPv6","ip_address":"fd01:b::2:8000:2/64"}`,
		`"recovered_slaves":[]`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the state has no %s", want)
		}
	}
}

// TestDemoRun: after 10 seconds one instance of cart.shop, and nothing else,
// has another task id, agent and address.
func TestDemoRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDemo(DemoOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		ids := func() (out []string) {
			for _, t := range d.Tasks() {
				out = append(out, fmt.Sprintf("%s %s %s", t.Name, t.ID, t.AgentID))
			}
			slices.Sort(out)
			return out
		}
		before, at0 := ids(), addresses(d.Cluster)
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if !slices.Equal(before, ids()) {
			t.Fatal("something moved before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		var changed []string
		for _, id := range ids() {
			if !slices.Contains(before, id) {
				changed = append(changed, id)
			}
		}
		if len(changed) != 1 || !strings.HasPrefix(changed[0], "cart.shop ") || len(ids()) != len(before) {
			t.Errorf("changed: %v", changed)
		}
		at1 := addresses(d.Cluster)
		if slices.Equal(at0[moving], at1[moving]) || !slices.Contains(at1[moving], "9.0.3.2") {
			t.Errorf("addresses %v became %v", at0[moving], at1[moving])
		}
		time.Sleep(10 * time.Hour)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := len(addresses(d.Cluster)[moving]); n != 3 {
			t.Errorf("%d instances after ten hours", n)
		}
		if n := strings.Count(string(bodyOf(t, d.Cluster)), TaskKilled); n > 2*maxCompleted {
			t.Errorf("completed tasks are never forgotten: %d", n)
		}
	})
}

func TestDemoTicks(t *testing.T) {
	ticks := make(chan time.Time)
	d := NewDemo(DemoOptions{Now: clock(), Ticks: ticks})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	before := addresses(d.Cluster)[moving]
	ticks <- testStart
	ticks <- testStart // taken only once the first move is over
	cancel()
	noError(t, <-done)
	if slices.Equal(before, addresses(d.Cluster)[moving]) {
		t.Error("nothing moved")
	}
}
