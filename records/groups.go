package records

import (
	"hash/maphash"
	"slices"

	"toponym/state"
)

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
	group   *group
	gone    []*state.Task // members and aliases
	recheck bool          // somebody came who is not called as the others
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

// add puts a task into a group. A group whose members are healthy and called
// the same needs no more than that.
func (g *groups) add(name Name, one *group, t *state.Task, as membership) {
	if as.alias {
		if one.aliases == nil {
			one.aliases = &aliasGroup{}
		}
		one.aliases.members = append(one.aliases.members, t)
		one.aliases.sick += sick(t)
		g.touch(name, one)
		return
	}
	one.members = append(one.members, t)
	one.sick += sick(t)
	other := len(one.members) > 1 && !sameName(one.members[0], t)
	if one.sick > 0 || one.aliases != nil || other {
		touched := g.touch(name, one)
		touched.recheck = touched.recheck || other
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
