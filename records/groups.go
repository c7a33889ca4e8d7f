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
//  3. settle removes the tasks that leave each changed group, then decides again
//     what the group suppresses.
//  4. Where that decision changed, the members that it concerns are updated, too.
//
// The cost is proportional to the size of the groups that changed, not to that of
// the cluster.

// group holds the tasks that share a name.
type group struct {
	members    []*state.Task // tasks with this name of their own
	aliases    *aliasMembers // nil if no task has the name as an alias
	unhealthy  int32         // of members
	suppresses suppression
	collides   bool // members are called differently and only share the label
	ordered    bool // the first update has listed the group, see regroup
	mixed      bool // members are of several frameworks
	// nearest is the length of the shortest F.D among the members, if they are
	// of frameworks of which one is below another; else 0.
	nearest uint8
}

// aliasMembers holds the tasks that have the name of a group as a DNS_ALIAS.
type aliasMembers struct {
	members   []*state.Task
	unhealthy int32
}

// groups holds all groups of a set.
type groups struct {
	byName     map[Name]*group
	recent     [256]recentGroup // as for entries, see Set.recent
	dirty      map[Name]*dirtyGroup
	collisions int // of tasks

	withAliases int // groups that have aliases
	reserved    reservations

	// canonical counts the tasks whose canonical names, with T-H-S in the place of
	// T, have a hash. Groups of such a name suppress their members.
	canonical map[uint64]uint32

	conflicts int // groups that suppress members because the name belongs to others

	// frameworks holds the frameworks by F.D, and by F as a single label without the
	// domain.
	frameworks          map[Name]*namedFrameworks
	frameworkCollisions int
	merged              map[Name]struct{}   // of these names, those that several frameworks share
	newlyMerged         map[Name]struct{}   // by the running update
	recheckTasksOf      map[string]struct{} // frameworks that newly share their name, or no longer do
}

type recentGroup struct {
	name  Name
	group *group
}

// dirtyGroup is a group that the current update changes.
type dirtyGroup struct {
	group          *group
	leaving        []*state.Task // from members
	leavingAliases []*state.Task
	frameworks     bool // a new member is of another framework than the first
	mayCollide     bool // a new member has another name than the first
}

func newGroups() groups {
	return groups{byName: map[Name]*group{}, dirty: map[Name]*dirtyGroup{}, frameworks: map[Name]*namedFrameworks{}, canonical: map[uint64]uint32{},
		merged: map[Name]struct{}{}, newlyMerged: map[Name]struct{}{}, recheckTasksOf: map[string]struct{}{}}
}

// taskChange is a task whose records may change. task is nil if it is gone.
type taskChange struct {
	key    state.TaskKey
	task   *state.Task
	before owner  // the version before, without a task if that had no names
	weight weight // set by shareLimits
	early  bool   // the records that it loses are being made already, see spread.go
}

// changeOf returns a task as one whose records may change.
func (s *Set) changeOf(k state.TaskKey, t *state.Task) taskChange {
	return taskChange{key: k, task: t, before: s.tasks[k]}
}

// changesOf does so for tasks of a cluster.
func (s *Set) changesOf(c *state.Cluster, keys []state.TaskKey) []taskChange {
	changes := make([]taskChange, len(keys))
	for i, k := range keys {
		changes[i] = s.changeOf(k, c.Task(k))
	}
	return changes
}

