package records

import (
	"slices"

	"toponym/state"
)

// SRV records of one identity of a task:
//
//  1. The ports that the agent gave the task (resources.ports) have records under
//     F.slave.D, unless the DiscoveryInfo lists the same port. Without a
//     DiscoveryInfo they have records under F.D and in the address trees as well.
//     They may be used by TCP and by UDP, unless port mappings say otherwise.
//  2. Each port of the DiscoveryInfo has records under F.D, in the subsets, under
//     F.slave.D and in the address trees. srvTargets selects for each of these the side on which
//     the port is open; a side on which it is not open has no record.
//  3. The owner names are _T._proto.suffix, and for a named port
//     _port._T._proto.suffix and _port._proto.T.suffix.

// srvTarget is where a port can be connected to. The name is empty if nothing can
// connect.
type srvTarget struct {
	numberedName
	port uint16
}

// srvTargets is where one port can be connected to, by the suffix of the owner
// name.
type srvTargets struct {
	domain    srvTarget // F.D
	agent     srvTarget // F.slave.D and agentip
	container srvTarget // containerip
	auto      srvTarget // autoip
}

// services makes the SRV records of the names of one identity.
func (r *taskRecords) services(id *identity, names []publishedName) {
	t := r.owner.task
	if len(r.reach.resourcePorts) == 0 && (!r.o.announces(t) || len(r.reach.discoveryPorts) == 0) {
		return
	}
	inTrees := false
	names = slices.DeleteFunc(names, func(n publishedName) bool {
		if !n.domain && !n.trees {
			return true
		}
		if len(n.service) == 0 {
			r.omit("_"+t.Name, ErrLabelLength)
			return true
		}
		inTrees = inTrees || n.trees
		return false
	})
	if len(names) == 0 {
		return
	}
	r.findAnnounced()
	r.resourcePorts(id, names)
	if !r.o.announces(t) {
		return
	}
	for i := range r.reach.discoveryPorts {
		if r.spent() {
			return
		}
		p := &r.reach.discoveryPorts[i]
		if !r.o.publishesPort(t, p) {
			continue
		}
		params := r.params
		if len(p.Labels) > 0 {
			params = r.applyLabels(t, p.Labels, params, true)
		}
		r.discoveryPort(id, names, p, params, inTrees)
	}
}

// spent reports whether the task cannot own more records although it has more.
func (r *taskRecords) spent() bool {
	if r.budget > 0 {
		return false
	}
	r.exhausted = true
	return true
}

// resourcePorts makes the records of the ports that the agent gave the task.
func (r *taskRecords) resourcePorts(id *identity, names []publishedName) {
	t := r.owner.task
	if len(r.reach.resourcePorts) == 0 {
		return
	}
	agentPorts, containerPorts := r.reach.agentPorts, r.reach.containerPorts
	if r.o.Scope == ScopeCompat {
		agentPorts, containerPorts = r.reach.resourcePorts, nil
	}
	discovery := r.o.announces(t)
	var container numberedName
	if !discovery && len(containerPorts) > 0 {
		container = r.containerTarget(id, &r.reach.container)
	}
	for _, proto := range bothProtocols {
		for i := range names {
			if r.spent() {
				return
			}
			n := &names[i]
			if n.domain {
				for _, ports := range agentPorts {
					if !r.opensOnAgent(ports.First, proto) {
						continue
					}
					if !discovery {
						r.srvDomain(n, id.onAgent, ports, proto)
					}
					r.unannounced(n, id.onAgent, ports, proto)
				}
				for _, ports := range containerPorts {
					r.srvDomain(n, container, ports, proto)
				}
			}
			if n.trees && !discovery {
				r.treeResourcePorts(id, n, proto)
			}
		}
	}
}

// unannounced makes the records under F.slave.D of those ports of a range that the
// DiscoveryInfo does not list.
func (r *taskRecords) unannounced(n *publishedName, target numberedName, ports state.PortRange, proto string) {
	for first := int(ports.First); first <= int(ports.Last); first++ {
		if r.isAnnounced(first) {
			continue
		}
		last := first
		for last < int(ports.Last) && !r.isAnnounced(last+1) {
			last++
		}
		r.srvRange(n, target, state.PortRange{First: uint16(first), Last: uint16(last)}, r.suffixes.slave, proto)
		first = last
	}
}

