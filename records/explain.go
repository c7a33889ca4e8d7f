package records

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"toponym/state"
)

// Explanation says why a name gives what it gives: who owns each of its
// records, and who is left out and why.
type Explanation struct {
	Name    string              `json:"name"`
	TTL     *uint32             `json:"ttl,omitempty"` // in seconds, where labels ask for one
	Records []ExplainedRecord   `json:"records"`
	Omitted []ExplainedOmission `json:"omitted"`
}

// ExplainedRecord is a record with its owners. Data is an address, a name, or
// for SRV "priority weight port target".
type ExplainedRecord struct {
	Type   string           `json:"type"`
	Data   string           `json:"data"`
	Owners []ExplainedOwner `json:"owners"`
}

// ExplainedOwner is a task, or a framework, an agent, the masters or the name
// server. Source is the IP source that gave an address.
type ExplainedOwner struct {
	Kind          string `json:"kind"` // task, framework, agent, master or server
	Task          string `json:"task,omitempty"`
	TaskName      string `json:"taskName,omitempty"`
	Framework     string `json:"framework,omitempty"`
	FrameworkName string `json:"frameworkName,omitempty"`
	Agent         string `json:"agent,omitempty"`
	Source        string `json:"source,omitempty"`
}

// ExplainedAbsent is what a task would own, and why it does not. Type and Data
// are empty where it is a part of its name, or a label, that was left out.
type ExplainedOmission struct {
	ExplainedOwner
	Type   string `json:"type,omitempty"`
	Data   string `json:"data,omitempty"`
	Value  string `json:"value,omitempty"` // as the framework wrote it
	Reason string `json:"reason"`
}

const (
	whyUnhealthy = "it is unhealthy, and others of this name are not"
	whyAlias     = "as an alias, and the name belongs to others"
)

// candidate is a task that may have to do with a name.
type candidate struct {
	owner
	why    error             // it has no names at all
	hidden map[hidden]string // why it does not have some of them
}

// Explain finds out about a name. It may be called from any goroutine: it makes
// the records of who may own it anew, from values that never change, and holds
// up an update only while it looks for them.
func (s *Set) Explain(name Name) Explanation {
	sink := &explaining{name: name, records: map[[2]string]*ExplainedRecord{}}
	m := newMaker(s.maker.o, sink)
	m.explain = true
	sink.from = &m.from
	candidates := s.candidates(newMaker(s.maker.o, quiet{}), name)
	s.explainOthers(m, sink)

	for _, c := range candidates {
		sink.who = c.describe()
		if c.why != nil {
			sink.absent(c.why.Error(), func() { m.task(c.owner) })
			if c.framework.Name == "" && name.hasLabel(m, c.owner) {
				sink.leftOut = append(sink.leftOut, ExplainedOmission{ExplainedOwner: sink.who, Reason: c.why.Error()})
			}
			continue
		}
		sink.omitted = nil
		before := sink.found
		m.task(c.owner)
		omitted := sink.omitted
		for bit := hideLabel; bit <= c.hide; bit <<= 1 {
			if c.hide.has(bit) {
				shown := c.owner
				shown.hide = c.hide &^ bit
				sink.absent(c.hidden[bit], func() { m.task(shown) })
			}
		}
		if sink.found > before || name.hasLabel(m, c.owner) {
			sink.tell(omitted)
		}
	}
	return sink.explanation()
}

// candidates are the tasks whose names may be the one that is asked for.
func (s *Set) candidates(m *maker, name Name) []candidate {
	s.mu.Lock()
	named := slices.Collect(maps.Values(s.tasks))
	nameless := slices.Collect(maps.Values(s.nameless))
	s.mu.Unlock()

	var list []candidate
	all := name.Under(ReverseIPv4) || name.Under(ReverseIPv6)
	for _, o := range named {
		if all || m.mayOwn(o.task, name) {
			list = append(list, candidate{owner: o})
		}
	}
	hidden := len(list)
	for _, t := range nameless {
		if m.mayOwn(t, name) {
			list = append(list, candidate{owner: owner{task: t}})
		}
	}

	s.mu.Lock()
	for i := range list {
		if c := &list[i]; i >= hidden {
			s.makeUp(c)
		} else if c.hide != 0 {
			c.hidden = s.whyHidden(m, c.owner)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.task.Key.Framework, b.task.Key.Framework), cmp.Compare(a.task.Key.ID, b.task.Key.ID))
	})
	return list
}

