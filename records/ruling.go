package records

import (
	"slices"

	"toponym/state"
)

// ruling is what the members of a group have to leave.
type ruling uint8

const (
	rulesSick      ruling = 1 << iota // unhealthy members are left out
	rulesAliases                      // the name belongs to others, so that no alias has it
	rulesSickAlias                    // unhealthy tasks that have it as an alias are left out
)

// few is how many members are looked for one by one.
const few = 4

// settle takes out who has gone. Somebody who left and came back is listed
// twice, the older first.
func (t *touch) settle() {
	g := t.group
	if len(t.gone) <= few {
		for _, one := range t.gone {
			if i := slices.Index(g.members, one); i >= 0 {
				g.members = slices.Delete(g.members, i, i+1)
				g.sick -= sick(one)
			} else if i := slices.Index(g.aliases.list(), one); i >= 0 {
				g.aliases.members = slices.Delete(g.aliases.members, i, i+1)
				g.aliases.sick -= sick(one)
			}
		}
	} else {
		gone := make(map[*state.Task]int, len(t.gone))
		for _, one := range t.gone {
			gone[one]++
		}
		g.members = without(g.members, gone, &g.sick)
		if a := g.aliases; a != nil {
			a.members = without(a.members, gone, &a.sick)
		}
	}
	if len(g.aliases.list()) == 0 {
		g.aliases = nil
	}
	g.members = shrink(g.members)
	if t.recheck || g.mixed {
		g.mixed = g.calledDifferently()
	}
}

// without takes out each task as many times as it has gone.
func without(list []*state.Task, gone map[*state.Task]int, ill *int32) []*state.Task {
	return slices.DeleteFunc(list, func(t *state.Task) bool {
		n := gone[t]
		if n > 0 {
			gone[t] = n - 1
			*ill -= sick(t)
		}
		return n > 0
	})
}

// shrink gives back memory after most members have gone.
func shrink(list []*state.Task) []*state.Task {
	if cap(list) > 16 && len(list) < cap(list)/4 {
		return slices.Clone(list)
	}
	return list
}

// list are the tasks of a group that may be none.
func (a *aliasGroup) list() []*state.Task {
	if a == nil {
		return nil
	}
	return a.members
}

// sick is 1 for an unhealthy task.
func sick(t *state.Task) int32 {
	if t.Health == state.Unhealthy {
		return 1
	}
	return 0
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
		if a.sick > 0 && int(a.sick) < len(a.members) && !includeUnhealthy {
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
