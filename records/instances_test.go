package records_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

func instancesOf(s *records.Set, f records.InstanceFilter) (list []records.Instance) {
	for i := range s.Instances(f) {
		one := *i
		one.Names, one.Ports, one.Labels = slices.Clone(i.Names), slices.Clone(i.Ports), slices.Clone(i.Labels)
		one.CanonicalName = slices.Clone(i.CanonicalName)
		list = append(list, one)
	}
	return list
}

// Every endpoint of every port accepts connections, and is what the SRV records of
// the port point to; see reachability_test.go.
func TestEveryPortOfAnInstanceIsReachable(t *testing.T) {
	full := &state.FullState{Frameworks: frameworksOfShapes}
	worlds := map[string]reach{}
	for n, s := range shapes() {
		task, agent, w := s.build(n)
		full.Tasks = append(full.Tasks, task)
		full.Agents = append(full.Agents, agent)
		worlds[task.Name] = reach{T: t, shape: s, world: w, app: task.Name}
	}
	c := state.NewCluster()
	c.Reconcile(full, nil)
	for _, scope := range []records.SRVScope{records.ScopeLabels, records.ScopeCompat} {
		o := defaults()
		o.Scope = scope
		set, _ := records.Build(c, o)
		names := namesByApp(set)
		seen := 0
		for i := range set.Instances(records.InstanceFilter{}) {
			seen++
			r := worlds[i.App]
			r.set, r.names = set, names[i.App]
			if !same(i.Addresses.Agent, r.agent) {
				r.errorf("got addresses %v of the agent, want %v", i.Addresses.Agent, r.agent)
			}
			withheld := r.network == "bridge" // only the agent reaches it
			own := r.own
			if withheld {
				own = nil
			}
			if r.network != "host" && scope == records.ScopeLabels && !same(i.Addresses.Container, own) {
				r.errorf("got addresses %v of the container, want %v", i.Addresses.Container, own)
			}
			connectable := map[string]bool{}
			for _, p := range i.Ports {
				transport := p.Transport
				if transport == "" {
					transport = "tcp"
				}
				if withheld && scope == records.ScopeCompat {
					p.Container = records.Endpoint{}
				}
				for _, e := range []records.Endpoint{p.Agent, p.Container} {
					for _, a := range e.Addrs {
						if !r.listens[transport][netip.AddrPortFrom(a, e.Port)] {
							r.errorf("port %+v: got %v port %d, want one that is open", p, a, e.Port)
						}
					}
				}
				connectable[p.Name] = connectable[p.Name] || p.Side != records.SideNone && len(p.Connect().Addrs) > 0
				if scope == records.ScopeLabels && p.SRVName != "" {
					r.pointsToPort(p)
				}
			}
			for _, name := range r.ports {
				if !connectable[name] {
					r.errorf("got no endpoint of port %s in %+v, want one", name, i.Ports)
				}
			}
			if !r.discovery && r.container != "pod" && !strings.HasPrefix(r.network, "two") && r.network != "overlay" && !connectable[""] {
				r.errorf("got no endpoint of a port of the resources in %+v, want one", i.Ports)
			}
		}
		if seen != len(worlds) {
			t.Errorf("got %d instances, want %d", seen, len(worlds))
		}
	}
}

// pointsToPort checks that an SRV record of a port points to where the instance says
// that it can be connected to.
func (r *reach) pointsToPort(p records.InstancePort) {
	want := p.Connect()
	for _, v := range r.data(p.SRVName).SRV {
		if v.Port == want.Port && same(r.addrs(r.set.Target(v).String()), want.Addrs) {
			return
		}
	}
	// With the addresses of the agent in the status, either list is right.
	for _, v := range r.data(p.SRVName).SRV {
		if v.Port == want.Port && same(r.addrs(r.set.Target(v).String()), r.own) && r.network == "host" {
			return
		}
	}
	r.errorf("port %+v: got no SRV record of %s that points to %v, want one", p, p.SRVName, want)
}

