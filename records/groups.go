package records

import (
	"hash/maphash"
	"slices"

	"toponym/state"
)

// Tasks that share a name form a group. Which members may use the name depends on
// the others: an unhealthy task is suppressed while healthy ones have the name,
// and a DNS_ALIAS is suppressed while a task or a framework has the name of its
// own. There is a group for each shared name under the domain, and one for each
// T.F, with F as a single label, that the address trees have in common.
//
// An update of the groups has four steps:
//
//  1. regroup adds each changed task to the groups of its new version and notes
//     in the groups of its old version that it leaves.
//  2. It counts which frameworks are called by which name.
//  3. settle removes the tasks that leave each changed group, then decides anew
//     what the group suppresses.
//  4. Where that decision changed, the members that it concerns are updated, too.
//
// The cost is proportional to the size of the groups that changed, not to that of
// the cluster.

// group is the tasks that share a name.
type group struct {
	members    []*state.Task // tasks that are called so
	aliases    *aliasMembers // nil if no task has the name as an alias
	unhealthy  int32         // of members
	suppresses suppression
	collides   bool // members are called differently and only share the label
}

// aliasMembers is the tasks that have the name of a group as a DNS_ALIAS.
type aliasMembers struct {
	members   []*state.Task
	unhealthy int32
}

// suppression is which tasks of a group must not use its name.
type suppression uint8

const (
	suppressUnhealthy        suppression = 1 << iota // unhealthy members
	suppressAliases                                  // all aliases: the name belongs to a task or a framework
	suppressUnhealthyAliases                         // unhealthy tasks among the aliases
)

// groups is all groups of a set.
type groups struct {
	byName     map[Name]*group
	recent     [256]recentGroup // as for entries, see Set.recent
	dirty      map[Name]*dirtyGroup
	collisions int // of tasks

	// frameworks counts the frameworks of each name, by F.D and by F as a single
	// label without the domain.
	frameworks          map[Name]map[string]int
	frameworkCollisions int
}

type recentGroup struct {
	name  Name
	group *group
}

// dirtyGroup is a group that the running update changes.
type dirtyGroup struct {
	group      *group
	leaving    []*state.Task // from members or aliases
	mayCollide bool          // a member came that is not called like the first
}

func newGroups() groups {
	return groups{byName: map[Name]*group{}, dirty: map[Name]*dirtyGroup{}, frameworks: map[Name]map[string]int{}}
}

// taskChange is a task whose records may change. task is nil if it is gone.
type taskChange struct {
	key  state.TaskKey
	task *state.Task
}

// regroup brings the groups up to date with the changed tasks and frameworks. It
// returns the tasks whose records may change: the given ones, and those that gain
// or lose a shared name. In the first update it orders the tasks by group.
func (s *Set) regroup(c *state.Cluster, keys []state.TaskKey, frameworks []string, first bool) []taskChange {
	g := &s.groups
	gen := s.generator
	gen.out = discard{}
	all := make([]taskChange, 0, len(keys))
	var order []*group // of the first update, in which their first members came
	for i, k := range keys {
		yieldCPU(i)
		change := taskChange{k, c.Task(k)}
		before, had := s.tasks[k]
		after, has := s.ownerOf(c, change.task)
		if !first {
			all = append(all, change)
		}
		if had {
			s.loads.add(k.Framework, gen.wantedRecords(before), -1)
		}
		if has {
			s.loads.add(k.Framework, gen.wantedRecords(after), 1)
		}
		if had && has && before.task == after.task && before.framework.Name == after.framework.Name {
			continue
		}
		if had {
			gen.eachGroup(before, func(name []byte, _ nameBits, _ bool) { g.leave(name, before.task) })
		}
		hasLabel := false
		if has {
			gen.eachGroup(after, func(name []byte, bit nameBits, alias bool) {
				kept, one := g.group(s.seed, name)
				if bit == bitLabel {
					if hasLabel = true; first && len(one.members) == 0 {
						order = append(order, one)
					}
				}
				g.join(kept, one, after.task, alias)
			})
		}
		if first && !hasLabel {
			all = append(all, change)
		}
	}
	for _, one := range order {
		for _, t := range one.members {
			all = append(all, taskChange{t.Key, t})
		}
	}
	for _, id := range frameworks {
		g.renameFramework(gen, s.frameworks[id], c.Framework(id))
	}
	return s.settle(c, all)
}

// group returns the group of a name, and makes one if there is none.
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

