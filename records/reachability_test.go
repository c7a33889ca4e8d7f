package records_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// The table in reach_shape_test.go and the tests here hold what is answered against a model of who listens
// where, which is made with each task and not from its records.

// world is what can be connected to.
type world struct {
	agent, own []netip.Addr            // the task's sides; own is agent's on the host's network
	networks   map[string][]netip.Addr // own by network
	listens    map[netip.AddrPort]bool
	onAgent    bool     // a port is open on the agent
	ports      []string // names of DiscoveryInfo ports with an open one somewhere
	inside     []string // of those, the ones that are open on the task's own network
	outside    []string // and on the agent
}

func (w *world) open(addrs []netip.Addr, port uint16) {
	for _, a := range addrs {
		w.listens[netip.AddrPortFrom(a, port)] = true
	}
}

// Whatever stands in an answer can be connected to, in the domain and in the
// views, whichever IP sources are set.
func TestEveryAnswerIsReachable(t *testing.T) {
	snapshot := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
	var worlds []*world
	all := shapes()
	for n, s := range all {
		task, agent, w := s.build(n)
		snapshot.Tasks = append(snapshot.Tasks, task)
		snapshot.Agents = append(snapshot.Agents, agent)
		worlds = append(worlds, w)
	}
	for _, sources := range []string{"auto,netinfo,mesos,host", "host", "netinfo,host", "docker,netinfo", "mesos"} {
		for _, views := range []string{"dcos.thisdcos.directory", "mesos", ""} {
			t.Run(sources+"/"+views, func(t *testing.T) {
				c := state.NewCluster()
				c.Apply(state.Event{FullState: snapshot})
				o := options(sources)
				o.Scope, o.IncludeUnhealthy = records.ScopeLabels, false
				if views != "" {
					o.AddressDomains = []records.Name{records.MustParseName(views)}
				}
				set, changes := records.Build(c, o)
				if len(changes.Omitted) > 0 {
					t.Errorf("left out: %v", changes.Omitted)
				}
				services := servicesByApp(set)
				for n, s := range all {
					app := snapshot.Tasks[n].Name
					r := reach{t, set, s, worlds[n], app, views, services[app]}
					r.addresses(sources)
					r.services()
					r.complete()
				}
			})
		}
	}
}

type reach struct {
	*testing.T
	set *records.Set
	shape
	*world
	app, view string
	srvs      map[string][]records.SRV // of the app, by name
}

// servicesByApp are all SRV records by the app whose name is a label of theirs.
func servicesByApp(set *records.Set) map[string]map[string][]records.SRV {
	apps := map[string]map[string][]records.SRV{}
	for name, d := range set.All() {
		text := name.String()
		for label := range strings.SplitSeq(text, ".") {
			if app := strings.TrimPrefix(label, "_"); strings.HasPrefix(app, "app") && len(d.SRV) > 0 {
				if apps[app] == nil {
					apps[app] = map[string][]records.SRV{}
				}
				apps[app][text] = d.SRV
			}
		}
	}
	return apps
}

func (r *reach) errorf(format string, args ...any) {
	r.T.Helper()
	r.T.Errorf("%v (%s): %s", r.shape, r.app, fmt.Sprintf(format, args...))
}

func (r *reach) addrs(name string) []netip.Addr {
	var list []netip.Addr
	d := r.set.Data(records.MustParseName(name))
	for _, a := range d.A {
		list = append(list, netip.AddrFrom4(a))
	}
	for _, a := range d.AAAA {
		list = append(list, netip.AddrFrom16(a))
	}
	return list
}

func same(a, b []netip.Addr) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.SortFunc(a, netip.Addr.Compare)
	slices.SortFunc(b, netip.Addr.Compare)
	return slices.Equal(a, b)
}

// addresses holds each name to the side that it stands for.
func (r *reach) addresses(sources string) {
	auto := r.own
	if r.onAgent {
		auto = r.agent
	}
	if r.network == "host" && r.container == "pod" && !r.discovery {
		auto = r.own // it has no port that is known of
	}
	want := map[string][]netip.Addr{".marathon.slave.mesos": r.agent}
	for network, addrs := range r.networks {
		if network != "bridge" || r.named && r.container != "docker" {
			want[".marathon."+network+".network.mesos"] = addrs
		}
	}
	if r.view != "" {
		want[".marathon.agentip."+r.view] = r.agent
		want[".marathon.containerip."+r.view] = r.own
		want[".marathon.autoip."+r.view] = auto
	}
	switch sources {
	case "auto,netinfo,mesos,host":
		want[".marathon.mesos"] = auto
	case "host":
		want[".marathon.mesos"] = r.agent
	case "netinfo,host":
		want[".marathon.mesos"] = r.own
	case "mesos":
		want[".marathon.mesos"] = nil
	}
	for suffix, want := range want {
		if got := r.addrs(r.app + suffix); !same(got, want) {
			r.errorf("%s is at %v, want %v", r.app+suffix, got, want)
		}
	}
}

// services follows each SRV record of the task's names.
func (r *reach) services() {
	for text, srvs := range r.srvs {
		for _, v := range srvs {
			at := r.addrs(v.Target.String())
			if len(at) == 0 {
				r.errorf("%s: %v has no address", text, v.Target)
			}
			for _, a := range at {
				if !r.listens[netip.AddrPortFrom(a, v.Port)] {
					r.errorf("%s: nobody listens at port %d of %v, which is %v", text, v.Port, v.Target, a)
				}
			}
			if strings.Contains(text, ".slave.") || strings.Contains(text, ".agentip.") {
				if !same(at, r.agent) {
					r.errorf("%s: %v is not the agent's side", text, at)
				}
			}
			for _, a := range at {
				if strings.Contains(text, ".containerip.") && !slices.Contains(r.own, a) {
					r.errorf("%s: %v is not the container's side", text, a)
				}
			}
		}
	}
}

// complete looks for the services that must be there.
func (r *reach) complete() {
	there := func(name string) {
		if len(r.set.Data(records.MustParseName(name)).SRV) == 0 {
			r.errorf("%s has no records", name)
		}
	}
	for _, port := range r.ports {
		there("_" + port + "._tcp." + r.app + ".marathon.mesos")
		there("_" + port + "._" + r.app + "._tcp.marathon.mesos")
		there("_" + r.app + "._tcp.marathon.mesos")
	}
	for _, port := range r.outside {
		there("_" + port + "._" + r.app + "._tcp.marathon.slave.mesos")
	}
	if r.view != "" {
		for _, port := range r.ports {
			there("_" + port + "._tcp." + r.app + ".marathon.autoip." + r.view)
			there("_" + port + "._" + r.app + "._tcp.marathon.autoip." + r.view)
		}
		for _, port := range r.inside {
			there("_" + port + "._tcp." + r.app + ".marathon.containerip." + r.view)
			there("_" + port + "._" + r.app + "._tcp.marathon.containerip." + r.view)
		}
		for _, port := range r.outside {
			there("_" + port + "._tcp." + r.app + ".marathon.agentip." + r.view)
			there("_" + port + "._" + r.app + "._tcp.marathon.agentip." + r.view)
		}
	}
	if r.onAgent && r.container != "pod" {
		there("_" + r.app + "._tcp.marathon.slave.mesos")
		if !r.discovery {
			there("_" + r.app + "._udp.marathon.mesos")
		}
	}
}