// What an instance says follows from the cluster of that moment, and the names are
// those that DNS answers.
func TestInstancesFollowTheCluster(t *testing.T) {
	for seed := range uint64(20) {
		h := newHistory(seed)
		c := state.NewCluster()
		set := records.NewSet(defaults())
		set.Update(c, c.Reconcile(h.fullState(), nil))
		for range 15 {
			for _, e := range h.step() {
				set.Update(c, c.Apply(e))
			}
			rebuilt, _ := records.Build(c, defaults())
			got, want := lines(t, set), lines(t, rebuilt)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: got\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			for _, i := range instancesOf(set, records.InstanceFilter{}) {
				for _, name := range append(i.Names, i.CanonicalName.String()) {
					if name == "" || len(i.Addresses.Names) == 0 {
						continue
					}
					n := records.MustParseName(name)
					d := set.Data(n)
					for _, a := range i.Addresses.Names {
						if a.Is4() && !slices.Contains(d.A, a.As4()) || a.Is6() && !slices.Contains(d.AAAA, a.As16()) {
							t.Errorf("seed %d: %s of %s has records %+v, want %v as well", seed, name, i.Task, d, a)
						}
					}
					if !slices.ContainsFunc(instancesOf(set, records.InstanceFilter{Name: n}), func(o records.Instance) bool { return o.Key() == i.Key() }) {
						t.Errorf("seed %d: got no instance %v of %s, want it", seed, i.Key(), name)
					}
				}
			}
		}
	}
}

func lines(t *testing.T, s *records.Set) (list []string) {
	t.Helper()
	for i := range s.Instances(records.InstanceFilter{}) {
		b, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
	}
	return list
}

// shop has two apps of Marathon and a job, with labels, attributes and health.
func shop(t *testing.T) *cluster {
	c := newCluster(t, defaults())
	c.full.Agents[0].Hostname, c.full.Agents[0].Attributes = "one.example", []state.Attribute{{Name: "rack", Value: "r1"}}
	c.full.Agents[0].Region, c.full.Agents[0].Zone = "eu", "eu-1"
	c.full.Frameworks[0].Roles = []string{"dev", "prod"}
	c.full.Frameworks = append(c.full.Frameworks, &state.Framework{ID: "g", Name: "chronos"})
	details := func(labels ...state.Label) func(*state.Task) {
		return func(t *state.Task) {
			t.Details, t.Since = &state.TaskDetails{Role: "prod", Labels: labels}, 1_700_000_000
		}
	}
	mapped := func(t *state.Task) {
		t.Container = &state.Container{DockerNetwork: "BRIDGE", Mappings: []state.PortMapping{{HostPort: 31000, ContainerPort: 80, Protocol: "tcp"}}}
		t.Ports = []state.PortRange{{First: 31000, Last: 31000}}
	}
	http := state.DiscoveryPort{Number: 31000, Name: "http", Protocol: "tcp", Scope: "host", Labels: []state.Label{{Key: "VIP_0", Value: "x"}}}
	c.put(
		app("cart.1", "cart.shop", "172.17.0.2", discovered(http), mapped, healthy(state.Healthy),
			details(state.Label{Key: "HAPROXY_GROUP", Value: "external"}, state.Label{Key: "HAPROXY_0_VHOST", Value: "cart.example"})),
		app("cart.2", "cart.shop", "172.17.0.3", discovered(http), mapped, healthy(state.Unhealthy), details(state.Label{Key: "HAPROXY_GROUP", Value: "external"})),
		app("db.1", "db.shop", "9.0.0.5", onNetworks(network("dcos", "9.0.0.5")), func(t *state.Task) { t.AgentID = "a-S1" },
			discovered(state.DiscoveryPort{Number: 5432, Name: "sql", Protocol: "tcp", Scope: "container", Network: "dcos"}), labelled("DNS_ALIAS", "sql")),
		app("job.1", "job", "10.0.0.11", func(t *state.Task) { t.Key.Framework, t.AgentID = "g", "a-S1" }),
	)
	return c
}

func TestInstanceAsJSON(t *testing.T) {
	c := shop(t)
	var got []byte
	for _, line := range lines(t, c.set) {
		var indented map[string]any
		if err := json.Unmarshal([]byte(line), &indented); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, "null") && !strings.Contains(line, `"since":null`) {
			t.Errorf("got %s, want no null but that of since", line)
		}
		got = append(append(got, line...), '\n')
	}
	file := filepath.Join("..", "testdata", "records", "instances.jsonl")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "instances.jsonl", string(got))
}

