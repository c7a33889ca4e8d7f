package records

// Beside F.D, the names of a task exist under suffixes that hold only some of the
// tasks of F:
//
//   - T.F.<role>.role.D: the tasks that have resources of a role;
//   - T.F.<zone>.zone.D and T.F.<region>.region.D: those in a fault domain;
//   - T.F.<framework id>.framework.D: those of one framework, while several
//     frameworks are called F.
//
// The scope compat has none of them.

// The labels under the domain of these suffixes.
const (
	roleLabel      = "role"
	zoneLabel      = "zone"
	regionLabel    = "region"
	frameworkLabel = "framework"
)

// aboveLabels are the labels between the domain and a label that selects some of the
// tasks of a framework.
var aboveLabels = [...]string{networkLabel, roleLabel, zoneLabel, regionLabel, frameworkLabel}

// subset is a suffix as the state names it.
type subset struct {
	label string // such as roleLabel
	value string // such as the role
}

// subsetSuffix is what names of a subset end in, for one framework.
type subsetSuffix struct {
	name Name // empty if there is none
	err  error
}

// maxCachedSubsets bounds the cache of one framework.
const maxCachedSubsets = 256

// subsetSuffixes returns the suffixes of the subsets to which a task belongs. Those
// that are too long are omitted. The result is valid until the next call.
func (g *generator) subsetSuffixes(o owner, s *suffixes) []Name {
	if g.o.Scope == ScopeCompat {
		return nil
	}
	list := g.subsets[:0]
	add := func(label, value string) {
		if value == "" || value == "*" {
			return
		}
		suffix := g.subsetSuffix(s, subset{label, value})
		if suffix.err != nil {
			g.omit(Omission{Task: o.task.Key, Value: value, Reason: suffix.err})
		} else if suffix.name != "" {
			list = append(list, suffix.name)
		}
	}
	add(roleLabel, o.task.Role())
	add(zoneLabel, o.agent.Zone)
	add(regionLabel, o.agent.Region)
	if o.apart {
		add(frameworkLabel, o.framework.ID)
	}
	g.subsets = list
	return list
}

func (g *generator) subsetSuffix(s *suffixes, of subset) subsetSuffix {
	if suffix, ok := s.subsets[of]; ok {
		return suffix
	}
	var suffix subsetSuffix
	if label := g.o.Rule.Subset(of.value); label != "" {
		suffix.name, suffix.err = g.o.Domain.Join(label, of.label)
		if suffix.err == nil {
			if f := s.tasks[:len(s.tasks)-len(g.o.Domain)]; len(f)+len(suffix.name) <= maxName {
				suffix.name = f + suffix.name
			} else {
				suffix = subsetSuffix{err: ErrNameLength}
			}
		}
	}
	if s.subsets == nil || len(s.subsets) >= maxCachedSubsets {
		s.subsets = map[subset]subsetSuffix{}
	}
	s.subsets[of] = suffix
	return suffix
}
