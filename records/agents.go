package records

import (
	"net/netip"
	"slices"
	"strings"

	"toponym/state"
)

// An agent has the name <host>.agent.D, of which host is the first label of its host
// name. The record _agent._tcp.D points to the names of all agents, and PTR records
// of the agents' addresses do.
//
// Hosts whose names begin with the same label are told apart by a hash of the whole
// host name: which of them gets the short label must not depend on the order in which
// they came. Agents with the same host name run on one host and share its name.

// agentLabel is the label under the domain of the agents' names.
const agentLabel = "agent"

// agentOwner is an agent with what its names depend on.
type agentOwner struct {
	*state.Agent
	ambiguous bool // another host has the same first label
}

// agentOwner returns what the names of an agent depend on. The result is zero if a is
// nil.
func (s *Set) agentOwner(a *state.Agent) agentOwner {
	if a == nil {
		return agentOwner{}
	}
	return agentOwner{a, len(s.hosts[s.generator.hostLabel(a)].others) > 0}
}

// hostNames counts the agents whose host names begin with one label.
type hostNames struct {
	first  string // a host name
	agents int    // with that host name
	others map[string]int
}

// countHosts counts the host names of changed agents. It returns the ids of the
// agents whose label is no longer or newly ambiguous.
func (s *Set) countHosts(c *state.Cluster, ids []string) (concerned []string) {
	if s.generator.o.Scope == ScopeCompat {
		return nil
	}
	turned := map[string]bool{}
	count := func(a *state.Agent, n int) {
		label := s.generator.hostLabel(a)
		if label == "" {
			return
		}
		h := s.hosts[label]
		ambiguous := len(h.others) > 0
		h.count(strings.ToLower(a.Hostname), n)
		if ambiguous != (len(h.others) > 0) {
			turned[label] = !turned[label]
		}
		if h.agents == 0 {
			delete(s.hosts, label)
		} else {
			s.hosts[label] = h
		}
	}
	for _, id := range ids {
		before, after := s.agents[id].Agent, c.Agent(id)
		if before != nil && after != nil && before.Hostname == after.Hostname {
			continue
		}
		if before != nil {
			count(before, -1)
		}
		if after != nil {
			count(after, 1)
		}
	}
	for _, has := range turned {
		if has {
			for id, a := range s.agents {
				if turned[s.generator.hostLabel(a.Agent)] {
					concerned = append(concerned, id)
				}
			}
			break
		}
	}
	return concerned
}

func (h *hostNames) count(hostname string, n int) {
	if h.agents == 0 {
		h.first = hostname
	}
	if hostname == h.first {
		h.agents += n
	} else {
		if h.others == nil {
			h.others = map[string]int{}
		}
		if h.others[hostname] += n; h.others[hostname] == 0 {
			delete(h.others, hostname)
		}
	}
	if h.agents == 0 { // another host name takes the first place
		for h.first, h.agents = range h.others {
			delete(h.others, h.first)
			break
		}
	}
}

// hostLabel returns the first label of an agent's host name. An address is one label
// as a whole. The result is empty if nothing is left of it.
func (g *generator) hostLabel(a *state.Agent) string {
	if addr, err := netip.ParseAddr(a.Hostname); err == nil {
		return g.o.Rule.Label(strings.ReplaceAll(addr.WithZone("").String(), ":", "-"))
	}
	first, _, _ := strings.Cut(a.Hostname, ".")
	return g.o.Rule.Label(first)
}

// agentName returns <host>.agent.D, or "" if the agent has no such name.
func (g *generator) agentName(a agentOwner) Name {
	label := g.hostLabel(a.Agent)
	if g.o.Scope == ScopeCompat || label == "" {
		return ""
	}
	if a.ambiguous {
		hash := taskHash(strings.ToLower(a.Hostname))
		label = label[:min(len(label), maxLabel-1-len(hash))] + "-" + string(hash[:])
	}
	name, err := g.o.Domain.Join(label, agentLabel)
	if err != nil {
		return ""
	}
	return name
}

// agent makes slave.D, _slave._tcp.D and the names of the agent itself.
func (g *generator) agent(a agentOwner) {
	if len(a.Addrs) == 0 {
		return
	}
	if slave, err := g.o.Domain.Join(slaveLabel); err == nil {
		g.hostAddrs(slave, a.Addrs)
		if !a.PID.IsZero() {
			g.hostService(slave, a.PID.Port, g.o.Domain, "slave", tcpLabel)
		}
	}
	name := g.agentName(a)
	if name == "" {
		return
	}
	g.hostAddrs(name, a.Addrs)
	if !a.PID.IsZero() {
		g.hostService(name, a.PID.Port, g.o.Domain, "agent", tcpLabel)
	}
	g.hostPointers(name, a.Addrs, OwnerAgent)
}

// hostPointers makes the PTR records of the addresses of a host.
func (g *generator) hostPointers(name Name, addrs []netip.Addr, owner PTROwner) {
	if !g.o.Reverse || g.o.Scope == ScopeCompat {
		return
	}
	for _, a := range addrs {
		g.out.ptr(a, PTR{owner, g.out.target([]byte(name)).Name}, hostAddr)
	}
}

// sameForTasks reports whether the records of an agent's tasks are the same with
// both versions of the agent.
func (o *Options) sameForTasks(a, b *state.Agent) bool {
	return slices.Equal(a.Addrs, b.Addrs) && (o.Scope == ScopeCompat || a.Zone == b.Zone && a.Region == b.Region)
}
