package records

import "toponym/state"

// group is the tasks that share a name: those that have it by right, by what
// they are called, and those that ask for it as an alias. What one of them may
// have of it depends on the others: an unhealthy task gives way to healthy
// ones, and an alias to a name.
//
// Groups are kept for names under the domain, and for names in the views, which
// are written as T.F there, with F as one label.
type group struct {
	members []*state.Task // by right
	aliases *aliasGroup   // nil when nobody asks for it
	sick    int32         // of members, those that are unhealthy
	ruling  ruling
	mixed   bool // not all members are called the same
}

type aliasGroup struct {
	members []*state.Task
	sick    int32
}

// hidden is a bit for each of a task's shared names that it does not have.
type hidden uint32

const (
	hideLabel hidden = 1 << iota // T.F.D
	hideRaw                      // the same by the name of the DiscoveryInfo as it is written
	hideView                     // T.F in the views
	hideFirstAlias
)

func hideAlias(i int) hidden     { return hideFirstAlias << (2 * i) }
func hideAliasView(i int) hidden { return hideFirstAlias << (2*i + 1) }

func (h hidden) has(bit hidden) bool { return h&bit != 0 }

// membership is one group that a task is in.
type membership struct {
	bit   hidden // of the task's names, the one that the group is for
	alias bool
}

// memberships hands on the names of all groups that a task is in, in a buffer
// that is used again. They follow from the task and its framework alone.
func (m *maker) memberships(o owner, join func(name []byte, as membership)) {
	s := m.suffixes(o.framework.Name)
	if s.err != nil {
		return
	}
	_, label := m.label(o.task)
	if label != "" {
		m.member(s, label, membership{bit: hideLabel}, membership{bit: hideView}, join)
		for i, alias := range m.aliases(o.task, label) {
			m.member(s, alias, membership{hideAlias(i), true}, membership{hideAliasView(i), true}, join)
		}
	}
	if labels := rawLabels(o.task, label); labels != nil {
		if b, err := appendLabels(m.host[:0], labels...); err == nil {
			m.host = b
			if name, ok := m.join(b, s.tasks); ok {
				join(name, membership{bit: hideRaw})
			}
		}
	}
}

func (m *maker) member(s *suffixes, label string, domain, view membership, join func([]byte, membership)) {
	m.host, _ = appendLabels(m.host[:0], label)
	if name, ok := m.join(m.host, s.tasks); ok {
		join(name, domain)
	}
	if len(s.views) > 0 {
		b, _ := appendLabels(append(m.buf[:0], m.host...), s.view)
		join(append(b, 0), view)
	}
}