func TestInstanceFilters(t *testing.T) {
	c := shop(t)
	for what, tt := range map[string]struct {
		f    records.InstanceFilter
		want string
	}{
		"all":                       {records.InstanceFilter{}, "cart.1 cart.2 db.1 job.1"},
		"an app":                    {records.InstanceFilter{App: "cart.shop"}, "cart.1 cart.2"},
		"an app by its Marathon id": {records.InstanceFilter{App: "/shop/cart"}, "cart.1 cart.2"},
		"a part of an id":           {records.InstanceFilter{App: "/cart"}, ""},
		"a framework":               {records.InstanceFilter{Framework: "chronos"}, "job.1"},
		"a framework by id":         {records.InstanceFilter{Framework: "f"}, "cart.1 cart.2 db.1"},
		"an agent by id":            {records.InstanceFilter{Agent: "a-S1"}, "db.1 job.1"},
		"an agent by host name":     {records.InstanceFilter{Agent: "one.example"}, "cart.1 cart.2"},
		"an agent by address":       {records.InstanceFilter{Agent: "10.0.0.11"}, "db.1 job.1"},
		"a network":                 {records.InstanceFilter{Network: "dcos"}, "db.1"},
		"another network":           {records.InstanceFilter{Network: "storage"}, ""},
		"a label":                   {records.InstanceFilter{Labels: []records.LabelFilter{{Key: "HAPROXY_GROUP", Value: "external"}}}, "cart.1 cart.2"},
		"another value":             {records.InstanceFilter{Labels: []records.LabelFilter{{Key: "HAPROXY_GROUP", Value: "internal"}}}, ""},
		"a label with any value":    {records.InstanceFilter{Labels: []records.LabelFilter{{Key: "HAPROXY_0_VHOST", AnyValue: true}}}, "cart.1"},
		"a label of a port":         {records.InstanceFilter{Labels: []records.LabelFilter{{Key: "VIP_0", Value: "x"}}}, "cart.1 cart.2"},
		"two labels": {records.InstanceFilter{Labels: []records.LabelFilter{{Key: "HAPROXY_GROUP", AnyValue: true}, {Key: "HAPROXY_0_VHOST", AnyValue: true}}},
			"cart.1"},
		"a prefix of labels":        {records.InstanceFilter{LabelPrefix: "HAPROXY_"}, "cart.1 cart.2"},
		"not unhealthy":             {records.InstanceFilter{Health: records.NotUnhealthyOnly}, "cart.1 db.1 job.1"},
		"unhealthy":                 {records.InstanceFilter{Health: records.UnhealthyOnly}, "cart.2"},
		"a name":                    {records.InstanceFilter{Name: records.MustParseName("cart-shop.marathon.mesos")}, "cart.1"}, // the other is suppressed
		"a name of all trees":       {records.InstanceFilter{Name: records.MustParseName("db-shop.marathon.containerip." + trees)}, "db.1"},
		"a name of SRV records":     {records.InstanceFilter{Name: records.MustParseName("_sql._tcp.db-shop.marathon.mesos")}, "db.1"},
		"an alias":                  {records.InstanceFilter{Name: records.MustParseName("sql.marathon.mesos")}, "db.1"},
		"a name of something else":  {records.InstanceFilter{Name: records.MustParseName("slave.mesos")}, ""},
		"what follows":              {records.InstanceFilter{After: state.TaskKey{Framework: "f", ID: "cart.2"}}, "db.1 job.1"},
		"what follows one that was": {records.InstanceFilter{After: state.TaskKey{Framework: "f", ID: "cart.11"}}, "cart.2 db.1 job.1"},
		"what follows the last":     {records.InstanceFilter{After: state.TaskKey{Framework: "g", ID: "job.1"}}, ""},
	} {
		var got []string
		for _, i := range instancesOf(c.set, tt.f) {
			got = append(got, i.Task)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: got %q, want %q", what, got, tt.want)
		}
	}
}