// treeResourcePorts makes the records of these ports in the address trees.
func (r *taskRecords) treeResourcePorts(id *identity, n *publishedName, proto string) {
	reach := &r.reach
	var container numberedName
	if !reach.isolated {
		container = r.containerTarget(id, &reach.reported)
	} else if len(reach.containerPorts) > 0 {
		container = r.containerTarget(id, &reach.container)
	}
	for i := range r.suffixes.trees {
		tree := &r.suffixes.trees[i]
		for _, ports := range reach.agentPorts {
			if !r.opensOnAgent(ports.First, proto) {
				continue
			}
			r.srvRange(n, id.onAgent, ports, tree[treeAgent], proto)
			r.srvRange(n, id.onAgent, ports, tree[treeAuto], proto)
			if !reach.isolated {
				r.srvRange(n, container, ports, tree[treeContainer], proto)
			} else if m := reach.mappings.byHostPort(ports.First, proto); m != nil { // a mapped port is a range of one
				mapped := state.PortRange{First: m.ContainerPort, Last: m.ContainerPort}
				r.srvRange(n, r.containerTarget(id, reach.mapped(m)), mapped, tree[treeContainer], proto)
			}
		}
		for _, ports := range reach.containerPorts {
			r.srvRange(n, container, ports, tree[treeContainer], proto)
			r.srvRange(n, container, ports, tree[treeAuto], proto)
		}
	}
}

// discoveryPort makes the records of one port of the DiscoveryInfo.
func (r *taskRecords) discoveryPort(id *identity, names []publishedName, p *state.DiscoveryPort, params recordParams, inTrees bool) {
	var at srvTargets
	s := srvPort{label: r.o.Rule.Label(p.Name), params: params}
	for i, proto := range r.protocolsOf(p.Protocol) {
		if i == 0 || p.Protocol != "" && len(r.reach.mappings.list) > 0 { // else all protocols have the same
			at = r.srvTargets(id, p, proto.transport, inTrees)
		}
		s.protocol = proto.label
		for i := range names {
			n := &names[i]
			if n.domain {
				for form := range numSRVForms {
					r.srvOwner(n, &s, form, at.domain, r.suffixes.tasks)
					for _, suffix := range r.subsets {
						r.srvOwner(n, &s, form, at.domain, suffix)
					}
					if form != formRFC2782 {
						r.srvOwner(n, &s, form, at.agent, r.suffixes.slave)
					}
				}
			}
			if !n.trees {
				continue
			}
			for i := range r.suffixes.trees {
				tree := &r.suffixes.trees[i]
				for i, target := range [numTrees]srvTarget{treeAgent: at.agent, treeContainer: at.container, treeAuto: at.auto} {
					for form := range numSRVForms {
						r.srvOwner(n, &s, form, target, tree[i])
					}
				}
			}
		}
	}
}

// srvTargets finds where a port of the DiscoveryInfo can be connected to by one of
// its protocols, or by all.
func (r *taskRecords) srvTargets(id *identity, p *state.DiscoveryPort, protocol string, inTrees bool) (at srvTargets) {
	reach := &r.reach
	sides := reach.sidesOf(p, protocol)
	if sides.agent != 0 && id.onAgent.Name != "" {
		at.agent = srvTarget{id.onAgent, sides.agent}
	}
	compat := r.o.Scope == ScopeCompat
	if sides.container != 0 && (inTrees || !sides.meansAgent && !compat) {
		if target := r.containerTarget(id, reach.ownAddrs(p, sides)); target.Name != "" {
			at.container = srvTarget{target, sides.container}
		}
	}
	at.auto = at.container
	if sides.meansAgent || at.auto.Name == "" {
		at.auto = at.agent
	}
	if sides.meansAgent && p.Scope == "" && at.agent.Name != "" && reach.addrsAreAgents {
		at.auto.numberedName = id.onTask // both names are right; Mesos-DNS uses this one
	}
	at.domain = at.auto
	if compat {
		at.domain = srvTarget{id.onTask, p.Number}
		if id.onAgent.Name != "" {
			at.agent = srvTarget{id.onAgent, p.Number}
		}
	}
	if at.domain.Name == "" && r.explain {
		r.omit(p.Name, errNoNetworkAddr)
	}
	return at
}

// containerTarget returns a name of the task alone that has exactly the given
// addresses of the task itself. If no such name exists, it makes one:
// T-H-S.F.<network>.network.D, or T-H-S.F.containerip.D.
func (r *taskRecords) containerTarget(id *identity, set *addrSet) numberedName {
	if !set.hasTarget {
		set.target, set.hasTarget = r.findContainerTarget(id, set), true
	}
	return set.target
}

