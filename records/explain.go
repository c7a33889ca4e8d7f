package records

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"toponym/state"
)

// Explanation says who owns each record of a name, and what has been omitted from
// it and why.
type Explanation struct {
	Name    string              `json:"name"`
	TTL     *uint32             `json:"ttl,omitempty"` // seconds, if labels request a TTL
	Records []ExplainedRecord   `json:"records"`
	Omitted []ExplainedOmission `json:"omitted"`
}

// ExplainedRecord is a record with its owners. Data is an address or a name; for
// SRV it is "priority weight port target".
type ExplainedRecord struct {
	Type   string           `json:"type"`
	Data   string           `json:"data"`
	Owners []ExplainedOwner `json:"owners"`
}

// ExplainedOwner is the owner of a record. Source is the IP source of an address.
type ExplainedOwner struct {
	Kind          string `json:"kind"` // task, framework, agent, master or server
	Task          string `json:"task,omitempty"`
	TaskName      string `json:"taskName,omitempty"`
	Framework     string `json:"framework,omitempty"`
	FrameworkName string `json:"frameworkName,omitempty"`
	Agent         string `json:"agent,omitempty"`
	Source        string `json:"source,omitempty"`

	// Of a task: its state, such as "TASK_RUNNING", since when it has it (RFC 3339, in
	// UTC), and the result of its health checks.
	State  string     `json:"state,omitempty"`
	Since  string     `json:"since,omitempty"`
	Health HealthText `json:"health,omitempty"`
}

// ExplainedOmission is one of these:
//
//   - a record that the owner would have, with Type and Data;
//   - a label of the task that is ignored, with Label and Value;
//   - a part of a name that cannot be published, with Value;
//   - the task as a whole, if nothing is known about its records.
type ExplainedOmission struct {
	ExplainedOwner
	Type   string `json:"type,omitempty"`
	Data   string `json:"data,omitempty"`
	Label  string `json:"label,omitempty"`
	Value  string `json:"value,omitempty"` // as the framework wrote it
	Reason string `json:"reason"`
}

// Reasons why a task does not have a shared name.
const (
	reasonUnhealthy = "it is unhealthy, and other tasks of this name are not"
	reasonAlias     = "as an alias, but the name belongs to another task or framework"
	reasonAmbiguous = "several names own the address"
	reasonHost      = "the address is that of an agent or a master"
)

// Explain explains a name. It may be called from any goroutine. It blocks updates
// only while it looks up the tasks that may own the name: their records are made
// again from values that never change.
func (s *Set) Explain(name Name) Explanation {
	return s.explain(name, s.view(InstanceFilter{Name: name}).tasks)
}

// explain explains a name that no other tasks own records of than the given ones.
func (s *Set) explain(name Name, tasks []owner) Explanation {
	e := &explainer{name: name, records: map[[2]string]*ExplainedRecord{}}
	g := newGenerator(s.generator.o, e)
	g.explain = true
	candidates := s.candidates(newGenerator(s.generator.o, discard{}), name, tasks)
	s.explainInfrastructure(g, e)
	for _, c := range candidates {
		e.begin(c.describe())
		if c.unpublished != nil {
			e.asOmitted(c.unpublished.Error(), func() { g.task(c.owner) })
			if c.framework.Name == "" && g.mentions(name, c.owner) {
				e.listOmission(ExplainedOmission{ExplainedOwner: e.owner, Reason: c.unpublished.Error()})
			}
			continue
		}
		found := e.found
		g.task(c.owner)
		omissions := e.omissions
		for bit := range c.suppressed.all {
			used := c.owner
			used.suppressed &^= bit
			used.refused &^= bit
			e.asOmitted(c.reasons[bit], func() { g.task(used) })
		}
		if e.found > found || g.mentions(name, c.owner) {
			e.addOmissions(omissions)
		}
	}
	return e.explanation()
}

// candidate is a task that may own records of a name.
type candidate struct {
	owner
	unpublished error               // why it has no names at all
	reasons     map[nameBits]string // why it must not use some of them
}