// join adds a task to a group. A group whose members are healthy and called the
// same is complete with that; others have to be settled.
func (g *groups) join(name Name, one *group, t *state.Task, alias bool) {
	if alias {
		if one.aliases == nil {
			one.aliases = &aliasMembers{}
		}
		one.aliases.members = append(one.aliases.members, t)
		one.aliases.unhealthy += countUnhealthy(t)
		g.markDirty(name, one)
		return
	}
	one.members = append(one.members, t)
	one.unhealthy += countUnhealthy(t)
	different := len(one.members) > 1 && appName(one.members[0]) != appName(t)
	if one.unhealthy > 0 || one.aliases != nil || different {
		dirty := g.markDirty(name, one)
		dirty.mayCollide = dirty.mayCollide || different
	}
}

// leave notes that a task leaves a group.
func (g *groups) leave(name []byte, t *state.Task) {
	if one := g.byName[Name(name)]; one != nil {
		dirty := g.markDirty(Name(name), one)
		dirty.leaving = append(dirty.leaving, t)
	}
}

func (g *groups) markDirty(name Name, one *group) *dirtyGroup {
	dirty := g.dirty[name]
	if dirty == nil {
		dirty = &dirtyGroup{group: one}
		g.dirty[name] = dirty
	}
	return dirty
}

// renameFramework counts the name of a framework and no longer that of its
// version before. Either may be nil.
func (g *groups) renameFramework(gen *generator, before, after *state.Framework) {
	if before != nil {
		g.countFramework(gen, before.Name, -1)
	}
	if after != nil {
		g.countFramework(gen, after.Name, 1)
	}
}

// countFramework counts frameworks of a name by what that becomes: F.D, and F as a
// single label.
func (g *groups) countFramework(gen *generator, framework string, n int) {
	s := gen.suffixesOf(framework)
	if s.err != nil {
		return
	}
	names := []Name{s.tasks}
	if label, err := Root.Join(s.label); err == nil {
		names = append(names, label)
	}
	for _, name := range names {
		called := g.frameworks[name]
		if called == nil {
			called = map[string]int{}
			g.frameworks[name] = called
		}
		collided := len(called) > 1
		if called[framework] += n; called[framework] <= 0 {
			delete(called, framework)
		}
		switch collides := len(called) > 1; {
		case collides && !collided:
			g.frameworkCollisions++
		case collided && !collides:
			g.frameworkCollisions--
		}
		if len(called) == 0 {
			delete(g.frameworks, name)
		}
	}
	if one := g.byName[s.tasks]; one != nil {
		g.markDirty(s.tasks, one)
	}
}

// maxKeptDirty is the number of dirty groups for which memory is kept from one
// update to the next: clearing a map costs what it once held.
const maxKeptDirty = 1024

// settle completes the groups that the update changed, and adds the tasks that
// gain or lose a shared name.
func (s *Set) settle(c *state.Cluster, changes []taskChange) []taskChange {
	g := &s.groups
	concerned := s.settleLoads(c)
	if len(g.dirty) == 0 && len(concerned) == 0 {
		return changes
	}
	for name, dirty := range g.dirty {
		one := dirty.group
		collided := one.collides
		dirty.removeLeaving()
		switch {
		case one.collides && !collided:
			g.collisions++
		case collided && !one.collides:
			g.collisions--
		}
		if now := one.decide(len(g.frameworks[name]) > 0, s.generator.o.IncludeUnhealthy); now != one.suppresses {
			concerned = one.appendConcerned(concerned, now^one.suppresses)
			one.suppresses = now
		}
		if len(one.members) == 0 && one.aliases == nil {
			delete(g.byName, name)
		}
	}
	if len(g.dirty) > maxKeptDirty {
		g.dirty = map[Name]*dirtyGroup{}
	}
	clear(g.dirty)
	clear(g.recent[:]) // some of these groups may be gone
	if len(concerned) == 0 {
		return changes
	}
	listed := make(map[state.TaskKey]bool, len(changes))
	for _, change := range changes {
		listed[change.key] = true
	}
	for _, t := range concerned {
		if !listed[t.Key] {
			listed[t.Key] = true
			changes = append(changes, taskChange{t.Key, t})
		}
	}
	return changes
}

// maxSearched is the number of leaving tasks that are searched for one by one.
const maxSearched = 4

// removeLeaving removes the tasks that leave the group. A task that left and came
// back is listed twice; its older entry goes.
func (d *dirtyGroup) removeLeaving() {
	g := d.group
	if len(d.leaving) <= maxSearched {
		for _, t := range d.leaving {
			if i := slices.Index(g.members, t); i >= 0 {
				g.members = slices.Delete(g.members, i, i+1)
				g.unhealthy -= countUnhealthy(t)
			} else if i := slices.Index(g.aliases.list(), t); i >= 0 {
				g.aliases.members = slices.Delete(g.aliases.members, i, i+1)
				g.aliases.unhealthy -= countUnhealthy(t)
			}
		}
	} else {
		leaving := make(map[*state.Task]int, len(d.leaving))
		for _, t := range d.leaving {
			leaving[t]++
		}
		g.members = deleteTasks(g.members, leaving, &g.unhealthy)
		if a := g.aliases; a != nil {
			a.members = deleteTasks(a.members, leaving, &a.unhealthy)
		}
	}
	if len(g.aliases.list()) == 0 {
		g.aliases = nil
	}
	g.members = releaseSpare(g.members)
	if d.mayCollide || g.collides {
		g.collides = g.calledDifferently()
	}
}

