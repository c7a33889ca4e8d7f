package records

import "strings"

// The address trees hold the names T.F.<tree>.O under each address domain O. F is
// a single label there: "marathon.user" becomes "marathon-user".

// addrTree is one of the three address trees.
type addrTree uint8

const (
	treeAgent     addrTree = iota // agentip: the addresses of the agent
	treeContainer                 // containerip: the addresses of the task itself
	treeAuto                      // autoip: the side on which the ports of the task are open
	numTrees
)

var treeLabels = [numTrees]string{"agentip", "containerip", "autoip"}

// containerLabel is the label under the domain of the names
// T-H-S.F.containerip.D. They are targets of SRV records that have the addresses
// of the task itself, made where no other name has exactly those addresses.
const containerLabel = "containerip"

// treeSuffixes is what follows T in the trees of one address domain, for one
// framework.
type treeSuffixes [numTrees]Name

// joinTrees fills in the suffixes that contain the framework as a single label. A
// framework whose name is too long for them keeps its other names.
func (g *generator) joinTrees(s *suffixes, labels []string) {
	s.label = g.o.Rule.Label(strings.Join(labels, "-"))
	if name, err := g.o.Domain.Join(s.label, containerLabel); err == nil {
		s.container = name
	}
	for _, o := range g.o.AddressDomains {
		var t treeSuffixes
		for i, label := range treeLabels {
			t[i], _ = o.Join(s.label, label)
		}
		if t[treeContainer] != "" { // the longest of them
			s.trees = append(s.trees, t)
		}
	}
}

// treeAddrs makes the addresses of a shared name in the trees.
func (r *taskRecords) treeAddrs(n *publishedName) {
	autoAddrs, auto := r.reach.autoAddrs(r.owner.agent)
	for i := range r.suffixes.trees {
		t := &r.suffixes.trees[i]
		ok := r.addrs(n.host, t[treeAgent], r.owner.agent.Addrs, hostAddr, r.params)
		ok = r.addrs(n.host, t[treeContainer], r.reach.reported.addrs, addrSource{source: r.reach.reportedBy}, r.params) && ok
		ok = r.addrs(n.host, t[treeAuto], autoAddrs, addrSource{source: auto, auto: true}, r.params) && ok
		if !ok {
			r.omitTooLong()
		}
	}
}
