package records

import (
	"cmp"
	"hash/maphash"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"toponym/state"
)

// Instance is a task that has names, with what load balancers and monitoring need
// to know of it. Its lists are shared: callers must not change them. In JSON, lists
// without elements are empty, never null.
type Instance struct {
	Task      string            `json:"task"` // TaskID.value
	Name      string            `json:"name"` // Task.name, as the framework wrote it
	App       string            `json:"app"`  // what the task is called, the same for all instances: DiscoveryInfo.name, else Task.name
	Framework InstanceFramework `json:"framework"`
	Role      string            `json:"role"` // that the task's resources are allocated to; empty if unknown
	Agent     InstanceAgent     `json:"agent"`
	State     string            `json:"state"` // such as "TASK_RUNNING"
	Since     Timestamp         `json:"since"` // when it entered that state
	Health    HealthText        `json:"health"`
	// CanonicalName belongs to this task alone; empty if it cannot have one. Names
	// are the names of the domain that it shares with others, as far as it may use
	// them now: T.F.D, its aliases and its raw name.
	CanonicalName NameText          `json:"canonicalName"`
	Names         []string          `json:"names"`
	Addresses     InstanceAddresses `json:"addresses"`
	Ports         []InstancePort    `json:"ports"`
	Labels        []state.Label     `json:"labels"` // those that keepLabels selects, and those that set parameters of records
}

// InstanceFramework is the framework of an instance.
type InstanceFramework struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
}

// InstanceAgent is the agent that an instance runs on.
type InstanceAgent struct {
	ID         string            `json:"id"`
	Hostname   string            `json:"hostname"` // as the agent announced it
	Attributes []state.Attribute `json:"attributes"`
	Region     string            `json:"region"` // of its fault domain; empty if it has none
	Zone       string            `json:"zone"`
}

// InstanceAddresses are the addresses of an instance by kind.
type InstanceAddresses struct {
	Names     []netip.Addr      `json:"names"`     // those of its names, from IPSources
	Agent     []netip.Addr      `json:"agent"`     // those of its agent
	Container []netip.Addr      `json:"container"` // its own, where it does not share the network of its agent
	Auto      []netip.Addr      `json:"auto"`      // the agent's if a port is open there, else its own
	Networks  []InstanceNetwork `json:"networks"`  // its own by network, for networks that have names
}

// InstanceNetwork is a network on which an instance has addresses.
type InstanceNetwork struct {
	Name      string       `json:"name"`
	Addresses []netip.Addr `json:"addresses"`
}

// NameText is a name in presentation form. It is bytes, so that those of one instance
// can be overwritten by the next: each has a name of its own.
type NameText []byte

// String implements fmt.Stringer.
func (n NameText) String() string { return string(n) }

// MarshalText makes JSON show the name as text.
func (n NameText) MarshalText() ([]byte, error) { return n, nil }

// Timestamp is a time in seconds since 1970; 0 if unknown.
type Timestamp uint32

// Time returns the time, in UTC.
func (t Timestamp) Time() time.Time { return time.Unix(int64(t), 0).UTC() }

// MarshalJSON writes a time as in RFC 3339, in UTC, or null.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return strconv.AppendQuote(nil, t.Time().Format(time.RFC3339)), nil
}

// HealthText is a health as text: "healthy", "unhealthy" or "unknown".
type HealthText string

// The values of HealthText.
const (
	HealthyText   HealthText = "healthy"
	UnhealthyText HealthText = "unhealthy"
	UnknownText   HealthText = "unknown" // there are no health checks, or no result yet
)

func healthText(h state.Health) HealthText {
	switch h {
	case state.Healthy:
		return HealthyText
	case state.Unhealthy:
		return UnhealthyText
	}
	return UnknownText
}

// Label returns the value of the first label of an instance with that key.
func (i *Instance) Label(key string) (value string, ok bool) { return findLabel(i.Labels, key) }

func findLabel(labels []state.Label, key string) (value string, ok bool) {
	for _, l := range labels {
		if l.Key == key {
			return l.Value, true
		}
	}
	return "", false
}

// Key identifies the instance, see InstanceFilter.After.
func (i *Instance) Key() state.TaskKey {
	return state.TaskKey{Framework: i.Framework.ID, ID: i.Task}
}

