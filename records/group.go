package records

import (
	"hash/maphash"
	"slices"

	"toponym/state"
)

// group is the tasks that share a name: those that have it by right, by what
// they are called, and those that ask for it as an alias. What one of them may
// have of it depends on the others: an unhealthy task gives way to healthy
// ones, and an alias to a name.
//
// Groups are kept for names under the domain, and for names in the views, which
// are written as T.F there, with F as one label.
type group struct {
	members []*state.Task // by right
	aliases *aliasGroup   // nil when nobody asks for it
	sick    int32         // of members, those that are unhealthy
	ruling  ruling
	mixed   bool // not all members are called the same
}

type aliasGroup struct {
	members []*state.Task
	sick    int
}

// ruling is what the members of a group have to leave.
type ruling uint8

const (
	rulesSick      ruling = 1 << iota // unhealthy members are left out
	rulesAliases                      // the name belongs to others, so that no alias has it
	rulesSickAlias                    // unhealthy tasks that have it as an alias are left out
)

// hidden is a bit for each of a task's shared names that it does not have.
type hidden uint32

const (
	hideLabel hidden = 1 << iota // T.F.D
	hideRaw                      // the same by the name of the DiscoveryInfo as it is written
	hideView                     // T.F in the views
	hideFirstAlias
)

func hideAlias(i int) hidden     { return hideFirstAlias << (2 * i) }
func hideAliasView(i int) hidden { return hideFirstAlias << (2*i + 1) }

func (h hidden) has(bit hidden) bool { return h&bit != 0 }

// membership is one group that a task is in.
type membership struct {
	bit   hidden // of the task's names, the one that the group is for
	alias bool
}

// memberships hands on the names of all groups that a task is in, in a buffer
// that is used again. They follow from the task and its framework alone.
func (m *maker) memberships(o owner, join func(name []byte, as membership)) {
	s := m.suffixes(o.framework.Name)
	if s.err != nil {
		return
	}
	_, label := m.label(o.task)
	if label != "" {
		m.member(s, label, membership{bit: hideLabel}, membership{bit: hideView}, join)
		for i, alias := range m.aliases(o.task, label) {
			m.member(s, alias, membership{hideAlias(i), true}, membership{hideAliasView(i), true}, join)
		}
	}
	if labels := rawLabels(o.task, label); labels != nil {
		if b, err := appendLabels(m.host[:0], labels...); err == nil {
			m.host = b
			if name, ok := m.join(b, s.tasks); ok {
				join(name, membership{bit: hideRaw})
			}
		}
	}
}

func (m *maker) member(s *suffixes, label string, domain, view membership, join func([]byte, membership)) {
	m.host, _ = appendLabels(m.host[:0], label)
	if name, ok := m.join(m.host, s.tasks); ok {
		join(name, domain)
	}
	if len(s.views) > 0 {
		b, _ := appendLabels(append(m.buf[:0], m.host...), s.view)
		join(append(b, 0), view)
	}
}

// groups are the groups of a set.
type groups struct {
	byName  map[Name]*group
	recent  [256]recentGroup // as with entries
	touched map[Name]*touch  // groups that the update that runs has changed
	mixed   int              // groups of tasks that are not called the same

	// What the frameworks are called by F.D, which no alias has, and by F as
	// one label.
	frameworks      map[Name][]string
	mixedFrameworks int
}

type recentGroup struct {
	name  Name
	group *group
}

// touch is what an update does to a group.
type touch struct {
	group *group
	gone  []*state.Task // members and aliases
}

func newGroups() groups {
	return groups{byName: map[Name]*group{}, touched: map[Name]*touch{}, frameworks: map[Name][]string{}}
}

// group finds or makes the group of a name that stands in a buffer.
func (g *groups) group(seed maphash.Seed, name []byte) (Name, *group) {
	recent := &g.recent[maphash.Bytes(seed, name)%uint64(len(g.recent))]
	if recent.group != nil && recent.name == Name(name) {
		return recent.name, recent.group
	}
	one := g.byName[Name(name)]
	if one == nil {
		one = &group{}
		g.byName[Name(name)] = one
	}
	*recent = recentGroup{Name(name), one}
	return recent.name, one
}

