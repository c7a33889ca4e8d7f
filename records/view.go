package records

import "strings"

// view is one of the three address trees.
type view uint8

const (
	viewAgent     view = iota // agentip: the agent's address
	viewContainer             // containerip: the task's own
	viewAuto                  // autoip: where the task's ports are
	allViews
)

var viewLabels = [allViews]string{"agentip", "containerip", "autoip"}

// viewSuffixes are the ends of the names of one framework's tasks in the views
// of one origin.
type viewSuffixes [allViews]Name

// insideLabel is the label under the domain of the names that some SRV records
// point to: those of one task's own addresses, where no other name has exactly
// them. It is that of the view which gives the same.
const insideLabel = "containerip"

// joinViews makes the ends of the names in which a framework is one label. A
// framework whose name is too long for them has the others all the same.
func (m *maker) joinViews(s *suffixes, labels []string) {
	s.view = m.o.Rule.Label(strings.Join(labels, "-"))
	if inside, err := m.o.Domain.Join(s.view, insideLabel); err == nil {
		s.inside = inside
	}
	for _, o := range m.o.AddressDomains {
		var v viewSuffixes
		for i, label := range viewLabels {
			v[i], _ = o.Join(s.view, label)
		}
		if v[viewContainer] != "" { // the longest
			s.views = append(s.views, v)
		}
	}
}

// views makes a task's names in the views from the prefix that is set.
func (m *maker) views(o owner, s *suffixes) {
	auto, from := m.auto(o)
	for i := range s.views {
		v := &s.views[i]
		m.from = origin{source: SourceHost}
		ok := m.addrs(o.agent.Addrs, m.host, v[viewAgent])
		m.from = origin{source: m.at.source}
		ok = m.addrs(m.at.reported, m.host, v[viewContainer]) && ok
		m.from = origin{source: from, auto: true}
		ok = m.addrs(auto, m.host, v[viewAuto]) && ok
		if !ok {
			m.tooLong(o.task)
		}
	}
}
