package records

// FrameworkNames tells the names of one framework from all others: those of its
// scheduler, and those of its tasks in the domain, below slave and network, in the
// subsets, and in the address trees. Reverse names belong to no framework.
type FrameworkNames struct {
	below  []Name // names at or below these
	labels Name   // F in wire form without the root
	above  []Name // such as network.D, above T.F.<network>.network.D
}

// FrameworkNames returns the names of a framework by the framework's name, as Mesos
// has it. The error says why such a framework has no names.
func (o Options) FrameworkNames(framework string) (FrameworkNames, error) {
	s := newGenerator(o, discard{}).suffixesOf(framework)
	if s.err != nil {
		return FrameworkNames{}, s.err
	}
	f := FrameworkNames{below: []Name{s.tasks, s.slave}, labels: s.tasks[:len(s.tasks)-len(o.Domain)]}
	if s.container != "" {
		f.below = append(f.below, s.container)
	}
	for _, trees := range s.trees {
		for _, n := range trees {
			if n != "" {
				f.below = append(f.below, n)
			}
		}
	}
	for _, label := range aboveLabels {
		n, err := o.Domain.Join(label)
		if err != nil {
			return f, err
		}
		f.above = append(f.above, n)
	}
	return f, nil
}

// Has reports whether a name is one of the framework's.
func (f FrameworkNames) Has(n Name) bool {
	for _, b := range f.below {
		if n.Under(b) {
			return true
		}
	}
	for _, above := range f.above {
		if n != above && n.Under(above) {
			return f.isWithin(n, above)
		}
	}
	return false
}

// isWithin reports whether a name that ends in F.<any label> and the given name is
// one of the framework's.
func (f FrameworkNames) isWithin(n, above Name) bool {
	end := n // until it is such as <network>.network.D
	for {
		parent, _ := end.Parent()
		if parent == above {
			break
		}
		end = parent
	}
	for rest := n[:len(n)-len(end)]; rest != ""; rest = rest[1+int(rest[0]):] {
		if rest == f.labels {
			return true
		}
	}
	return false
}