// regroup brings the groups up to date with what changed, and gives beside the
// changed tasks those that have more or fewer names than before because others
// changed. It costs what the groups of the changed tasks have members, however
// many tasks there are. In the first update it puts the tasks of a group
// together.
func (s *Set) regroup(c *state.Cluster, keys []state.TaskKey, frameworks []string, first bool) []work {
	m := s.maker
	m.sink = quiet{}
	g := &s.groups
	var task *state.Task
	leave := func(name []byte, _ membership) {
		one := g.byName[Name(name)]
		if one == nil {
			return
		}
		t := g.touch(Name(name), one)
		t.gone = append(t.gone, task)
	}
	var order []*group
	all := make([]work, 0, len(keys))
	labelled := false
	join := func(name []byte, as membership) {
		kept, one := g.group(s.seed, name)
		if as.bit == hideLabel {
			if labelled = true; first && len(one.members) == 0 {
				order = append(order, one)
			}
		}
		g.add(kept, one, task, as)
	}
	for i, k := range keys {
		slice(i)
		w := work{k, c.Task(k)}
		old, had := s.tasks[k]
		now, has := s.ownerOf(c, w.task)
		if !first {
			all = append(all, w)
		}
		if had && has && old.task == now.task && old.framework.Name == now.framework.Name {
			continue
		}
		if had {
			task = old.task
			m.memberships(old, leave)
		}
		labelled = false
		if has {
			task = now.task
			m.memberships(now, join)
		}
		if first && !labelled {
			all = append(all, w)
		}
	}
	for _, one := range order {
		for _, t := range one.members {
			all = append(all, work{t.Key, t})
		}
	}
	for _, id := range frameworks {
		g.framework(m, s.frameworks[id], c.Framework(id))
	}
	return s.settleGroups(all)
}

// add puts a task into a group. A group whose members are healthy and called
// the same needs no more than that.
func (g *groups) add(name Name, one *group, t *state.Task, as membership) {
	sick := t.Health == state.Unhealthy
	if as.alias {
		if one.aliases == nil {
			one.aliases = &aliasGroup{}
		}
		one.aliases.members = append(one.aliases.members, t)
	} else {
		one.members = append(one.members, t)
	}
	first := one.members
	if as.alias || sick || one.sick > 0 || one.aliases != nil || one.mixed || len(first) > 1 && !sameName(first[0], t) {
		g.touch(name, one)
	}
}

func (g *groups) touch(name Name, one *group) *touch {
	t := g.touched[name]
	if t == nil {
		t = &touch{group: one}
		g.touched[name] = t
	}
	return t
}

// framework notes how the names of frameworks change.
func (g *groups) framework(m *maker, before, after *state.Framework) {
	g.called(m, before, func(list []string, name string) []string {
		i := slices.Index(list, name)
		if i < 0 {
			return list
		}
		return slices.Delete(list, i, i+1)
	})
	g.called(m, after, func(list []string, name string) []string { return append(list, name) })
}

func (g *groups) called(m *maker, f *state.Framework, change func([]string, string) []string) {
	if f == nil {
		return
	}
	s := m.suffixes(f.Name)
	if s.err != nil {
		return
	}
	label, err := Root.Join(s.view)
	for _, name := range []Name{s.tasks, label} {
		if err != nil {
			continue
		}
		list := g.frameworks[name]
		if differ(list) {
			g.mixedFrameworks--
		}
		list = change(list, f.Name)
		if differ(list) {
			g.mixedFrameworks++
		}
		g.frameworks[name] = list
		if len(list) == 0 {
			delete(g.frameworks, name)
		}
	}
	if one := g.byName[s.tasks]; one != nil {
		g.touch(s.tasks, one)
	}
}

// collisions is the number of names, of tasks and of frameworks, that belong to
// several that are not called the same.
func (g *groups) collisions() int { return g.mixed + g.mixedFrameworks }

func differ(list []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return s != list[0] })
}