func (r *taskRecords) findContainerTarget(id *identity, set *addrSet) numberedName {
	switch {
	case len(set.addrs) == 0:
		return numberedName{}
	case sameAddrs(set.addrs, r.reach.addrs):
		return id.onTask
	case sameAddrs(set.addrs, r.owner.agent.Addrs):
		return id.onAgent
	}
	var name []byte
	var err error
	if set.name != "" {
		name, err = r.networkName(id.canonical, set.name)
	} else if joined, ok := r.join(id.canonical, r.suffixes.container); ok && r.suffixes.container != "" {
		name = joined
	} else {
		err = ErrNameLength
	}
	if err != nil {
		r.omit(set.name, err)
		return numberedName{}
	}
	target := r.out.target(name)
	if _, made := r.containerTargets[target.Name]; !made {
		if r.containerTargets == nil {
			r.containerTargets = map[Name]struct{}{}
		}
		r.containerTargets[target.Name] = struct{}{}
		r.addrsAt([]byte(target.Name), set.addrs, addrSource{source: r.reach.reportedBy}, r.params)
	}
	return target
}

// srvPort is what the records of one port have in common.
type srvPort struct {
	label    string // of the port's name; empty if it has none
	protocol string
	params   recordParams
}

// srvForm is a form of the owner names of SRV records.
type srvForm uint8

const (
	formService srvForm = iota // _T._proto
	formPort                   // _port._T._proto
	formRFC2782                // _port._proto.T, as RFC 2782 has it; the SRV functions of resolvers look it up
	numSRVForms
)

// srvOwner makes the record of one port and one target at one form of the name.
func (r *taskRecords) srvOwner(n *publishedName, s *srvPort, form srvForm, target srvTarget, suffix Name) {
	if target.Name == "" || form != formService && s.label == "" {
		return
	}
	port := state.PortRange{First: target.port, Last: target.port}
	switch form {
	case formService:
		r.srv(append(r.buf[:0], n.service...), s.protocol, suffix, target.numberedName, port, s.params)
	case formPort:
		b, err := appendLabels(r.buf[:0], "_"+s.label)
		if err != nil {
			r.omit("_"+s.label, err)
			return
		}
		r.srv(append(b, n.service...), s.protocol, suffix, target.numberedName, port, s.params)
	case formRFC2782:
		b, err := appendLabels(r.buf[:0], "_"+s.label, "_"+s.protocol)
		if err != nil {
			return // formPort has omitted it
		}
		r.srvAt(append(append(b, n.host...), suffix...), target.numberedName, port, s.params)
	}
}

// srvDomain makes the records of a range of ports under F.D and in the subsets.
func (r *taskRecords) srvDomain(n *publishedName, target numberedName, ports state.PortRange, proto string) {
	r.srvRange(n, target, ports, r.suffixes.tasks, proto)
	for _, suffix := range r.subsets {
		r.srvRange(n, target, ports, suffix, proto)
	}
}

// srvRange makes the records of a range of ports at _T._proto.suffix.
func (r *taskRecords) srvRange(n *publishedName, target numberedName, ports state.PortRange, suffix Name, proto string) {
	if target.Name != "" {
		r.srv(append(r.buf[:0], n.service...), proto, suffix, target, ports, r.params)
	}
}

// srv makes the records of a range of ports at prefix._proto.suffix.
func (r *taskRecords) srv(prefix []byte, proto string, suffix Name, target numberedName, ports state.PortRange, p recordParams) {
	name, err := appendLabels(prefix, "_"+proto)
	if err != nil {
		r.omit("_"+proto, err)
		return
	}
	r.srvAt(append(name, suffix...), target, ports, p)
}

func (r *taskRecords) srvAt(name []byte, target numberedName, ports state.PortRange, p recordParams) {
	if len(name) > maxName {
		r.omit(Name(name).String(), ErrNameLength)
		return
	}
	last := int(ports.Last)
	if n := last - int(ports.First) + 1; n > r.budget {
		last, r.exhausted = int(ports.First)+r.budget-1, true
	}
	if last < int(ports.First) {
		return
	}
	r.budget -= last - int(ports.First) + 1
	for port := int(ports.First); port <= last; port++ {
		r.out.srv(name, target.Name, SRV{Target: target.id, Priority: p.priority, Weight: p.weight, Port: uint16(port)})
	}
	if p.ttl != 0 {
		r.out.ttl(name, p.ttl)
	}
}
