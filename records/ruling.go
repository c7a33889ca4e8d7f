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
