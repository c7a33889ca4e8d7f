package records_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// The tests here compare answers with a model of who listens where. The model is
// built together with each task, not from its records: see
// reachability_shapes_test.go.

// world is the addresses and ports that accept connections.
type world struct {
	agent, own []netip.Addr                       // of the task; on the network of the host, own is those of the agent
	networks   map[string][]netip.Addr            // own by network
	listens    map[string]map[netip.AddrPort]bool // by transport
	opening    string                             // by which open opens ports
	onAgent    bool                               // a port is open on the agent
	ports      []string                           // names of DiscoveryInfo ports that are open somewhere
	inside     []string                           // those that are open on the network of the task itself
	outside    []string                           // those that are open on the agent
}

func (w *world) open(addrs []netip.Addr, port uint16) {
	for _, a := range addrs {
		w.listens[w.opening][netip.AddrPortFrom(a, port)] = true
	}
}

// Every address and port of an answer accepts connections, in the domain and in
// the address trees, whichever IP sources are set.
func TestEveryAnswerIsReachable(t *testing.T) {
	full := &state.FullState{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
	var worlds []*world
	all := shapes()
	for n, s := range all {
		task, agent, w := s.build(n)
		full.Tasks = append(full.Tasks, task)
		full.Agents = append(full.Agents, agent)
		worlds = append(worlds, w)
	}
	for _, sources := range []string{"auto,netinfo,mesos,host", "host", "netinfo,host", "docker,netinfo", "mesos"} {
		for _, domain := range []string{"dcos.thisdcos.directory", "mesos", ""} {
			t.Run(sources+"/"+domain, func(t *testing.T) {
				c := state.NewCluster()
				c.Reconcile(full, nil)
				o := options(sources)
				o.Scope, o.IncludeUnhealthy = records.ScopeLabels, false
				if domain != "" {
					o.AddressDomains = []records.Name{records.MustParseName(domain)}
				}
				set, changes := records.Build(c, o)
				for _, o := range changes.Omitted {
					if !errors.As(o.Reason, new(records.AgentNetworkError)) {
						t.Errorf("got omission %v, want those of bridges only", o)
					}
				}
				services := servicesByApp(set)
				for n, s := range all {
					app := full.Tasks[n].Name
					r := reach{t, set, s, worlds[n], app, domain, services[app]}
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
	app, domain string                   // domain is the address domain, if there is one
	srvs        map[string][]records.SRV // of the app, by name
}

// servicesByApp returns all SRV records by the app that their name contains.
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

// addresses checks that each name has the addresses of the side it stands for.
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
		if network == "bridge" {
			addrs = nil
		}
		want[".marathon."+network+".network.mesos"] = addrs
	}
	if r.domain != "" {
		want[".marathon.agentip."+r.domain] = r.agent
		want[".marathon.containerip."+r.domain] = r.own
		if r.network == "bridge" { // only the agent reaches it
			want[".marathon.containerip."+r.domain] = nil
		}
		want[".marathon.autoip."+r.domain] = auto
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
			r.errorf("%s has addresses %v, want %v", r.app+suffix, got, want)
		}
	}
}

// services connects to the target of each SRV record.
func (r *reach) services() {
	for text, srvs := range r.srvs {
		transport := "tcp"
		if strings.Contains(text, "_udp.") || strings.Contains(text, "_h3.") {
			transport = "udp"
		}
		for _, v := range srvs {
			at := r.addrs(v.Target.String())
			if len(at) == 0 {
				r.errorf("%s: target %v has no address, want some", text, v.Target)
			}
			for _, a := range at {
				if !r.listens[transport][netip.AddrPortFrom(a, v.Port)] {
					r.errorf("%s: target %v is %v port %d, want one that is open by %s", text, v.Target, a, v.Port, transport)
				}
			}
			if strings.Contains(text, ".slave.") || strings.Contains(text, ".agentip.") {
				if !same(at, r.agent) {
					r.errorf("%s: got target %v, want the agent, %v", text, at, r.agent)
				}
			}
			for _, a := range at {
				if strings.Contains(text, ".containerip.") && !slices.Contains(r.own, a) {
					r.errorf("%s: got target %v, want one of the container, %v", text, a, r.own)
				}
			}
		}
	}
}

// complete checks that no service is missing.
func (r *reach) complete() {
	there := func(name string) {
		if len(r.set.Data(records.MustParseName(name)).SRV) == 0 {
			r.errorf("%s has no SRV records, want some", name)
		}
	}
	protocols := []string{r.transport()}
	if r.protocol != r.transport() {
		protocols = append(protocols, r.protocol)
	}
	for _, proto := range protocols {
		r.completeBy("._" + proto + ".")
	}
	if r.onAgent && r.container != "pod" {
		there("_" + r.app + "._" + r.transport() + ".marathon.slave.mesos")
		if !r.discovery && r.network == "host" {
			there("_" + r.app + "._udp.marathon.mesos")
		}
	}
}

// completeBy checks that no service is missing by a protocol.
func (r *reach) completeBy(proto string) {
	there := func(name string) {
		if len(r.set.Data(records.MustParseName(name)).SRV) == 0 {
			r.errorf("%s has no SRV records, want some", name)
		}
	}
	for _, port := range r.ports {
		there("_" + port + proto + r.app + ".marathon.mesos")
		there("_" + port + "._" + r.app + proto + "marathon.mesos")
		there("_" + r.app + proto + "marathon.mesos")
	}
	for _, port := range r.outside {
		there("_" + port + "._" + r.app + proto + "marathon.slave.mesos")
	}
	if r.domain != "" {
		for _, port := range r.ports {
			there("_" + port + proto + r.app + ".marathon.autoip." + r.domain)
			there("_" + port + "._" + r.app + proto + "marathon.autoip." + r.domain)
		}
		for _, port := range r.inside {
			there("_" + port + proto + r.app + ".marathon.containerip." + r.domain)
			there("_" + port + "._" + r.app + proto + "marathon.containerip." + r.domain)
		}
		for _, port := range r.outside {
			there("_" + port + proto + r.app + ".marathon.agentip." + r.domain)
			there("_" + port + "._" + r.app + proto + "marathon.agentip." + r.domain)
		}
	}
}
