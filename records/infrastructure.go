package records

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"toponym/state"
)

// The names of the infrastructure under the domain: those of schedulers, masters and
// of this server. agents.go has those of agents.

// Labels directly under the domain.
const (
	leaderLabel  = "leader"
	masterLabel  = "master" // also followed by a number
	slaveLabel   = "slave"
	networkLabel = "network"
)

// hostAddr is the source of addresses that are those of a host.
var hostAddr = addrSource{source: SourceHost}

// frameworkOwner is a framework with what its own names depend on.
type frameworkOwner struct {
	*state.Framework
	taken bool // tasks are called by its name
}

// frameworkOwner returns what the names of a framework depend on. The result is
// zero if f is nil.
func (s *Set) frameworkOwner(f *state.Framework) frameworkOwner {
	if f == nil {
		return frameworkOwner{}
	}
	one := s.groups.byName[s.generator.suffixesOf(f.Name).tasks]
	return frameworkOwner{f, one != nil && len(one.members) > 0 && s.generator.o.Scope != ScopeCompat}
}

// ErrReservedName is the reason why a framework or a task does not have a name.
var ErrReservedName = errors.New("the name is reserved for the infrastructure of the cluster")

// frameworkOmission returns the reason why a framework has no names of its own, or
// nil.
func (g *generator) frameworkOmission(f frameworkOwner) error {
	switch s := g.suffixesOf(f.Name); {
	case s.err != nil:
		return s.err
	case s.reserved:
		return ErrReservedName
	case f.taken:
		return errTaskName
	}
	return nil
}

// framework makes F.D and _framework._tcp.F.D.
func (g *generator) framework(f frameworkOwner) {
	g.omissions = 0
	if len(f.Addrs) == 0 {
		return
	}
	if err := g.frameworkOmission(f); err != nil {
		g.omit(Omission{Framework: f.ID, Value: f.Name, Reason: err})
		return
	}
	g.frameworkRecords(f.Framework)
}

func (g *generator) frameworkRecords(f *state.Framework) {
	s := g.suffixesOf(f.Name)
	g.hostAddrs(s.tasks, f.Addrs)
	if !f.PID.IsZero() {
		g.hostService(s.tasks, f.PID.Port, s.tasks, "framework", "tcp")
	}
}

// server makes the name of this server.
func (g *generator) server() {
	if g.o.MName.Under(g.o.Domain) {
		g.hostAddrs(g.o.MName, g.o.Listeners)
	}
}

// masters makes the names of the leading master and of all masters. masterN is
// numbered by the position in the list, so a new leader renames no master.
func (g *generator) masters(leader state.Master, all []state.Master) {
	d := g.o.Domain
	for _, o := range g.o.AddressDomains {
		g.treeMasters(o, leader, all)
	}
	if len(leader.Addrs) > 0 {
		if name, err := d.Join(leaderLabel); err == nil {
			g.hostAddrs(name, leader.Addrs)
			g.hostService(name, leader.Port, d, "leader", bothProtocols[:]...)
		}
	}
	everyMaster, err := d.Join(masterLabel)
	if err != nil {
		return
	}
	seen := map[netip.Addr]bool{}
	n := 0
	for _, master := range all {
		if len(master.Addrs) == 0 || seen[master.Addrs[0]] {
			continue
		}
		seen[master.Addrs[0]] = true
		g.hostAddrs(everyMaster, master.Addrs)
		name, err := d.Join(masterLabel + strconv.Itoa(n))
		n++
		if err != nil {
			continue
		}
		g.hostAddrs(name, master.Addrs)
		g.hostService(name, master.Port, d, "master", bothProtocols[:]...)
		g.hostPointers(name, master.Addrs, OwnerMaster)
	}
}

// treeMasters makes leader.O and master.O of an address domain.
func (g *generator) treeMasters(o Name, leader state.Master, all []state.Master) {
	if o == g.o.Domain {
		return // masters makes these names
	}
	if name, err := o.Join(leaderLabel); err == nil {
		g.hostAddrs(name, leader.Addrs)
	}
	name, err := o.Join(masterLabel)
	if err != nil {
		return
	}
	seen := map[netip.Addr]bool{}
	for _, master := range all {
		for _, a := range master.Addrs {
			if !seen[a] {
				seen[a] = true
				g.hostAddrs(name, []netip.Addr{a})
			}
		}
	}
}

// hostService makes an SRV record at _service._protocol.suffix for each protocol.
func (g *generator) hostService(target Name, port uint16, suffix Name, service string, protocols ...string) {
	d := SRV{Target: g.out.target([]byte(target)).id, Weight: g.o.SRVWeight, Port: port}
	for _, p := range protocols {
		if name, err := suffix.Join("_"+service, "_"+p); err == nil {
			g.out.srv([]byte(name), target, d)
		}
	}
}

// reservesSubtree reports whether a label directly under the domain has names of
// the infrastructure, or of the tasks of all frameworks, below it. A framework
// whose last label is one of these would share them.
func (g *generator) reservesSubtree(label string) bool {
	switch label {
	case slaveLabel, networkLabel, containerLabel, agentLabel, roleLabel, zoneLabel, regionLabel, frameworkLabel:
		return true
	}
	for _, o := range g.o.AddressDomains {
		switch {
		case o == g.o.Domain:
			if slices.Contains(treeLabels[:], label) {
				return true
			}
		case o.Under(g.o.Domain):
			if name, err := g.o.Domain.Join(label); err == nil && o.Under(name) {
				return true
			}
		}
	}
	return false
}

// findReserved finds out whether F.D or names below it are those of the leader, a
// master or this server.
func (g *generator) findReserved(s *suffixes) {
	first := string(s.tasks[1 : 1+s.tasks[0]])
	if parent, _ := s.tasks.Parent(); parent == g.o.Domain {
		digits := strings.TrimPrefix(first, masterLabel)
		s.reserved = first == leaderLabel || digits != first && strings.Trim(digits, "0123456789") == ""
	}
	switch {
	case g.o.MName == s.tasks:
		s.reserved = true
	case g.o.MName.Under(s.tasks):
		s.server = []byte(g.o.MName[:len(g.o.MName)-len(s.tasks)])
	}
}