func (c candidate) describe() ExplainedOwner {
	t := c.task
	o := ExplainedOwner{
		Kind: "task", Task: t.Key.ID, TaskName: appName(t), Framework: t.Key.Framework, FrameworkName: c.framework.Name, Agent: t.AgentID,
		State: t.State, Health: healthText(t.Health),
	}
	if since := Timestamp(t.Since); since != 0 {
		o.Since = since.Time().Format(time.RFC3339)
	}
	return o
}

// candidates returns the tasks whose names may include the given one, sorted: some of
// the given tasks, and of those without names.
func (s *Set) candidates(g *generator, name Name, published []owner) []candidate {
	s.mu.Lock()
	unpublished := slices.AppendSeq(make([]*state.Task, 0, len(s.unpublished)), maps.Values(s.unpublished))
	s.mu.Unlock()

	var list []candidate
	for _, o := range published {
		if g.mayOwnAs(o, name) {
			list = append(list, candidate{owner: o})
		}
	}
	firstUnpublished := len(list)
	for _, t := range unpublished {
		if g.mayOwn(t, name) {
			list = append(list, candidate{owner: owner{task: t}})
		}
	}

	s.mu.Lock()
	for i := range list {
		if c := &list[i]; i >= firstUnpublished {
			s.assumePublished(c)
		} else if c.suppressed != 0 {
			c.reasons = s.whySuppressed(g, c.owner)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.task.Key.Framework, b.task.Key.Framework), cmp.Compare(a.task.Key.ID, b.task.Key.ID))
	})
	return list
}

// placeholderAddr stands for the address of an unknown agent (RFC 5737).
var placeholderAddr = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// assumePublished fills in what a task without names lacks, so that the records
// that it would have can be made.
func (s *Set) assumePublished(c *candidate) {
	c.unpublished = s.whyUnpublished(c.task)
	c.maxRecords = int32(s.generator.o.Limits.TaskRecords)
	c.framework, c.agent = s.frameworks[c.task.Key.Framework].Framework, s.agents[c.task.AgentID].Agent
	if c.framework == nil {
		c.framework = &state.Framework{ID: c.task.Key.Framework}
	}
	if c.agent == nil || len(c.agent.Addrs) == 0 {
		c.agent = &state.Agent{ID: c.task.AgentID, Addrs: []netip.Addr{placeholderAddr}}
	}
}

// mayOwn is a cheap test that is true for all tasks that own a name: it contains
// one of their names, of which T-H-S keeps at least the beginning.
func (g *generator) mayOwn(t *state.Task, name Name) bool {
	const kept = 32
	return slices.ContainsFunc(g.taskNames(t), func(n taskName) bool {
		label := n.host[1 : 1+int(n.host[0])]
		return strings.Contains(string(name), string(label[:min(len(label), kept)]))
	})
}

// mayOwnAs is mayOwn for a task that has names.
func (g *generator) mayOwnAs(o owner, name Name) bool {
	switch {
	case name.isReverse():
		return o.hasReverseName(name)
	case g.inVIPDomain(name):
		return hasVIP(o.task)
	}
	return g.mayOwn(o.task, name)
}

// hasReverseName reports whether a name is the reverse name of one of a task's
// addresses.
func (o owner) hasReverseName(name Name) bool {
	a := &o.task.Addresses
	for _, list := range [...][]netip.Addr{o.agent.Addrs, a.NetInfo, a.Docker, a.Mesos} {
		if slices.ContainsFunc(list, func(a netip.Addr) bool { return ReverseName(a) == name }) {
			return true
		}
	}
	return false
}

