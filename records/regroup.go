package records

import "toponym/state"

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

// maxTouched is how many groups an update touches, but for the first and other
// full ones.
const maxTouched = 1024

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
		before := one.mixed
		t.settle()
		switch {
		case one.mixed && !before:
			g.mixed++
		case before && !one.mixed:
			g.mixed--
		}
		if now := one.rule(len(g.frameworks[name]) > 0, s.maker.o.IncludeUnhealthy); now != one.ruling {
			more = one.affected(more, now^one.ruling)
			one.ruling = now
		}
		if len(one.members) == 0 && one.aliases == nil {
			delete(g.byName, name)
		}
	}
	if len(g.touched) > maxTouched {
		// A map costs what it once held, each time it is walked through.
		g.touched = map[Name]*touch{}
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
