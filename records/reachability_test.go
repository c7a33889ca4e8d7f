package records_test

import (
	"errors"
	"fmt"
	"maps"
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
	opening    []string                           // the transports by which open opens ports
	onAgent    bool                               // a port is open on the agent
	ports      []string                           // names of DiscoveryInfo ports that are open somewhere
	numbers    []uint16                           // of these ports, as the DiscoveryInfo has them
	inside     []string                           // those that are open on the network of the task itself
	outside    []string                           // those that are open on the agent
	subsets    []string                           // the labels of those to which the task belongs, such as "eu-1a.zone"
}

func (w *world) open(addrs []netip.Addr, port uint16) {
	for _, transport := range w.opening {
		for _, a := range addrs {
			w.listens[transport][netip.AddrPortFrom(a, port)] = true
		}
	}
}

// Every address and port of an answer accepts connections, in the domain, its
// subsets, the address trees and the names of VIPs, whichever IP sources are set.
func TestEveryAnswerIsReachable(t *testing.T) {
	full := &state.FullState{Frameworks: frameworksOfShapes}
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
				o.VIPDomains = []records.Name{records.MustParseName(vipDomain)}
				if domain != "" {
					o.AddressDomains = []records.Name{records.MustParseName(domain)}
				}
				set, changes := records.Build(c, o)
				for _, o := range changes.Omitted {
					if !errors.As(o.Reason, new(records.AgentNetworkError)) {
						t.Errorf("got omission %v, want those of bridges only", o)
					}
				}
				named := namesByApp(set)
				for n, s := range all {
					app := full.Tasks[n].Name
					r := reach{t, s, worlds[n], set, app, domain, named[app]}
					r.addresses(sources)
					r.services()
					r.complete()
					r.subsetsAreTheTasks()
					r.virtualAddresses()
				}
			})
		}
	}
}

type reach struct {
	*testing.T
	shape
	*world
	set         *records.Set
	app, domain string                   // domain is the address domain, if there is one
	names       map[string]*records.Data // those that contain the name of the app
}

// namesByApp returns all names by the app that they contain.
func namesByApp(set *records.Set) map[string]map[string]*records.Data {
	apps := map[string]map[string]*records.Data{}
	for name, d := range set.All() {
		text := name.String()
		for label := range strings.SplitSeq(text, ".") {
			app, _, _ := strings.Cut(strings.TrimPrefix(label, "_"), "-") // T, or T-H-S
			if strings.HasPrefix(app, "app") {
				if apps[app] == nil {
					apps[app] = map[string]*records.Data{}
				}
				apps[app][text] = d
			}
		}
	}
	return apps
}

func (r *reach) errorf(format string, args ...any) {
	r.T.Helper()
	r.T.Errorf("%v (%s): %s", r.shape, r.app, fmt.Sprintf(format, args...))
}

// data returns the records of a name that contains the name of the app.
func (r *reach) data(name string) *records.Data {
	if d := r.names[strings.TrimSuffix(name, ".")+"."]; d != nil {
		return d
	}
	return &records.Data{}
}