// mentions reports whether a label of the name, before what names of the task's
// framework end in, is the label of the task. If the framework is unknown, it has
// at least one label before the domain.
func (g *generator) mentions(n Name, o owner) bool {
	ends := []Name{g.o.Domain}
	known := false
	if s := g.suffixesOf(o.framework.Name); s.err == nil {
		known = true
		ends = []Name{s.slave, s.tasks, s.container}
		for _, tree := range s.trees {
			ends = append(ends, tree[:]...)
		}
	}
	i := slices.IndexFunc(ends, func(end Name) bool { return end != "" && n.Under(end) })
	if i < 0 {
		return false
	}
	label := g.label(o.task)
	rest := n[:len(n)-len(ends[i])]
	for len(rest) > 0 {
		one := strings.TrimPrefix(string(rest[1:1+int(rest[0])]), "_")
		rest = rest[1+int(rest[0]):]
		if one != "" && one == label && (known || len(rest) > 0) {
			return true
		}
	}
	return false
}

// whySuppressed returns the reasons why a task must not use its suppressed names.
func (s *Set) whySuppressed(g *generator, o owner) map[nameBits]string {
	reasons := map[nameBits]string{}
	g.eachGroup(o, func(name []byte, bit nameBits, alias bool) {
		one := s.groups.byName[Name(name)]
		switch {
		case one == nil:
		case !alias && o.refused.has(bit):
			reasons[bit] = one.belongsToOther(bit.ownDomain(), g.suffixesOf(o.framework.Name).tasks).Error()
		case alias && one.suppresses&suppressAliases != 0:
			reasons[bit] = reasonAlias
		case alias && o.refused.has(bit):
			reasons[bit] = errAliasReserved.Error()
		default:
			reasons[bit] = reasonUnhealthy
		}
	})
	return reasons
}