// regroup brings the groups up to date with the changed tasks and frameworks. It
// returns the tasks whose records may change: the given ones, and those that gain
// or lose a shared name. In the first update it orders the tasks by group.
func (s *Set) regroup(c *state.Cluster, changes []taskChange, frameworks []string, first bool) []taskChange {
	g := &s.groups
	gen := s.generator
	gen.out = discard{}
	all := changes
	var order []*group // of the first update, in which their first members came
	// Of the first update: tasks that may be in a second group of these, and whether
	// they are in all.
	listed := map[*state.Task]bool{}
	if first {
		g.canonical = make(map[uint64]uint32, len(changes))
		all = make([]taskChange, 0, len(changes))
	}
	for i, change := range changes {
		yieldCPU(i)
		before, had := change.before, change.before.task != nil
		after, has := s.ownerOf(c, change.task)
		if had && has && before.task == after.task && before.framework.Name == after.framework.Name {
			continue
		}
		if had {
			gen.eachGroup(before, func(name []byte, _ nameBits, alias bool) { g.leave(name, before.task, alias) })
			gen.eachCanonical(before, func(name []byte) { g.countCanonical(s.seed, name, -1) })
		}
		hasLabel := false
		if has {
			gen.eachGroup(after, func(name []byte, bit nameBits, alias bool) {
				kept, one := g.group(s.seed, name)
				if bit == bitLabel {
					if hasLabel = true; first && !one.ordered {
						one.ordered = true
						order = append(order, one)
					}
				} else if first && bit.ownDomain() {
					listed[after.task] = false
				}
				g.join(s.seed, kept, one, after.task, alias)
			})
			gen.eachCanonical(after, func(name []byte) { g.countCanonical(s.seed, name, 1) })
		}
		if first && !hasLabel {
			all = append(all, change)
			if has {
				listed[after.task] = true
			}
		}
	}
	for _, one := range order {
		for _, t := range one.members {
			if was, several := listed[t]; was {
				continue
			} else if several {
				listed[t] = true
			}
			all = append(all, s.changeOf(t.Key, t))
		}
	}
	for _, id := range frameworks {
		g.renameFramework(gen, s.frameworks[id].Framework, c.Framework(id))
	}
	return s.settle(c, all)
}

// group returns the group of a name, and makes one if necessary.
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
func (g *groups) join(seed maphash.Seed, name Name, one *group, t *state.Task, alias bool) {
	if alias {
		if one.aliases == nil {
			one.aliases = &aliasMembers{}
			g.withAliases++
		}
		one.aliases.members = append(one.aliases.members, t)
		one.aliases.unhealthy += countUnhealthy(t)
		g.markDirty(name, one)
		return
	}
	one.members = append(one.members, t)
	one.unhealthy += countUnhealthy(t)
	different := len(one.members) > 1 && appName(one.members[0]) != appName(t)
	otherFramework := len(one.members) > 1 && one.members[0].Key.Framework != t.Key.Framework
	first := len(one.members) == 1 && (g.frameworks[name] != nil || g.isCanonical(seed, name))
	if one.unhealthy > 0 || one.aliases != nil || different || otherFramework || first {
		dirty := g.markDirty(name, one)
		dirty.mayCollide = dirty.mayCollide || different
		dirty.frameworks = dirty.frameworks || otherFramework
	}
}

// countCanonical counts tasks with a canonical name.
func (g *groups) countCanonical(seed maphash.Seed, name []byte, n int) {
	hash := maphash.Bytes(seed, name)
	before := g.canonical[hash]
	after := before + uint32(n)
	if after == 0 {
		delete(g.canonical, hash)
	} else {
		g.canonical[hash] = after
	}
	if before == 0 || after == 0 {
		if one := g.byName[Name(name)]; one != nil {
			g.markDirty(Name(name), one)
		}
	}
}

// isCanonical reports whether a name is the canonical name of a task.
func (g *groups) isCanonical(seed maphash.Seed, name Name) bool {
	return g.canonical[maphash.String(seed, string(name))] > 0
}

