package records

import (
	"cmp"
	"maps"
	"slices"

	"toponym/state"
)

// Frameworks that have one name, or whose names become the same labels, share the
// names of their tasks. That is rarely meant, so it is reported.

// namedFrameworks holds the frameworks that share a name.
type namedFrameworks struct {
	ids    map[string]struct{}
	called map[string]int // how many frameworks have each name
}

// Merged is a name that several frameworks share.
type Merged struct {
	Name       string   `json:"name"`       // in presentation form
	Frameworks []string `json:"frameworks"` // their ids, sorted; at most 10
	More       int      `json:"more"`       // frameworks beyond these
}

// Limits of what is reported.
const (
	maxMerged           = 100 // names
	maxMergedFrameworks = 10  // of one name
)

// Merged returns the names that several frameworks share, sorted; at most 100. It
// may be called from any goroutine.
func (s *Set) Merged() []Merged {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.describeMerged(slices.Collect(maps.Keys(s.groups.merged)))
}

func (s *Set) describeMerged(names []Name) []Merged {
	slices.Sort(names)
	list := make([]Merged, 0, min(len(names), maxMerged))
	for _, name := range names {
		named := s.groups.frameworks[name]
		if named == nil || len(list) == maxMerged {
			continue
		}
		ids := slices.Sorted(maps.Keys(named.ids))
		shown := ids[:min(len(ids), maxMergedFrameworks)]
		list = append(list, Merged{s.presentMerged(name), shown, len(ids) - len(shown)})
	}
	slices.SortFunc(list, func(a, b Merged) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// presentMerged returns F.D, or for F as a single label what it is part of in the
// first address domain.
func (s *Set) presentMerged(name Name) string {
	o := &s.generator.o
	if name.Under(o.Domain) || len(o.AddressDomains) == 0 {
		return name.String()
	}
	tree, err := o.AddressDomains[0].Join(treeLabels[treeAuto])
	if err != nil || len(name)-1+len(tree) > maxName {
		return name.String()
	}
	return (name[:len(name)-1] + tree).String()
}

// takeMerged returns the names that the running update has noted.
func (s *Set) takeMerged() []Merged {
	if len(s.groups.newlyMerged) == 0 {
		return nil
	}
	list := s.describeMerged(slices.Collect(maps.Keys(s.groups.newlyMerged)))
	clear(s.groups.newlyMerged)
	return list
}

// renameFramework counts the name of a framework and no longer that of its
// version before. Either may be nil.
func (g *groups) renameFramework(gen *generator, before, after *state.Framework) {
	if before != nil {
		g.countFramework(gen, before, -1)
	}
	if after != nil {
		g.countFramework(gen, after, 1)
	}
}

// countFramework counts frameworks of a name by what that becomes: F.D, and F as a
// single label.
func (g *groups) countFramework(gen *generator, f *state.Framework, n int) {
	s := gen.suffixesOf(f.Name)
	if s.err != nil {
		return
	}
	names := []Name{s.tasks}
	if label, err := Root.Join(s.label); err == nil {
		names = append(names, label)
	}
	for _, name := range names {
		named := g.frameworks[name]
		if named == nil {
			named = &namedFrameworks{ids: map[string]struct{}{}, called: map[string]int{}}
			g.frameworks[name] = named
		}
		collided, sharing := len(named.called) > 1, len(named.ids)
		if named.called[f.Name] += n; named.called[f.Name] <= 0 {
			delete(named.called, f.Name)
		}
		if n > 0 {
			named.ids[f.ID] = struct{}{}
		} else {
			delete(named.ids, f.ID)
		}
		switch collides := len(named.called) > 1; {
		case collides && !collided:
			g.frameworkCollisions++
		case collided && !collides:
			g.frameworkCollisions--
		}
		g.noteMerged(gen, name, named, sharing)
		if len(named.called) == 0 {
			delete(g.frameworks, name)
		}
	}
	if one := g.byName[s.tasks]; one != nil {
		g.markDirty(s.tasks, one)
	}
}

// noteMerged finds out whether frameworks share a name after one came or went.
func (g *groups) noteMerged(gen *generator, name Name, named *namedFrameworks, before int) {
	domain := name.Under(gen.o.Domain)
	shared := len(named.ids) > 1 && (domain || len(gen.o.AddressDomains) > 0 && len(named.called) > 1)
	if shared && (len(named.ids) > before || !g.isMerged(name)) {
		g.newlyMerged[name] = struct{}{}
	}
	if shared != g.isMerged(name) && domain && gen.o.Scope != ScopeCompat {
		for id := range named.ids { // their tasks get or lose the names of a subset
			g.recheckTasksOf[id] = struct{}{}
		}
	}
	if shared {
		g.merged[name] = struct{}{}
	} else {
		delete(g.merged, name)
		delete(g.newlyMerged, name)
	}
}

func (g *groups) isMerged(name Name) bool {
	_, ok := g.merged[name]
	return ok
}