// Labels and attributes that change no record are seen at once.
func TestInstancesShowWhatNoRecordDependsOn(t *testing.T) {
	c := shop(t)
	c.full.Agents = slices.Clone(c.full.Agents)
	changed := *c.full.Agents[0]
	changed.Attributes = []state.Attribute{{Name: "rack", Value: "r2"}}
	c.full.Agents[0] = &changed
	f := *c.full.Frameworks[0]
	f.Roles = []string{"other"}
	c.full.Frameworks[0] = &f
	first := *c.full.Tasks[0]
	first.Details = &state.TaskDetails{Role: "prod", Labels: []state.Label{{Key: "HAPROXY_GROUP", Value: "none"}}}
	c.put(&first)
	if len(c.changes.Names) > 0 {
		t.Errorf("got changed names %v, want none", c.changes.Names)
	}
	got := instancesOf(c.set, records.InstanceFilter{App: "cart.shop"})
	if v, _ := got[0].Label("HAPROXY_GROUP"); v != "none" || got[0].Role != "prod" || got[1].Role != "prod" {
		t.Errorf("got labels %v and roles %s, %s, want the new label and the role as before", got[0].Labels, got[0].Role, got[1].Role)
	}
	for _, i := range got {
		if !slices.Equal(i.Framework.Roles, []string{"other"}) || i.Agent.Attributes[0].Value != "r2" {
			t.Errorf("got %+v on %+v, want the new roles and attributes", i.Framework, i.Agent)
		}
	}
}

// A listing is of one moment: of two tasks of which one takes the place of the
// other, it never has both or neither, and no task twice.
func TestInstancesDuringUpdatesAreOfOneMoment(t *testing.T) {
	c := newCluster(t, defaults())
	for n := range 5000 {
		c.full.Tasks = append(c.full.Tasks, app(fmt.Sprintf("other.%d", n), "other", "9.0.0.1"))
	}
	c.put(app("a", "swapped", "9.0.0.2"))
	done := make(chan struct{})
	go func() {
		defer close(done)
		ids := [...]string{"b", "a"}
		for n := range 300 {
			came, gone := ids[n%2], state.TaskKey{Framework: "f", ID: ids[1-n%2]}
			d := c.state.Apply(state.Event{Task: app(came, "swapped", "9.0.0.2")})
			d.Join(c.state.Apply(state.Event{TaskGone: &gone}))
			c.set.Update(c.state, d)
		}
	}()
	for listings := 0; ; listings++ {
		seen := map[state.TaskKey]bool{}
		for i := range c.set.Instances(records.InstanceFilter{}) {
			if seen[i.Key()] {
				t.Fatalf("got %v twice", i.Key())
			}
			seen[i.Key()] = true
		}
		if a, b := seen[state.TaskKey{Framework: "f", ID: "a"}], seen[state.TaskKey{Framework: "f", ID: "b"}]; a == b || len(seen) != 5001 {
			t.Fatalf("got %d instances, a %t, b %t; want 5001 with one of them", len(seen), a, b)
		}
		select {
		case <-done:
			if listings > 0 {
				return
			}
		default:
		}
	}
}

// A task that lists thousands of ports is shown as far as it has records.
func TestPortsOfAnInstanceAreBounded(t *testing.T) {
	o := defaults()
	o.Limits = records.Limits{TaskPorts: 10, TaskAddrs: 2}
	c := newCluster(t, o)
	big := app("big.1", "big", "9.0.0.1")
	for n := range 5000 {
		big.Addresses.NetInfo = append(big.Addresses.NetInfo, netip.AddrFrom4([4]byte{9, 1, byte(n >> 8), byte(n)}))
	}
	big.Ports = []state.PortRange{{First: 31000, Last: 39000}}
	big.Discovery = &state.Discovery{Name: "big"}
	for n := range 5000 {
		big.Discovery.Ports = append(big.Discovery.Ports, state.DiscoveryPort{Number: uint16(1 + n), Protocol: strings.Repeat(",", n) + fmt.Sprintf("a%d,b,c,d,e,f,g,h,i,j,k,l", n)})
	}
	c.put(big)
	i := instancesOf(c.set, records.InstanceFilter{})[0]
	if len(i.Ports) > 10*8+10 || len(i.Addresses.Container) > 2 {
		t.Errorf("got %d ports and %d addresses, want at most 90 and 2", len(i.Ports), len(i.Addresses.Container))
	}
}

func TestHostsAreTheMastersAndAgents(t *testing.T) {
	c := newCluster(t, defaults())
	c.full.Leader = state.Master{Host: "m", Port: 5050}
	c.full.Masters = []state.Master{{Host: "l", Port: 5050}, c.full.Leader}
	h := c.apply().set.Hosts()
	if h.Leader.Host != "m" || len(h.Masters) != 2 || len(h.Agents) != 2 || h.Agents[0].ID != "a-S0" || h.Agents[1].ID != "a-S1" {
		t.Errorf("got %+v, want two masters, of which m leads, and two agents", h)
	}
}