// instance describes a task. What its records depend on is in o; agent and
// framework may be newer there in what no record depends on. The result is valid
// until the next call.
func (g *generator) instance(o owner, agent *state.Agent, framework *state.Framework) *Instance {
	t, s := o.task, g.suffixesOf(o.framework.Name)
	r := g.prepare(o, s)
	r.reach.find(t, o.agent, &g.o)
	i := &g.described
	*i = Instance{
		Task: t.Key.ID, Name: t.Name, App: appName(t),
		Framework: InstanceFramework{framework.ID, framework.Name, notNil(framework.Roles)},
		Role:      t.Role(),
		Agent:     InstanceAgent{agent.ID, agent.Hostname, notNil(agent.Attributes), agent.Region, agent.Zone},
		State:     t.State, Since: Timestamp(t.Since),
		CanonicalName: i.CanonicalName[:0],
		Names:         notNil(i.Names[:0]), Ports: notNil(i.Ports[:0]), Labels: notNil(append(append(i.Labels[:0], t.Labels...), t.KeptLabels()...)),
		Addresses: InstanceAddresses{
			Names: notNil(r.reach.addrs), Agent: notNil(o.agent.Addrs), Container: []netip.Addr{},
			Networks: notNil(i.Addresses.Networks[:0]),
		},
	}
	i.Health = healthText(t.Health)
	if r.reach.isolated {
		i.Addresses.Container = notNil(r.reach.container.addrs)
	}
	auto, _ := r.reach.autoAddrs(o.agent)
	i.Addresses.Auto = notNil(auto)
	for n := range r.reach.networks {
		network := &r.reach.networks[n]
		i.Addresses.Networks = append(i.Addresses.Networks, InstanceNetwork{network.name, network.addrs})
	}
	service := r.instanceNames(i)
	r.instancePorts(i, service)
	return i
}

// notNil returns an empty list for nil, which JSON shows as null.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// text returns a name in presentation form. Instances of an app, which mostly come
// one after the other, get the same string.
func (g *generator) text(name []byte) string {
	recent := &g.texts[maphash.Bytes(g.seed, name)%uint64(len(g.texts))]
	if string(recent.name) != string(name) {
		recent.name, recent.text = append(recent.name[:0], name...), Name(name).String()
	}
	return recent.text
}

// instanceNames fills in the names of an instance. It returns T, from which the SRV
// names of its ports follow, or nil if they cannot be used.
func (r *taskRecords) instanceNames(i *Instance) (service *publishedName) {
	if r.suffixes.err != nil {
		return nil
	}
	names := r.taskNames(r.owner.task)
	tail := r.canonicalTail(r.owner.task.Key.ID, r.owner.agent.ID)
	if len(names) == 0 || !allTypeable(tail) || len(tail) >= maxLabel {
		return nil
	}
	r.canonical = appendCanonical(r.canonical[:0], names[0].host, tail)
	if name, ok := r.join(r.canonical, r.suffixes.tasks); ok {
		i.CanonicalName = Name(name).AppendTo(i.CanonicalName)
	}
	published := r.publish(names)
	for n := range published {
		if !published[n].domain {
			continue
		}
		if name, ok := r.join(published[n].host, r.suffixes.tasks); ok {
			i.Names = append(i.Names, r.text(name))
		}
	}
	if first := &published[0]; names[0].kind == labelName && !r.owner.refused.has(bitLabel) && len(first.service) > 0 {
		return first
	}
	return nil
}