// explainInfrastructure makes the records of frameworks, agents, masters and this
// server.
func (s *Set) explainInfrastructure(g *generator, e *explainer) {
	s.mu.Lock()
	frameworks := slices.Collect(maps.Values(s.frameworks))
	agents := slices.Collect(maps.Values(s.agents))
	leader, masters := s.leader, s.masters
	s.mu.Unlock()

	slices.SortFunc(frameworks, func(a, b frameworkOwner) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(agents, func(a, b agentOwner) int { return cmp.Compare(a.ID, b.ID) })
	for _, f := range frameworks {
		e.begin(ExplainedOwner{Kind: "framework", Framework: f.ID, FrameworkName: f.Name})
		if err := g.frameworkOmission(f); err == nil {
			g.framework(f)
		} else if g.suffixesOf(f.Name).err == nil {
			e.asOmitted(err.Error(), func() { g.frameworkRecords(f.Framework) })
		}
	}
	for _, a := range agents {
		e.begin(ExplainedOwner{Kind: "agent", Agent: a.ID})
		g.agent(a)
	}
	e.begin(ExplainedOwner{Kind: "server"})
	g.server()
	e.begin(ExplainedOwner{Kind: "master"})
	g.masters(leader, masters)
}

// explainer is the writer that collects the owners of one name's records.
type explainer struct {
	name    Name
	records map[[2]string]*ExplainedRecord // by type and data
	found   int
	// pointers holds the PTR records, in no order and with duplicates.
	pointers []PTR
	ttls     []uint32
	omitted  []ExplainedOmission

	// Of the owner whose records are being made.
	owner     ExplainedOwner
	omissions []Omission
	reason    string // why its records are omitted; empty if they are not
	listed    map[ExplainedOmission]struct{}
}

// begin starts with the records of another owner.
func (e *explainer) begin(owner ExplainedOwner) {
	e.owner, e.omissions = owner, nil
	if len(e.listed) > 0 {
		e.listed = nil
	}
}

// asOmitted calls generate and lists its records as omitted.
func (e *explainer) asOmitted(reason string, generate func()) {
	e.reason = reason
	generate()
	e.reason, e.omissions = "", nil
}

func (e *explainer) add(rtype, data, source string) {
	key := [2]string{rtype, data}
	r := e.records[key]
	if e.reason != "" {
		if r != nil && e.owns(r, source) {
			return // another name of the task has the record
		}
		owner := e.owner
		owner.Source = source
		if source == SourceHost.String() && data == placeholderAddr.String() {
			data = ""
		}
		e.listOmission(ExplainedOmission{ExplainedOwner: owner, Type: rtype, Data: data, Reason: e.reason})
		return
	}
	if r == nil {
		r = &ExplainedRecord{Type: rtype, Data: data}
		e.records[key] = r
	}
	if !e.owns(r, source) {
		owner := e.owner
		owner.Source = source
		r.Owners = append(r.Owners, owner)
	}
	e.found++
}

// owns reports whether a record lists the current owner with this source. Since
// owners come one after the other, only the end of the list can.
func (e *explainer) owns(r *ExplainedRecord, source string) bool {
	for i := len(r.Owners) - 1; i >= 0; i-- {
		o := r.Owners[i]
		same := o.Source == source
		if o.Source = ""; o != e.owner {
			return false
		}
		if same {
			return true
		}
	}
	return false
}

// listOmission lists an omission of the current owner once.
func (e *explainer) listOmission(o ExplainedOmission) {
	if _, ok := e.listed[o]; ok {
		return
	}
	if e.listed == nil {
		e.listed = map[ExplainedOmission]struct{}{}
	}
	e.listed[o] = struct{}{}
	e.omitted = append(e.omitted, o)
}

func (e *explainer) addr(name []byte, a netip.Addr, from addrSource) {
	if Name(name) == e.name {
		e.add(addrType(a), a.String(), from.String())
	}
}

func (e *explainer) srv(name []byte, target Name, d SRV) {
	if Name(name) == e.name {
		e.add("SRV", fmt.Sprintf("%d %d %d %s", d.Priority, d.Weight, d.Port, target), "")
	}
}

func (e *explainer) ptr(a netip.Addr, p PTR, from addrSource) {
	if ReverseName(a) == e.name {
		e.add("PTR", p.Target.String(), from.String())
		if e.reason == "" {
			e.pointers = append(e.pointers, p)
		}
	}
}

func (e *explainer) ttl(name []byte, seconds uint32) {
	if Name(name) == e.name && e.reason == "" {
		e.ttls = append(e.ttls, Seconds(seconds))
	}
}

func (e *explainer) target(name []byte) numberedName { return numberedName{Name: Name(name)} }
func (e *explainer) omit(o Omission)                 { e.omissions = append(e.omissions, o) }

// addOmissions lists what could not be published of a task.
func (e *explainer) addOmissions(omissions []Omission) {
	for _, o := range omissions {
		e.listOmission(ExplainedOmission{ExplainedOwner: e.owner, Label: o.Label, Value: o.Value, Reason: o.Reason.Error()})
	}
}

func (e *explainer) explanation() Explanation {
	x := Explanation{Name: e.name.String(), Records: []ExplainedRecord{}, Omitted: e.omitted}
	if x.Omitted == nil {
		x.Omitted = []ExplainedOmission{}
	}
	for _, r := range e.records {
		x.Records = append(x.Records, *r)
	}
	slices.SortFunc(x.Records, func(a, b ExplainedRecord) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Data, b.Data))
	})
	if len(e.ttls) > 0 {
		ttl := slices.Min(e.ttls)
		x.TTL = &ttl
	}
	if len(x.Records) > 1 && x.Records[0].Type == "PTR" {
		e.selectPointer(&x)
	}
	return x
}

// selectPointer omits the PTR records but the one that is published, see
// [Data.Pointer].
func (e *explainer) selectPointer(x *Explanation) {
	slices.SortFunc(e.pointers, PTR.Compare)
	published, reason := "", reasonAmbiguous
	d := Data{PTR: slices.Compact(e.pointers)}
	if target, ok := d.Pointer(); ok {
		published, reason = target.String(), reasonHost
	}
	kept := []ExplainedRecord{}
	for _, r := range x.Records {
		if r.Data == published {
			kept = append(kept, r)
			continue
		}
		for _, o := range r.Owners {
			x.Omitted = append(x.Omitted, ExplainedOmission{ExplainedOwner: o, Type: r.Type, Data: r.Data, Reason: reason})
		}
	}
	x.Records = kept
}