// settleGroups rules anew for the groups that were touched, and adds the tasks
// whom that concerns.
func (s *Set) settleGroups(all []work) []work {
	g := &s.groups
	if len(g.touched) == 0 {
		return all
	}
	var more []*state.Task
	for name, t := range g.touched {
		one := t.group
		t.settle()
		if mixed := one.calledDifferently(); mixed != one.mixed {
			one.mixed = mixed
			g.mixed += map[bool]int{true: 1, false: -1}[mixed]
		}
		if now := one.rule(len(g.frameworks[name]) > 0, s.maker.o.IncludeUnhealthy); now != one.ruling {
			more = one.affected(more, now^one.ruling)
			one.ruling = now
		}
		if len(one.members) == 0 && one.aliases == nil {
			delete(g.byName, name)
		}
	}
	clear(g.touched)
	clear(g.recent[:]) // groups may have gone
	if len(more) == 0 {
		return all
	}
	listed := make(map[state.TaskKey]bool, len(all))
	for _, w := range all {
		listed[w.key] = true
	}
	for _, t := range more {
		if !listed[t.Key] {
			listed[t.Key] = true
			all = append(all, work{t.Key, t})
		}
	}
	return all
}

// settle takes out who has gone, and counts the sick.
func (t *touch) settle() {
	g := t.group
	if len(t.gone) > 0 {
		// Somebody who left and came back is listed twice, the older first.
		gone := make(map[*state.Task]int, len(t.gone))
		for _, t := range t.gone {
			gone[t]++
		}
		out := func(t *state.Task) bool {
			gone[t]--
			return gone[t] >= 0
		}
		g.members = shrink(slices.DeleteFunc(g.members, out))
		if a := g.aliases; a != nil {
			if a.members = slices.DeleteFunc(a.members, out); len(a.members) == 0 {
				g.aliases = nil
			}
		}
	}
	g.sick = int32(sick(g.members))
	if g.aliases != nil {
		g.aliases.sick = sick(g.aliases.members)
	}
}

// shrink gives back memory after most members have gone.
func shrink(list []*state.Task) []*state.Task {
	if cap(list) > 16 && len(list) < cap(list)/4 {
		return slices.Clone(list)
	}
	return list
}

func sick(list []*state.Task) int {
	n := 0
	for _, t := range list {
		if t.Health == state.Unhealthy {
			n++
		}
	}
	return n
}

// rule finds what members have to leave. Where all are unhealthy, all stay:
// somebody has to answer.
func (g *group) rule(owned, includeUnhealthy bool) ruling {
	var r ruling
	if g.sick > 0 && int(g.sick) < len(g.members) && !includeUnhealthy {
		r |= rulesSick
	}
	if a := g.aliases; a != nil {
		if len(g.members) > 0 || owned {
			r |= rulesAliases
		}
		if a.sick > 0 && a.sick < len(a.members) && !includeUnhealthy {
			r |= rulesSickAlias
		}
	}
	return r
}

// affected appends the members whom changed rules concern.
func (g *group) affected(list []*state.Task, changed ruling) []*state.Task {
	if changed&rulesSick != 0 {
		for _, t := range g.members {
			if t.Health == state.Unhealthy {
				list = append(list, t)
			}
		}
	}
	if changed&(rulesAliases|rulesSickAlias) != 0 && g.aliases != nil {
		list = append(list, g.aliases.members...)
	}
	return list
}

// calledDifferently reports whether the label rules gave one name to tasks that
// are not called the same.
func (g *group) calledDifferently() bool {
	for _, t := range g.members {
		if !sameName(g.members[0], t) {
			return true
		}
	}
	return false
}

func sameName(a, b *state.Task) bool { return calledBy(a) == calledBy(b) }

func calledBy(t *state.Task) string {
	if hasDiscovery(t) {
		return t.Discovery.Name
	}
	return t.Name
}

// hides finds which of its shared names a task does not have.
func (s *Set) hides(o owner) hidden {
	unhealthy := o.task.Health == state.Unhealthy
	if !unhealthy && len(o.task.Labels) == 0 {
		return 0
	}
	sink := s.maker.sink
	s.maker.sink = quiet{}
	defer func() { s.maker.sink = sink }()
	var hide hidden
	s.maker.memberships(o, func(name []byte, as membership) {
		g := s.groups.byName[Name(name)]
		if g == nil {
			return
		}
		leaves := unhealthy && g.ruling&rulesSick != 0
		if as.alias {
			leaves = g.ruling&rulesAliases != 0 || unhealthy && g.ruling&rulesSickAlias != 0
		}
		if leaves {
			hide |= as.bit
		}
	})
	return hide
}
