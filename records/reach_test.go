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

// The tests in this file hold what is answered against a model of who listens
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

// shape is one cell of the table.
type shape struct {
	container string // none, ucr, docker, pod
	network   string // host, bridge, overlay, mapped, two
	dual      bool
	labels    bool // Marathon 1.5 labels ports; 1.4 does not
	discovery bool
	named     bool // the status names the networks; Docker did not at first
}

func (s shape) String() string {
	return fmt.Sprintf("%s on %s, dual %v, labels %v, discovery %v, named %v", s.container, s.network, s.dual, s.labels, s.discovery, s.named)
}

func shapes() (list []shape) {
	for _, container := range []string{"none", "ucr", "docker", "pod"} {
		for _, network := range []string{"host", "bridge", "overlay", "mapped", "two"} {
			for bits := range 16 {
				s := shape{container, network, bits&1 > 0, bits&2 > 0, bits&4 > 0, bits&8 > 0}
				if !s.named && (container != "docker" || network == "two") {
					continue // the Mesos containerizer names its networks
				}
				list = append(list, s)
			}
		}
	}
	return list
}

// Ports of a task: the application's own, and those of the agent.
const (
	appPort, adminPort   = 8080, 9090
	hostPort, secondPort = 31000, 31001
)

// build makes the task of a shape, as Marathon and the agent tell of it, and the
// world in which it runs. n makes its addresses its own.
func (s shape) build(n int) (*state.Task, *state.Agent, *world) {
	v4 := func(a, b byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, byte(n >> 8), byte(n)}) }
	addrs := func(a, b byte) []netip.Addr {
		list := []netip.Addr{v4(a, b)}
		if s.dual {
			list = append(list, netip.AddrFrom16([16]byte{0: 0xfd, 1: a, 2: b, 14: byte(n >> 8), 15: byte(n)}))
		}
		return list
	}
	agent := &state.Agent{ID: fmt.Sprintf("a-S%d", n), Addrs: []netip.Addr{v4(10, 0)}}
	w := &world{agent: agent.Addrs, listens: map[netip.AddrPort]bool{}, networks: map[string][]netip.Addr{}}
	t := &state.Task{Key: state.TaskKey{Framework: "f", ID: fmt.Sprintf("t.%d", n)}, Name: fmt.Sprintf("app%d", n), AgentID: agent.ID, State: state.Running}
	c := &state.Container{}
	mapping := []state.PortMapping{{HostPort: hostPort, ContainerPort: appPort, Protocol: "tcp"}}

	attach := func(name string, addrs []netip.Addr, mappings []state.PortMapping) {
		w.own = append(w.own, addrs...)
		w.networks[name] = addrs
		t.Addresses.NetInfo = append(t.Addresses.NetInfo, addrs...)
		inStatus := state.Network{Addrs: addrs}
		asked := state.Network{Name: name}
		if s.named && (name != "bridge" || s.container != "docker") {
			inStatus.Name = name
		}
		if s.container != "docker" {
			inStatus.Mappings, asked.Mappings = mappings, mappings
		}
		if inStatus.Name != "" || len(inStatus.Mappings) > 0 {
			t.Addresses.Networks = append(t.Addresses.Networks, inStatus)
		}
		if s.container == "docker" {
			c.DockerNetwork, c.Mappings = "USER", mappings
			if name == "bridge" {
				c.DockerNetwork = "BRIDGE"
				return
			}
		}
		c.Networks = append(c.Networks, asked)
	}
	port := func(number uint16, name, scope, network string) {
		if !s.discovery {
			return
		}
		p := state.DiscoveryPort{Number: number, Name: name, Protocol: "tcp"}
		if s.labels {
			p.Scope, p.Network = scope, network
		}
		t.Discovery.Ports = append(t.Discovery.Ports, p)
		w.ports = append(w.ports, name)
		if scope != "container" || s.network == "mapped" && name == "http" {
			w.outside = append(w.outside, name)
		}
		w.inside = append(w.inside, name)
	}
	if s.discovery {
		t.Discovery = &state.Discovery{Name: t.Name, Visibility: "FRAMEWORK"}
	}
	switch s.network {
	case "host":
		own := agent.Addrs
		if s.dual { // Mesos tells of the agent's second address here alone
			own = append(slices.Clone(own), addrs(10, 0)[1])
		}
		t.Addresses.NetInfo = own
		w.own, w.onAgent = own, true
		w.open(own, hostPort)
		w.open(own, secondPort)
		if s.container == "docker" {
			c.DockerNetwork = "HOST"
		}
		if s.container != "pod" { // the executor has a pod's
			t.Ports = []state.PortRange{{First: hostPort, Last: secondPort}}
		}
		port(hostPort, "http", "", "")
		port(secondPort, "admin", "", "")
	case "bridge":
		attach("bridge", addrs(172, 17), mapping)
		w.open(w.agent, hostPort)
		w.open(w.own, appPort)
		w.onAgent = true
		if s.container != "pod" {
			t.Ports = []state.PortRange{{First: hostPort, Last: hostPort}}
		}
		port(hostPort, "http", "host", "")
	case "overlay":
		attach("dcos", addrs(9, 0), nil)
		w.open(w.own, appPort)
		port(appPort, "http", "container", "dcos")
	case "mapped": // an overlay, with one of its ports on the agent as well
		attach("dcos", addrs(9, 0), mapping)
		w.open(w.own, appPort)
		w.open(w.own, adminPort)
		w.open(w.agent, hostPort)
		w.onAgent = true
		if s.container != "pod" {
			t.Ports = []state.PortRange{{First: hostPort, Last: hostPort}}
		}
		if s.labels {
			port(appPort, "http", "container", "dcos")
		} else {
			port(hostPort, "http", "host", "")
		}
		port(adminPort, "admin", "container", "dcos")
	case "two":
		attach("dcos", addrs(9, 0), nil)
		attach("storage", addrs(9, 1), nil)
		port(appPort, "http", "container", "dcos")
		port(adminPort, "admin", "container", "storage")
		if s.labels {
			w.open(w.networks["dcos"], appPort)
			w.open(w.networks["storage"], adminPort)
		} else {
			w.open(w.own, appPort)
			w.open(w.own, adminPort)
		}
	}
	if s.container == "docker" {
		t.Addresses.Docker = t.Addresses.NetInfo[:1]
	}
	if s.container == "pod" || s.container == "none" && s.network == "host" {
		c = nil // a pod's is in its executor
	}
	t.Container = c
	return t, agent, w
}

// Whatever stands in an answer can be connected to, in the domain and in the
// views, whichever IP sources are set.
func TestEveryAnswerIsReachable(t *testing.T) {
	snapshot := &state.Snapshot{Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}}}
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
				c.Apply(state.Event{Snapshot: snapshot})
				o := options(sources)
				o.Scope, o.IncludeUnhealthy = records.ScopeLabels, false
				if views != "" {
					o.Views = []records.Name{records.MustParseName(views)}
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
		}
		for _, port := range r.inside {
			there("_" + port + "._tcp." + r.app + ".marathon.containerip." + r.view)
		}
		for _, port := range r.outside {
			there("_" + port + "._tcp." + r.app + ".marathon.agentip." + r.view)
		}
	}
	if r.onAgent && r.container != "pod" {
		there("_" + r.app + "._tcp.marathon.slave.mesos")
		if !r.discovery {
			there("_" + r.app + "._udp.marathon.mesos")
		}
	}
}