// makeUp gives a task that has no names what it lacks, so that it can be found
// what it would own.
func (s *Set) makeUp(c *candidate) {
	c.why = s.whyNameless(c.task)
	c.framework, c.agent = s.frameworks[c.task.Key.Framework], s.agents[c.task.AgentID]
	if c.framework == nil {
		c.framework = &state.Framework{ID: c.task.Key.Framework}
	}
	if c.agent == nil || len(c.agent.Addrs) == 0 {
		c.agent = &state.Agent{ID: c.task.AgentID, Addrs: madeUp}
	}
}

// mayOwn reports whether what a task is called is in a name. T-H-S holds the
// beginning of T at least.
func (m *maker) mayOwn(t *state.Task, name Name) bool {
	const begin = 32
	_, label := m.label(t)
	if label != "" && strings.Contains(string(name), label[:min(len(label), begin)]) {
		return true
	}
	if raw := rawLabels(t, label); raw != nil && strings.Contains(string(name), raw[0][:min(len(raw[0]), begin)]) {
		return true
	}
	return slices.ContainsFunc(m.aliases(t, label), func(a string) bool { return strings.Contains(string(name), a) })
}

// hasLabel reports whether one of the labels of a name is what a task is called,
// under the names of its framework where that is known.
func (n Name) hasLabel(m *maker, o owner) bool {
	if s := m.suffixes(o.framework.Name); s.err == nil {
		under := n.Under(s.tasks) || n.Under(s.slave) || s.inside != "" && n.Under(s.inside)
		for _, v := range s.views {
			under = under || n.Under(v[viewAgent]) || n.Under(v[viewContainer]) || n.Under(v[viewAuto])
		}
		if !under {
			return false
		}
	}
	_, label := m.label(o.task)
	for ; len(n) > 1; n = n[1+int(n[0]):] {
		if one := strings.TrimPrefix(string(n[1:1+int(n[0])]), "_"); one != "" && one == label {
			return true
		}
	}
	return false
}

// whyHidden says for each name that a task does not have why.
func (s *Set) whyHidden(m *maker, o owner) map[hidden]string {
	why := map[hidden]string{}
	m.memberships(o, func(name []byte, as membership) {
		why[as.bit] = whyUnhealthy
		if g := s.groups.byName[Name(name)]; as.alias && g != nil && g.ruling&rulesAliases != 0 {
			why[as.bit] = whyAlias
		}
	})
	return why
}

// explainOthers makes the records of frameworks, agents and masters.
func (s *Set) explainOthers(m *maker, sink *explaining) {
	s.mu.Lock()
	frameworks := make([]*state.Framework, 0, len(s.frameworks))
	for _, f := range s.frameworks {
		frameworks = append(frameworks, f)
	}
	agents := make([]*state.Agent, 0, len(s.agents))
	for _, a := range s.agents {
		agents = append(agents, a)
	}
	leader, masters := s.leader, s.masters
	s.mu.Unlock()

	slices.SortFunc(frameworks, func(a, b *state.Framework) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(agents, func(a, b *state.Agent) int { return cmp.Compare(a.ID, b.ID) })
	for _, f := range frameworks {
		sink.who = ExplainedOwner{Kind: "framework", Framework: f.ID, FrameworkName: f.Name}
		m.framework(f)
	}
	for _, a := range agents {
		sink.who = ExplainedOwner{Kind: "agent", Agent: a.ID}
		m.agent(a)
	}
	sink.who = ExplainedOwner{Kind: "server"}
	m.itself()
	sink.who = ExplainedOwner{Kind: "master"}
	m.masters(leader, masters)
	sink.omitted = nil
}

func (c candidate) describe() ExplainedOwner {
	t := c.task
	name := calledBy(t)
	return ExplainedOwner{Kind: "task", Task: t.Key.ID, TaskName: name, Framework: t.Key.Framework, FrameworkName: c.framework.Name, Agent: t.AgentID}
}
