package records

import (
	"slices"
	"strings"

	"toponym/internal/names"
	"toponym/state"
)

// A question about one app, name or agent must not cost a look at all tasks. What the
// set keeps for its updates leads to the tasks: the groups of the names that they
// share, the PTR records of an address, and the index by agent.

// selection returns tasks among which are all that a filter selects, in no order. ok is
// false if that would be all tasks. The caller holds mu.
func (s *Set) selection(f InstanceFilter) (tasks []*state.Task, ok bool) {
	if f.Name != "" {
		if tasks, ok = s.concerned(f.Name); ok {
			return tasks, true
		}
	}
	if f.App != "" {
		if tasks, ok = s.called(f.App, f.Framework); ok {
			return tasks, true
		}
	}
	if f.Agent != "" {
		for id, a := range s.agents {
			if f.isAgent(a.Agent, a.Agent) {
				tasks = slices.AppendSeq(tasks, s.onAgents.Of(id))
			}
		}
		return tasks, true
	}
	return nil, false
}

// called returns the tasks that share the label of an app, of the frameworks with a
// name or an id; some of them may be called differently. ok is false where the groups
// do not tell, because the app or a framework can have no name.
func (s *Set) called(app, framework string) (members []*state.Task, ok bool) {
	label := s.generator.o.Rule.Label(app)
	if label == "" {
		return nil, false
	}
	g := newGenerator(s.generator.o, discard{})
	host, err := appendLabels(nil, label)
	if err != nil {
		return nil, false
	}
	seen := map[Name]bool{} // frameworks may share a name
	for id, f := range s.frameworks {
		if framework != "" && framework != id && framework != f.Name {
			continue
		}
		suffixes := g.suffixesOf(f.Name)
		if suffixes.err != nil {
			return nil, false
		}
		name, ok := g.join(host, suffixes.tasks)
		if !ok {
			return nil, false
		}
		if one := s.groups.byName[Name(name)]; one != nil && !seen[Name(name)] {
			seen[Name(name)] = true
			members = append(members, one.members...)
		}
	}
	return members, true
}

// concerned returns the tasks that own records of a name, would own them, or have their
// label in it. ok is false where nothing leads to them: the names of VIPs follow from
// labels, and a canonical name that had to be shortened tells only the beginning of T.
func (s *Set) concerned(name Name) (tasks []*state.Task, ok bool) {
	c := &concern{set: s, seen: map[state.TaskKey]struct{}{}}
	if name.isReverse() {
		_, d := s.find(names.Bytes(name))
		for _, p := range d.PTR {
			c.addGroup(p.Target)
		}
		return c.tasks, true
	}
	o := &s.generator.o
	if s.generator.inVIPDomain(name) {
		return nil, false
	}
	if name.Under(o.Domain) {
		for k := range s.nameless {
			c.add(s.tasks[k].task)
		}
		c.inDomain(labelsOf(name[:len(name)-len(o.Domain)]))
	}
	for _, domain := range o.AddressDomains {
		if name.Under(domain) {
			c.inTrees(labelsOf(name[:len(name)-len(domain)]))
		}
	}
	return c.tasks, !c.shortened
}

// concern collects the tasks that a name concerns.
type concern struct {
	set       *Set
	tasks     []*state.Task
	seen      map[state.TaskKey]struct{}
	shortened bool // the name may be a canonical name without the end of T
}

// inDomain looks at a name by its labels before the domain. The task is what stands
// before the framework; what follows the framework is one of few ends.
func (c *concern) inDomain(labels []string) {
	c.inFrameworks(labels)
	n := len(labels)
	if n > 1 && labels[n-1] == slaveLabel {
		c.inFrameworks(labels[:n-1])
	}
	if n > 2 && slices.Contains(aboveLabels[:], labels[n-1]) {
		c.inFrameworks(labels[:n-2])
	}
	if n > 2 && labels[n-1] == containerLabel {
		single, err := Root.Join(labels[n-2])
		if named := c.set.groups.frameworks[single]; err == nil && named != nil {
			for called := range named.called {
				if s := c.set.generator.suffixesOf(called); s.err == nil {
					c.addHosts(labels[:n-2], s.tasks)
				}
			}
		}
	}
}

// inFrameworks looks for frameworks at the end of the labels.
func (c *concern) inFrameworks(labels []string) {
	for i := 1; i < len(labels); i++ {
		if f, err := c.set.generator.o.Domain.Join(labels[i:]...); err == nil && c.set.groups.frameworks[f] != nil {
			c.addHosts(labels[:i], f)
		}
	}
}

// inTrees looks at a name by its labels before an address domain.
func (c *concern) inTrees(labels []string) {
	n := len(labels)
	if n < 3 || !slices.Contains(treeLabels[:], labels[n-1]) {
		return
	}
	if f, err := Root.Join(labels[n-2]); err == nil {
		c.addHosts(labels[:n-2], f)
	}
}

// addHosts adds the members of all groups whose name is a part of the labels, followed
// by suffix: each label, and what may be a raw or a split name.
func (c *concern) addHosts(labels []string, suffix Name) {
	for _, l := range labels {
		c.addHost([]string{l}, suffix)
	}
	n := len(labels)
	c.addHost(labels, suffix) // T
	if n > 1 {
		c.addHost(labels[:n-1], suffix)  // _T._proto
		c.addHost(labels[1:n-1], suffix) // _port._T._proto
		c.addHost(labels[2:], suffix)    // _port._proto.T
	}
}

// addHost adds the members of the group that is called by the labels, with and without
// the underscore of SRV names before the first, and of that whose canonical names these
// may be.
func (c *concern) addHost(labels []string, suffix Name) {
	if len(labels) == 0 {
		return
	}
	c.addNamed(labels, suffix)
	last := len(labels) - 1
	if t, _, _, ok := withoutTail(labels[last]); ok {
		c.shortened = c.shortened || len(labels[last]) == maxLabel
		c.addNamed(append(slices.Clone(labels[:last]), t), suffix)
	}
	if t, ok := strings.CutPrefix(labels[0], "_"); ok && t != "" {
		c.addNamed(append([]string{t}, labels[1:]...), suffix)
	}
}

func (c *concern) addNamed(labels []string, suffix Name) {
	if name, err := suffix.Join(labels...); err == nil {
		c.addGroup(name)
	}
}

func (c *concern) addGroup(name Name) {
	one := c.set.groups.byName[name]
	if one == nil {
		return
	}
	for _, list := range [...][]*state.Task{one.members, one.aliases.list()} {
		for _, t := range list {
			c.add(t)
		}
	}
}

func (c *concern) add(t *state.Task) {
	if _, ok := c.seen[t.Key]; !ok {
		c.seen[t.Key] = struct{}{}
		c.tasks = append(c.tasks, t)
	}
}

// labelsOf returns the labels of a name in wire form without the root.
func labelsOf(wire Name) (labels []string) {
	for len(wire) > 0 {
		end := 1 + int(wire[0])
		labels = append(labels, string(wire[1:end]))
		wire = wire[end:]
	}
	return labels
}
