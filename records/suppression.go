package records

import (
	"toponym/state"
)

// What a group suppresses follows from its members, see groups.go. A member must
// not use the name if it belongs to another task or app, or while other members
// answer better.

// suppression is which tasks of a group must not use its name.
type suppression uint8

const (
	suppressUnhealthy        suppression = 1 << iota // unhealthy members
	suppressAliases                                  // all aliases: the name belongs to a task or a framework
	suppressUnhealthyAliases                         // unhealthy tasks among the aliases
	suppressMembers                                  // all members: the name is T-H-S of another task
	suppressBelow                                    // members of all but the nearest framework
)

// OwnershipError is the reason why a task or framework does not have a name that
// belongs to another.
type OwnershipError string

// The reasons of that type.
const (
	errForeignName   OwnershipError = "it belongs to another task"
	errTaskName      OwnershipError = "a task is called by the name"
	errCanonicalName OwnershipError = "it is the name of one other task alone"
	errBelow         OwnershipError = "a task of the framework above has the name"
	errAliasReserved OwnershipError = "it is the name of another app, which had tasks within the last hour (setting aliasTakeover)"
)

// Error implements error.
func (e OwnershipError) Error() string { return string(e) }

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
	if changed&suppressMembers != 0 {
		list = append(list, g.members...)
	} else if changed&suppressUnhealthy != 0 {
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

// restrict sets which shared names a task must not use and how many records it may
// own.
func (s *Set) restrict(o *owner) {
	gen := s.generator
	out := gen.out
	gen.out = discard{}
	defer func() { gen.out = out }()
	o.suppressed, o.refused = s.suppressedNames(*o)
	o.maxRecords = s.loads.limitFor(o.task.Key.Framework, o.wanted)
}

// nearestFramework returns the length of the shortest F.D among the members of a
// group under the domain, if it is not the same for all. Their names are equal, so
// the other frameworks are called by a name below that one: the task "api" of the
// framework "web.marathon" has the raw name of the task "api.web" of "marathon".
func (s *Set) nearestFramework(c *state.Cluster, name Name, g *group) uint8 {
	if s.generator.o.Scope == ScopeCompat || !name.Under(s.generator.o.Domain) {
		return 0
	}
	shortest, longest := maxName, 0
	for _, t := range g.members {
		if f := c.Framework(t.Key.Framework); f != nil {
			n := len(s.generator.suffixesOf(f.Name).tasks)
			shortest, longest = min(shortest, n), max(longest, n)
		}
	}
	if shortest >= longest {
		return 0
	}
	return uint8(shortest)
}

// ownership is the reasons of a suppression that have nothing to do with health.
const ownership = suppressMembers | suppressBelow

// sign returns 1 if a suppression is not empty, else 0.
func sign(s suppression) int {
	if s != 0 {
		return 1
	}
	return 0
}

// belongsToOther returns why the name of a group belongs to others than one of its
// members, or "".
func (g *group) belongsToOther(domain bool, tasks Name) OwnershipError {
	switch {
	case g.suppresses&suppressMembers != 0:
		return errCanonicalName
	case g.suppresses&suppressBelow != 0 && domain && len(tasks) > int(g.nearest):
		return errBelow
	}
	return ""
}

// suppressedNames returns the shared names that a task must not use, and those of
// them that belong to another task or app.
func (s *Set) suppressedNames(o owner) (bits, refused nameBits) {
	unhealthy := o.task.Health == state.Unhealthy
	if !unhealthy && len(o.task.Labels) == 0 && s.groups.conflicts == 0 {
		return 0, 0
	}
	gen := s.generator
	suffixes := gen.suffixesOf(o.framework.Name)
	gen.eachGroup(o, func(name []byte, bit nameBits, alias bool) {
		g := s.groups.byName[Name(name)]
		if g == nil {
			return
		}
		suppressed := unhealthy && g.suppresses&suppressUnhealthy != 0
		if alias {
			suppressed = g.suppresses&suppressAliases != 0 || unhealthy && g.suppresses&suppressUnhealthyAliases != 0
		}
		switch {
		case !alias && g.belongsToOther(bit.ownDomain(), suffixes.tasks) != "",
			alias && g.suppresses&suppressAliases == 0 && !s.groups.reserved.permits(Name(name), o.task, gen.o.AliasTakeover):
			refused |= bit
		case !suppressed:
			return
		}
		bits |= bit
	})
	return bits, refused
}