// leave notes that a task leaves a group.
func (g *groups) leave(name []byte, t *state.Task, alias bool) {
	one := g.byName[Name(name)]
	if one == nil {
		return
	}
	dirty := g.markDirty(Name(name), one)
	if alias {
		dirty.leavingAliases = append(dirty.leavingAliases, t)
	} else {
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

// maxKeptDirty is the number of dirty groups for which memory is kept from one
// update to the next: clearing a map costs what it once held.
const maxKeptDirty = 1024

// settle completes the groups that the update changed, and adds the tasks that
// gain or lose a shared name.
func (s *Set) settle(c *state.Cluster, changes []taskChange) []taskChange {
	g := &s.groups
	var concerned []*state.Task
	for name, dirty := range g.dirty {
		one := dirty.group
		collided, hadAliases := one.collides, one.aliases != nil
		dirty.removeLeaving()
		if hadAliases && one.aliases == nil {
			g.withAliases--
		}
		reserved := s.reserve(name, dirty)
		if named := g.frameworks[name]; named != nil {
			for id := range named.ids {
				s.recheckFrameworks = append(s.recheckFrameworks, id)
			}
		}
		switch {
		case one.collides && !collided:
			g.collisions++
		case collided && !one.collides:
			g.collisions--
		}
		now := one.decide(g.frameworks[name] != nil, s.generator.o.IncludeUnhealthy)
		if g.isCanonical(s.seed, name) && len(one.members) > 0 {
			now |= suppressMembers
		}
		if dirty.frameworks || one.mixed {
			before := one.nearest
			one.mixed = slices.ContainsFunc(one.members, func(t *state.Task) bool { return t.Key.Framework != one.members[0].Key.Framework })
			if one.nearest = s.nearestFramework(c, name, one); one.nearest > 0 {
				now |= suppressBelow
			}
			if one.nearest != before {
				concerned = append(concerned, one.members...)
			}
		}
		if changed := now ^ one.suppresses; changed != 0 || reserved {
			if reserved {
				changed |= suppressAliases
			}
			if changed&ownership != 0 {
				g.conflicts += sign(now&ownership) - sign(one.suppresses&ownership)
			}
			concerned = one.appendConcerned(concerned, changed)
			one.suppresses = now
		}
		if len(one.members) == 0 && one.aliases == nil {
			delete(g.byName, name)
		}
	}
	if len(g.dirty) > 0 {
		if len(g.dirty) > maxKeptDirty {
			g.dirty = map[Name]*dirtyGroup{}
		}
		clear(g.dirty)
		clear(g.recent[:]) // some of these groups may be gone
	}
	for id := range g.recheckTasksOf {
		for t := range c.TasksOf(id) {
			concerned = append(concerned, t)
		}
	}
	clear(g.recheckTasksOf)
	g.reserved.expire(s.time, func(name Name) {
		if one := g.byName[name]; one != nil {
			concerned = append(concerned, one.aliases.list()...)
		}
	})
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
			changes = append(changes, s.changeOf(t.Key, t))
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
	g.members = deleteTasks(g.members, d.leaving, &g.unhealthy)
	if a := g.aliases; a != nil {
		if a.members = deleteTasks(a.members, d.leavingAliases, &a.unhealthy); len(a.members) == 0 {
			g.aliases = nil
		}
	}
	g.members = releaseSpare(g.members)
	if d.mayCollide || g.collides {
		g.collides = g.calledDifferently()
	}
}

// deleteTasks deletes each task as many times as it leaves.
func deleteTasks(list, leaving []*state.Task, unhealthy *int32) []*state.Task {
	if len(leaving) <= maxSearched {
		for _, t := range leaving {
			if i := slices.Index(list, t); i >= 0 {
				list = slices.Delete(list, i, i+1)
				*unhealthy -= countUnhealthy(t)
			}
		}
		return list
	}
	times := make(map[*state.Task]int, len(leaving))
	for _, t := range leaving {
		times[t]++
	}
	return slices.DeleteFunc(list, func(t *state.Task) bool {
		n := times[t]
		if n > 0 {
			times[t] = n - 1
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

// calledDifferently reports whether members have different names that became the
// same label.
func (g *group) calledDifferently() bool {
	return slices.ContainsFunc(g.members, func(t *state.Task) bool { return appName(t) != appName(g.members[0]) })
}

// reserve reserves the name of a changed group for the apps of which it no longer
// has tasks. It reports whether there are any.
func (s *Set) reserve(name Name, d *dirtyGroup) (reserved bool) {
	if s.generator.o.Now == nil || len(d.leaving) == 0 {
		return false
	}
	type app struct{ framework, group string }
	appOf := func(t *state.Task) app { return app{t.Key.Framework, appGroup(t)} }
	first := appOf(d.leaving[0])
	if m := d.group.members; len(m) > 0 && appOf(m[0]) == first && !slices.ContainsFunc(d.leaving, func(t *state.Task) bool { return appOf(t) != first }) {
		return false // as with most groups, all tasks are of one app
	}
	left := map[app]*state.Task{}
	for _, t := range d.leaving {
		left[appOf(t)] = t
	}
	for _, t := range d.group.members {
		delete(left, appOf(t))
	}
	for _, t := range left {
		s.groups.reserved.add(name, t, s.time.Add(reservedFor))
	}
	return len(left) > 0
}

// countCollisions returns the number of names, of tasks and of frameworks, that
// collide.
func (g *groups) countCollisions() int { return g.collisions + g.frameworkCollisions }