func (r *reach) addrs(name string) []netip.Addr {
	var list []netip.Addr
	d := r.data(name)
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
	for text, d := range r.names {
		transport := "tcp"
		for label := range strings.SplitSeq(text, ".") {
			if carriers[strings.TrimPrefix(label, "_")] == "udp" {
				transport = "udp"
			}
		}
		for _, v := range d.SRV {
			at := r.addrs(r.set.Target(v).String())
			if len(at) == 0 {
				r.errorf("%s: target %v has no address, want some", text, r.set.Target(v))
			}
			for _, a := range at {
				if !r.listens[transport][netip.AddrPortFrom(a, v.Port)] {
					r.errorf("%s: target %v is %v port %d, want one that is open by %s", text, r.set.Target(v), a, v.Port, transport)
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
	for _, proto := range r.protocols() {
		r.completeBy("._" + proto + ".")
	}
	for _, transport := range r.transports() {
		if r.onAgent && r.container != "pod" {
			r.there("_" + r.app + "._" + transport + ".marathon.slave.mesos")
		}
	}
	if r.network == "host" && r.container != "pod" && !r.discovery {
		r.there("_" + r.app + "._udp.marathon.mesos")
	}
}

func (r *reach) there(name string) {
	r.Helper()
	if len(r.data(name).SRV) == 0 {
		r.errorf("%s has no SRV records, want some", name)
	}
}

// completeBy checks that no service is missing by a protocol.
func (r *reach) completeBy(proto string) {
	under := func(name, suffix string) { // in both orders
		r.there("_" + name + proto + r.app + suffix)
		r.there("_" + name + "._" + r.app + proto + suffix[1:])
	}
	for _, port := range r.ports {
		under(port, ".marathon.mesos")
		r.there("_" + r.app + proto + "marathon.mesos")
		for _, subset := range r.subsets {
			under(port, ".marathon."+subset+".mesos")
			r.there("_" + r.app + proto + "marathon." + subset + ".mesos")
		}
		if r.domain != "" {
			under(port, ".marathon.autoip."+r.domain)
		}
	}
	for _, port := range r.outside {
		r.there("_" + port + "._" + r.app + proto + "marathon.slave.mesos")
		if r.domain != "" {
			under(port, ".marathon.agentip."+r.domain)
		}
	}
	if r.domain != "" {
		for _, port := range r.inside {
			under(port, ".marathon.containerip."+r.domain)
		}
	}
}

// subsetsAreTheTasks checks that the names by role, fault domain and framework are
// those of the task's own, with the same addresses and services as without.
func (r *reach) subsetsAreTheTasks() {
	for _, subset := range r.subsets {
		if got, want := r.addrs(r.app+".marathon."+subset+".mesos"), r.addrs(r.app+".marathon.mesos"); !same(got, want) {
			r.errorf("%s has addresses %v, want those of the task, %v", subset, got, want)
		}
	}
	for name, d := range r.names {
		for _, kind := range []string{"role", "zone", "region", "framework"} {
			before, found := strings.CutSuffix(name, "."+kind+".mesos.")
			if !found {
				continue
			}
			_, value, _ := strings.Cut(before, ".marathon.")
			if !slices.Contains(r.subsets, value+"."+kind) {
				r.errorf("got the name %s, want names of %v only", name, r.subsets)
			}
			whole := strings.Replace(name, "."+value+"."+kind, "", 1)
			if want := r.data(whole).SRV; !slices.Equal(d.SRV, want) {
				r.errorf("%s has SRV records %v, want those of %s, %v", name, d.SRV, whole, want)
			}
		}
	}
}

// virtualAddresses checks the names of VIPs: one whose port is that of the task, and
// one whose port no task has. Both have SRV records of the backends; only the first
// can have addresses, those at which its port is open.
func (r *reach) virtualAddresses() {
	name, front := r.app+".marathon."+vipDomain, r.app+"-front.marathon."+vipDomain
	if got := r.addrs(front); len(got) > 0 {
		r.errorf("%s has addresses %v, want none, as nothing is open at its port", front, got)
	}
	transports := r.transports()
	if r.protocol == "" {
		transports = transports[:1] // a backend without a protocol is one for TCP
	}
	open := map[netip.Addr]bool{}
	for _, number := range r.numbers {
		for _, transport := range transports {
			service := fmt.Sprintf("_%d._%s.%s", number, transport, name)
			r.there(service)
			r.there(fmt.Sprintf("_%d._%s.%s", frontPort, transport, front))
			for _, v := range r.data(service).SRV {
				for _, a := range r.addrs(r.set.Target(v).String()) {
					open[a] = open[a] || v.Port == number
				}
			}
		}
	}
	maps.DeleteFunc(open, func(_ netip.Addr, ours bool) bool { return !ours })
	if got, want := r.addrs(name), slices.Collect(maps.Keys(open)); !same(got, want) {
		r.errorf("%s has addresses %v, want those at which a port of the VIP is open, %v", name, got, want)
	}
}