// deleteTasks deletes each task as many times as it leaves.
func deleteTasks(list []*state.Task, leaving map[*state.Task]int, unhealthy *int32) []*state.Task {
	return slices.DeleteFunc(list, func(t *state.Task) bool {
		n := leaving[t]
		if n > 0 {
			leaving[t] = n - 1
			*unhealthy -= countUnhealthy(t)
		}
		return n > 0
	})
}

// releaseSpare releases the memory of a list after most of it was deleted.
func releaseSpare(list []*state.Task) []*state.Task {
	if cap(list) > 16 && len(list) < cap(list)/4 {
		return slices.Clone(list)
	}
	return list
}

// list returns the members, none if a is nil.
func (a *aliasMembers) list() []*state.Task {
	if a == nil {
		return nil
	}
	return a.members
}

// countUnhealthy returns 1 for an unhealthy task, else 0.
func countUnhealthy(t *state.Task) int32 {
	if t.Health == state.Unhealthy {
		return 1
	}
	return 0
}

// decide returns what the group suppresses. If all members are unhealthy none is
// suppressed, since one of them may still answer.
func (g *group) decide(ofFramework, includeUnhealthy bool) suppression {
	var s suppression
	if g.unhealthy > 0 && int(g.unhealthy) < len(g.members) && !includeUnhealthy {
		s |= suppressUnhealthy
	}
	if a := g.aliases; a != nil {
		if len(g.members) > 0 || ofFramework {
			s |= suppressAliases
		}
		if a.unhealthy > 0 && int(a.unhealthy) < len(a.members) && !includeUnhealthy {
			s |= suppressUnhealthyAliases
		}
	}
	return s
}

// appendConcerned appends the tasks that a changed suppression concerns.
func (g *group) appendConcerned(list []*state.Task, changed suppression) []*state.Task {
	if changed&suppressUnhealthy != 0 {
		for _, t := range g.members {
			if t.Health == state.Unhealthy {
				list = append(list, t)
			}
		}
	}
	if changed&(suppressAliases|suppressUnhealthyAliases) != 0 && g.aliases != nil {
		list = append(list, g.aliases.members...)
	}
	return list
}

// calledDifferently reports whether members have different names that became the
// same label.
func (g *group) calledDifferently() bool {
	return slices.ContainsFunc(g.members, func(t *state.Task) bool { return appName(t) != appName(g.members[0]) })
}

// settleLoads decides anew which share of records the tasks of a framework get. It
// returns the tasks that get another one.
func (s *Set) settleLoads(c *state.Cluster) (concerned []*state.Task) {
	s.loads.settle(func(framework string, share int, reduced bool) {
		if f := c.Framework(framework); f != nil && reduced {
			refInc{s}.omit(Omission{Framework: f.ID, Value: f.Name, Reason: LimitError{
				What: "records of its tasks", Limit: s.loads.limits.FrameworkRecords, Setting: "maxFrameworkRecords"}})
		}
		for t := range c.TasksOf(framework) {
			if o, ok := s.ownerOf(c, t); ok && s.generator.wantedRecords(o) > share {
				concerned = append(concerned, t)
			}
		}
	})
	return concerned
}

// restrict sets which shared names a task must not use and how many records it may
// own.
func (s *Set) restrict(o *owner) {
	gen := s.generator
	out := gen.out
	gen.out = discard{}
	defer func() { gen.out = out }()
	o.suppressed = s.suppressedNames(*o)
	o.maxRecords = s.loads.limitFor(o.task.Key.Framework, gen.wantedRecords(*o))
}

// suppressedNames returns the shared names that a task must not use.
func (s *Set) suppressedNames(o owner) nameBits {
	unhealthy := o.task.Health == state.Unhealthy
	if !unhealthy && len(o.task.Labels) == 0 {
		return 0
	}
	gen := s.generator
	var bits nameBits
	gen.eachGroup(o, func(name []byte, bit nameBits, alias bool) {
		g := s.groups.byName[Name(name)]
		if g == nil {
			return
		}
		suppressed := unhealthy && g.suppresses&suppressUnhealthy != 0
		if alias {
			suppressed = g.suppresses&suppressAliases != 0 || unhealthy && g.suppresses&suppressUnhealthyAliases != 0
		}
		if suppressed {
			bits |= bit
		}
	})
	return bits
}

// countCollisions returns the number of names, of tasks and of frameworks, that
// collide.
func (g *groups) countCollisions() int { return g.collisions + g.frameworkCollisions }
