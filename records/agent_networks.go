package records

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"toponym/state"
)

// Addresses on a bridge that each agent has for itself, such as Docker's docker0, are
// reached by that agent only, and other agents have the same ones. Clients elsewhere
// use the ports of the agent that are mapped to them. Such addresses are withheld
// from T.F.<network>.network.D and, if the task has port mappings, from containerip
// and from what IP source auto selects. The other IP sources and the scope compat
// publish what the status says.

// agentNetworks are the names of networks that each agent has for itself: Docker's
// bridge under its names, and the CNI bridge of DC/OS.
var agentNetworks = []string{"bridge", "default", "docker0", "mesos-bridge"}

// AgentNetworkError is the reason why addresses of tasks are omitted: they are on a
// network that only their own agent reaches.
type AgentNetworkError struct {
	Network string // empty if it has no name
}

// Error implements error.
func (e AgentNetworkError) Error() string {
	network, names := "a network without a name", "<network>.network"
	if e.Network != "" {
		network, names = fmt.Sprintf("the network %q", e.Network), e.Network+".network"
	}
	return fmt.Sprintf("only their own agent reaches addresses on %s, so names T.F.%s do not have them, "+
		"nor, for tasks with port mappings, do T.F.containerip and names whose addresses IP source auto selects", network, names)
}

// withholdAgentNetworks drops the addresses that only the agent reaches. docker is
// the network that DockerInfo has.
func (r *reachability) withholdAgentNetworks(docker string) {
	if docker == dockerBridge { // whatever network it names, Docker does not use it
		r.agentNetwork = agentNetworks[0]
	}
	isAgents := func(n addrSet) bool { return docker == dockerBridge || slices.Contains(agentNetworks, n.name) }
	for _, n := range r.networks {
		if isAgents(n) {
			r.withheld = true
			r.agentNetwork = cmp.Or(r.agentNetwork, n.name)
		}
	}
	if r.withheld {
		r.networks = slices.DeleteFunc(r.networks, isAgents)
	}
	if len(r.mappings.list) == 0 || len(r.container.addrs) == 0 {
		return
	}
	var onNetworks []netip.Addr
	for _, n := range r.networks {
		onNetworks = append(onNetworks, n.addrs...)
	}
	reached := indexAddrs(onNetworks)
	var list []netip.Addr
	for _, a := range r.container.addrs {
		if a.IsLoopback() || !reached.has(a) {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		return
	}
	r.withheld = true
	hidden := indexAddrs(list)
	r.reported.addrs = hidden.without(r.reported.addrs)
	for i := range r.networks {
		r.networks[i].addrs = hidden.without(r.networks[i].addrs)
	}
	r.unnamed.addrs = hidden.without(r.unnamed.addrs)
	r.container.addrs = hidden.without(r.container.addrs)
}

// addrIndex answers whether a list has an address, for long lists by a map.
type addrIndex struct {
	list []netip.Addr
	set  map[netip.Addr]struct{}
}

func indexAddrs(list []netip.Addr) addrIndex {
	x := addrIndex{list: list}
	if len(list) > maxUnindexed {
		x.set = make(map[netip.Addr]struct{}, len(list))
		for _, a := range list {
			x.set[a] = struct{}{}
		}
	}
	return x
}

func (x addrIndex) has(a netip.Addr) bool {
	if x.set == nil {
		return slices.Contains(x.list, a)
	}
	_, ok := x.set[a]
	return ok
}

// without returns a list without the addresses of the index. It does not change
// the list.
func (x addrIndex) without(list []netip.Addr) []netip.Addr {
	if !slices.ContainsFunc(list, x.has) {
		return list
	}
	var kept []netip.Addr
	for _, a := range list {
		if !x.has(a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// omitAgentNetwork reports that addresses of a task are withheld: once for its
// framework, as all tasks on such a network have them.
func (g *generator) omitAgentNetwork(framework *state.Framework, network string) {
	g.out.omit(Omission{Framework: framework.ID, Reason: AgentNetworkError{network}})
}
