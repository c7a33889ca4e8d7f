package records_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"toponym/records"
	"toponym/state"
)

// explained returns an explanation as sorted lines.
func explained(x records.Explanation) []string {
	lines := []string{}
	for _, r := range x.Records {
		for _, o := range r.Owners {
			lines = append(lines, strings.TrimSpace(fmt.Sprint(r.Type, " ", r.Data, " of ", o.Kind, " ", o.Task, o.Agent, " ", o.Source)))
		}
	}
	for _, a := range x.Omitted {
		lines = append(lines, fmt.Sprint("no ", strings.TrimSpace(fmt.Sprint(a.Type, a.Label, " ", a.Data, a.Value)), " of ", a.Task, ": ", a.Reason))
	}
	slices.Sort(lines)
	return lines
}

func TestExplainListsOwnersAndOmissions(t *testing.T) {
	c := newCluster(t, defaults())
	c.full.Leader = state.Master{Host: "m", Port: 5050, Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	c.full.Masters = []state.Master{c.full.Leader}
	long := strings.Repeat("x", 70)
	c.put(
		app("web.1", "web", "192.168.0.1"),
		app("web.2", "web", "192.168.0.2", healthy(state.Unhealthy), labelled("DNS_TTL", "x")),
		app("web.3", "web", "192.168.0.3", func(t *state.Task) { t.State = "TASK_STAGING" }),
		app("web.4", "web", "192.168.0.4", func(t *state.Task) { t.AgentID = "a-S9" }),
		app("web.5", "web", "192.168.0.5", func(t *state.Task) { t.Key.Framework = "unknown" }),
		app("web.6", "web", "10.0.0.10", labelled("DNS_TTL", "9")),
		app("db.1", "db", "192.168.1.1", labelled("DNS_ALIAS", "web")),
		app("port.1", "port", "192.168.1.2", discovered(state.DiscoveryPort{Number: 80, Name: "http", Protocol: "tcp", Scope: "container", Network: "dcos"}),
			onNetworks(network("dcos"))),
		app("long.1", "long", "192.168.1.3", discovered(state.DiscoveryPort{Number: 80, Name: long, Protocol: "tcp"})),
	)
	for name, want := range map[string][]string{
		"web.marathon.mesos": {
			"A 192.168.0.1 of task web.1a-S0 auto, which is netinfo here",
			"A 10.0.0.10 of task web.6a-S0 auto, which is netinfo here",
			"no A 192.168.0.2 of web.2: it is unhealthy, and other tasks of this name are not",
			"no A 192.168.0.3 of web.3: its state is TASK_STAGING",
			"no A 192.168.0.4 of web.4: the agent of the task is unknown",
			"no A 192.168.1.1 of db.1: as an alias, but the name belongs to another task or framework",
			"no DNS_TTL x of web.2: not a whole number from 0 to 2147483647",
			"no  of web.5: the framework of the task is unknown",
		},
		"web.marathon.slave.mesos": {
			"A 10.0.0.10 of task web.1a-S0 host", "A 10.0.0.10 of task web.6a-S0 host",
			"no A 10.0.0.10 of db.1: as an alias, but the name belongs to another task or framework",
			"no A 10.0.0.10 of web.2: it is unhealthy, and other tasks of this name are not",
			"no A 10.0.0.10 of web.3: its state is TASK_STAGING",
			"no A of web.4: the agent of the task is unknown",
			"no DNS_TTL x of web.2: not a whole number from 0 to 2147483647",
			"no  of web.5: the framework of the task is unknown",
		},
		"_http._tcp.port.marathon.mesos": {"no http of port.1: no address is known on the network of this port"},
		"_long._tcp.marathon.mesos": {
			"SRV 0 1 80 long-" + "xfsn7" + "-s0.marathon.mesos. of task long.1a-S0",
			"no _" + long[:63] + " of long.1: a label is empty or longer than 63 bytes",
		},
		"slave.mesos":             {"A 10.0.0.10 of agent a-S0 host", "A 10.0.0.11 of agent a-S1 host"},
		"leader.mesos":            {"A 10.0.0.1 of master  host"},
		"nobody.marathon.mesos":   {},
		"example.com":             {},
		"web.marathon.user.mesos": {"no  of web.5: the framework of the task is unknown"},
	} {
		got := explained(c.set.Explain(records.MustParseName(name)))
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if x := c.set.Explain(records.MustParseName("web.marathon.mesos")); x.TTL == nil || *x.TTL != 9 {
		t.Errorf("got TTL %v, want 9", x.TTL)
	}
}

// What is omitted of a task is listed at its names, not where a framework or the
// domain is called like it.
func TestExplainMentionsATaskOnlyAtItsNames(t *testing.T) {
	c := newCluster(t, defaults())
	c.put(
		app("web.1", "web", "192.168.0.1"),
		app("marathon.1", "marathon", "192.168.0.2", labelled("DNS_TTL", "x")),
		app("mesos.1", "mesos", "192.168.0.3", labelled("DNS_TTL", "x"), func(t *state.Task) { t.Key.Framework = "unknown" }),
	)
	for name, want := range map[string]int{"web.marathon.mesos": 0, "marathon.mesos": 0, "mesos": 0, "marathon.marathon.mesos": 1, "mesos.other.mesos": 1, trees: 0} {
		if x := c.set.Explain(records.MustParseName(name)); len(x.Omitted) != want {
			t.Errorf("%s: got omissions %+v, want %d", name, x.Omitted, want)
		}
	}
}

func TestExplainSaysWhyAnAddressHasNoName(t *testing.T) {
	c := newCluster(t, defaults())
	o := defaults()
	o.Reverse = true
	c.set = records.NewSet(o)
	c.put(app("web.1", "web", "192.168.0.1"), app("web.2", "web", "192.168.0.2"), app("db.1", "db", "192.168.0.2"))
	for name, want := range map[string][]string{
		"1.0.168.192.in-addr.arpa": {"PTR web.marathon.mesos. of task web.1a-S0 auto, which is netinfo here"},
		"2.0.168.192.in-addr.arpa": {
			"no PTR db.marathon.mesos. of db.1: several names own the address", "no PTR web.marathon.mesos. of web.2: several names own the address"},
	} {
		if got := explained(c.set.Explain(records.MustParseName(name))); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// The records of an explanation are those of the name.
func TestExplainListsExactlyTheRecordsOfEachName(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			h := newHistory(11)
			c := state.NewCluster()
			set := records.NewSet(o)
			for range 30 {
				h.step()
				set.Update(c, c.Reconcile(h.fullState(), nil))
			}
			for n, d := range set.All() {
				want := map[string]bool{}
				for _, a := range d.A {
					want["A "+netip.AddrFrom4(a).String()] = true
				}
				for _, a := range d.AAAA {
					want["AAAA "+netip.AddrFrom16(a).String()] = true
				}
				for _, v := range d.SRV {
					want[fmt.Sprintf("SRV %d %d %d %s", v.Priority, v.Weight, v.Port, set.Target(v))] = true
				}
				if target, ok := d.Pointer(); ok {
					want["PTR "+target.String()] = true
				}
				x := set.Explain(n)
				for _, r := range x.Records {
					if !want[r.Type+" "+r.Data] {
						t.Errorf("%v: got %s %s, want no such record", n, r.Type, r.Data)
					}
					delete(want, r.Type+" "+r.Data)
				}
				if told := x.TTL != nil; len(want) > 0 || told != (d.TTL != 0) || told && *x.TTL != records.Seconds(d.TTL) {
					t.Errorf("%v: missing %v; got TTL %v, want %d", n, want, x.TTL, d.TTL)
				}
			}
		})
	}
}

// What leads from a name or an agent to the tasks leads to those that a look at all tasks
// finds: at names that have records, had them, or are like them.
func TestTheTasksOfANameAreThoseThatALookAtAllFinds(t *testing.T) {
	for name, o := range everything() {
		t.Run(name, func(t *testing.T) {
			h := newHistory(12)
			c := state.NewCluster()
			set := records.NewSet(o)
			names := map[records.Name]bool{}
			for round := range 20 {
				h.step()
				set.Update(c, c.Reconcile(h.fullState(), nil))
				for n := range set.All() {
					names[n] = true
					if below, err := n.Join("web"); err == nil && round%10 == 0 {
						names[below] = true
					}
					if parent, ok := n.Parent(); ok {
						names[parent] = true
					}
				}
				if round%10 != 9 {
					continue
				}
				for n := range names {
					want := set.ExplainByAll(n)
					if got := set.Explain(n); !reflect.DeepEqual(got, want) {
						t.Fatalf("%v:\ngot  %+v\nwant %+v", n, got, want)
					}
					owners := map[string]bool{}
					for _, r := range want.Records {
						for _, o := range r.Owners {
							if o.Kind == "task" {
								owners[o.Framework+"/"+o.Task] = true
							}
						}
					}
					for i := range set.Instances(records.InstanceFilter{Name: n}) {
						if !n.Under(records.ReverseIPv4) && !n.Under(records.ReverseIPv6) && !owners[i.Framework.ID+"/"+i.Task] {
							t.Fatalf("%v: got instance %s, want %v", n, i.Task, owners)
						}
						delete(owners, i.Framework.ID+"/"+i.Task)
					}
					if len(owners) > 0 {
						t.Fatalf("%v: instances %v are missing", n, owners)
					}
				}
				for _, a := range set.Hosts().Agents {
					want := 0
					for i := range set.Instances(records.InstanceFilter{}) {
						if i.Agent.ID == a.ID {
							want++
						}
					}
					if got := len(instancesOf(set, records.InstanceFilter{Agent: a.ID})); got != want {
						t.Fatalf("agent %s: got %d instances, want %d", a.ID, got, want)
					}
				}
			}
		})
	}
}

// Names and agents lead to few tasks: to those that share the name or the agent.
func TestFewTasksAreLookedAt(t *testing.T) {
	o := defaults()
	o.Reverse = true
	c := newCluster(t, o)
	c.set = records.NewSet(o)
	c.full.Agents = append(c.full.Agents, &state.Agent{ID: "a-S7", Hostname: "node7", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.70")}})
	for i := range 1000 {
		c.put(app(fmt.Sprint("other.", i), fmt.Sprint("other-", i), fmt.Sprintf("192.168.1%d.%d", i/250, i%250)))
	}
	onSeven := func(t *state.Task) { t.AgentID = "a-S7" }
	c.put(app("web.1", "web", "192.168.0.1", onSeven), app("web.2", "web", "192.168.0.2", onSeven),
		app("db.1", "db", "192.168.0.2", labelled("DNS_ALIAS", "base")))
	for name, want := range map[string]int{
		"web.marathon.mesos": 2, "web.marathon.slave.mesos": 2, "_http._tcp.web.marathon.mesos": 2, "_web._tcp.marathon.mesos": 2,
		"web-xfsn7-s7.marathon.mesos": 2, "base.marathon.mesos": 1, "1.0.168.192.in-addr.arpa": 2, "2.0.168.192.in-addr.arpa": 3,
		"none.marathon.mesos": 0, "other.marathon.mesos": 0, "marathon.mesos": 0, "mesos": 0, "example.com": 0, "other-7.autoip.marathon.mesos": 1,
	} {
		if got := c.set.LooksAt(records.InstanceFilter{Name: records.MustParseName(name)}); got != want {
			t.Errorf("%s: got %d tasks looked at, want %d", name, got, want)
		}
	}
	for _, agent := range []string{"a-S7", "node7", "10.0.0.70"} {
		if got := c.set.LooksAt(records.InstanceFilter{Agent: agent}); got != 2 {
			t.Errorf("agent %s: got %d tasks looked at, want 2", agent, got)
		}
	}
}

// Explain, Enumerate and Collisions may run while the set is updated; the race
// detector checks it.
func TestReadersRunBesideUpdates(t *testing.T) {
	h := newHistory(2)
	c := state.NewCluster()
	set := records.NewSet(defaults())
	var done sync.WaitGroup
	stop := make(chan struct{})
	for _, name := range []string{"web.marathon.mesos", "a-b.marathon-user.autoip." + trees, "slave.mesos"} {
		done.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					set.Explain(records.MustParseName(name))
					for _, tasks := range set.Enumerate(nil) {
						for range tasks {
						}
					}
					set.Collisions()
				}
			}
		})
	}
	for range 100 {
		h.step()
		set.Update(c, c.Reconcile(h.fullState(), nil))
	}
	close(stop)
	done.Wait()
}