// instancePorts fills in the ports of an instance: those of its DiscoveryInfo, then
// those of its resources that the DiscoveryInfo does not list.
func (r *taskRecords) instancePorts(i *Instance, service *publishedName) {
	t, reach := r.owner.task, &r.reach
	index := -1
	r.listed = r.listed[:0]
	if r.o.announces(t) {
		for n := range reach.discoveryPorts {
			p := &reach.discoveryPorts[n]
			if n == 0 || p.Number != reach.discoveryPorts[n-1].Number || p.Name != reach.discoveryPorts[n-1].Name {
				index++
			}
			if !r.o.visible(p.Visibility, t.Discovery.Visibility) || p.Number == 0 {
				continue
			}
			for _, protocol := range r.announcedProtocols(p.Protocol) {
				sides := reach.sidesOf(p, protocol.transport)
				port := InstancePort{
					Index: index, Name: p.Name, Number: p.Number, Protocol: protocol.label, Transport: protocol.transport,
					Network: p.Network, Labels: notNil(p.Labels), SRVName: r.srvName(service, p.Name, protocol),
					Agent: endpoint(r.owner.agent.Addrs, sides.agent),
				}
				if reach.isolated && sides.container != 0 {
					port.Container = endpoint(reach.ownAddrs(p, sides).addrs, sides.container)
				}
				port.Side = sideOf(sides.meansAgent, &port)
				i.Ports = append(i.Ports, port)
				r.listed = append(r.listed, sides.agent, p.Number)
			}
		}
	}
	slices.Sort(r.listed)
	alone := index < 0
	for _, ranges := range [...][]state.PortRange{reach.agentPorts, reach.containerPorts} {
		for _, ports := range ranges {
			for n := int(ports.First); n <= int(ports.Last); n++ {
				if _, listed := slices.BinarySearch(r.listed, uint16(n)); listed {
					continue
				}
				port := r.resourcePort(uint16(n))
				if port.Index = -1; alone {
					index++
					port.Index = index
				}
				if !r.o.announces(t) {
					port.SRVName = r.srvName(service, "", portProtocol{"", port.Transport})
				}
				i.Ports = append(i.Ports, port)
			}
		}
	}
}

// resourcePort returns a port that only the resources have.
func (r *taskRecords) resourcePort(n uint16) InstancePort {
	reach := &r.reach
	port := InstancePort{Number: n, Labels: []state.Label{}}
	if !slices.ContainsFunc(reach.agentPorts, func(p state.PortRange) bool { return p.First <= n && n <= p.Last }) {
		port.Container = endpoint(reach.container.addrs, n)
		port.Side = sideOf(false, &port)
		return port
	}
	port.Agent = endpoint(r.owner.agent.Addrs, n)
	if m := reach.mappings.byHostPort(n, ""); m != nil && reach.isolated {
		port.Container = endpoint(reach.mapped(m).addrs, m.ContainerPort)
	}
	switch tcp, udp := r.opensOnAgent(n, tcpLabel), r.opensOnAgent(n, udpLabel); {
	case tcp && !udp:
		port.Transport = tcpLabel
	case udp && !tcp:
		port.Transport = udpLabel
	}
	port.Side = sideOf(true, &port)
	return port
}

// endpoint returns where a port can be connected to; port 0 is open nowhere.
func endpoint(addrs []netip.Addr, port uint16) Endpoint {
	if port == 0 || len(addrs) == 0 {
		return Endpoint{}
	}
	return Endpoint{addrs, port}
}

// sideOf returns the side that DNS names point to: the one that is meant, if the
// port is open there.
func sideOf(meansAgent bool, p *InstancePort) PortSide {
	agent, container := len(p.Agent.Addrs) > 0, len(p.Container.Addrs) > 0
	switch {
	case agent && (meansAgent || !container):
		return SideAgent
	case container && !meansAgent:
		return SideContainer
	}
	return SideNone
}

// announcedProtocols returns the protocols that a port of the DiscoveryInfo lists,
// each once, with their transports; both are empty if it lists none. The result is
// valid until the next call.
func (r *taskRecords) announcedProtocols(protocol string) []portProtocol {
	list := r.protocols[:0]
	for one := range strings.SplitSeq(protocol, ",") {
		one = strings.ToLower(strings.TrimSpace(one))
		if one != "" && !hasProtocol(list, one) && len(list) < maxProtocols {
			list = append(list, portProtocol{one, transportOf(one)})
		}
	}
	if len(list) == 0 {
		list = append(list, portProtocol{})
	}
	r.protocols = list
	return list
}

// srvName returns the name of the SRV records of a port, or "" if there is none.
func (r *taskRecords) srvName(service *publishedName, port string, protocol portProtocol) string {
	if service == nil {
		return ""
	}
	last := cmp.Or(protocol.transport, tcpLabel)
	if r.o.Scope == ScopeCompat {
		last = cmp.Or(r.o.Rule.Label(protocol.label), tcpLabel)
	}
	b := r.buf[:0]
	var err error
	if label := r.o.Rule.Label(port); label != "" {
		if b, err = appendLabels(b, "_"+label); err != nil {
			return ""
		}
	}
	b, err = appendLabels(append(b, service.service...), "_"+last)
	if err != nil || len(b)+len(r.suffixes.tasks) > maxName {
		return ""
	}
	return r.text(append(b, r.suffixes.tasks...))
}
