package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
)

// moving is the task name of the demo's app whose instances move.
const moving = "cart.shop"

func newDemo(t testing.TB, o Options) *Simulation {
	t.Helper()
	s, err := New(Demo(), o)
	noError(t, err)
	return s
}

// TestDemoHasTheDocumentedAddresses: the pages show them.
func TestDemoHasTheDocumentedAddresses(t *testing.T) {
	got := addresses(newDemo(t, Options{Now: clock()}).Cluster)
	want := map[string]string{
		"nginx":     "192.168.50.65 192.168.50.66 192.168.84.192",
		"api":       "192.168.22.130 192.168.84.193",
		"ledger":    "9.0.2.130",
		"registry":  "10.0.1.104",
		"blog":      "172.17.0.2 172.17.0.2",
		"dual":      "9.1.1.2 fd01:b::2:8000:2",
		"cart.shop": "9.0.0.2 9.0.1.2 9.0.2.2",
		"backup":    "10.0.1.104",
	}
	for name, a := range want {
		if s := strings.Join(got[name], " "); s != a {
			t.Errorf("%s is at %s, want %s", name, s, a)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("the demo has other tasks as well: %v", got)
	}
}

// TestDemoStateHasWhatTheDocumentationShows looks at what the documentation relies on in the state itself.
func TestDemoStateHasWhatTheDocumentationShows(t *testing.T) {
	text := string(bodyOf(t, newDemo(t, Options{Now: clock()}).Cluster))
	for _, want := range []string{
		`"name":"marathon","pid":"scheduler-3ff4ba14-6a87-4d0a-b5ff-7d1bd5a7c2e8@10.0.1.11:15101"`,
		`"name":"chronos","used_resources"`, // no pid: a scheduler that speaks HTTP
		`"id":"shop_cart.`,
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

// TestDemoMovesOneInstanceEveryTenSeconds: one instance of /shop/cart, and nothing
// else, has another task id, agent and address then.
func TestDemoMovesOneInstanceEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDemo(t, Options{})
		stop := run(t, d)
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
		if len(changed) != 1 || !strings.HasPrefix(changed[0], moving+" ") || len(ids()) != len(before) {
			t.Errorf("changed: %v, want one instance of %s", changed, moving)
		}
		at1 := addresses(d.Cluster)
		if slices.Equal(at0[moving], at1[moving]) || !slices.Contains(at1[moving], "9.0.3.2") {
			t.Errorf("addresses %v became %v", at0[moving], at1[moving])
		}
		time.Sleep(3 * time.Hour) // more than 1,000 moves
		synctest.Wait()
		stop()
		if n := len(addresses(d.Cluster)[moving]); n != 3 {
			t.Errorf("instances after three hours: got %d, want 3", n)
		}
		if n := strings.Count(string(bodyOf(t, d.Cluster)), sim.TaskKilled); n > 2*1000 {
			t.Errorf("completed tasks: got %d, want at most 1000 of them kept", n)
		}
	})
}

// TestDemoAppsAreMarathons: Marathon's API knows the apps of the demo, leaves them
// alone, and can change and remove them.
func TestDemoAppsAreMarathons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDemo(t, Options{})
		defer run(t, d)()
		m := d.Marathon()
		before := addresses(d.Cluster)
		request(t, m, "PUT", "/v2/apps/nginx", `{"instances": 3}`, 200)
		time.Sleep(25 * time.Second) // two have moved
		synctest.Wait()
		after := addresses(d.Cluster)
		for name := range before {
			if same := slices.Equal(before[name], after[name]); same != (name != moving) {
				t.Errorf("%s was at %v and is at %v", name, before[name], after[name])
			}
		}
		var list struct {
			Apps []struct {
				ID                      string
				Instances, TasksRunning int
			}
		}
		noError(t, json.Unmarshal([]byte(request(t, m, "GET", "/v2/apps", "", 200)), &list))
		if len(list.Apps) != 7 {
			t.Errorf("%d apps, want 7", len(list.Apps))
		}
		for _, a := range list.Apps {
			if a.TasksRunning != a.Instances || a.Instances == 0 {
				t.Errorf("%+v", a)
			}
		}
		request(t, m, "DELETE", "/v2/apps/shop/cart", "", 200) // its step fails from now on, and ends nothing
		request(t, m, "PUT", "/v2/apps/api", `{"instances": 3}`, 200)
		request(t, m, "PUT", "/v2/apps/blog", `{"instances": 1}`, 200) // has health checks
		time.Sleep(time.Hour)
		synctest.Wait()
		after = addresses(d.Cluster)
		if len(after[moving]) != 0 || len(after["api"]) != 3 || len(after["blog"]) != 1 {
			t.Errorf("after an hour the instances are at %v", after)
		}
		if list := request(t, m, "GET", "/v2/deployments", "", 200); list != "[]" {
			t.Errorf("after an hour there are deployments: %s", list)
		}
	})
}
