package records

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"math"
	"net/netip"

	"toponym/state"
)

// generator makes the records of tasks, frameworks, agents and masters and passes
// them to a writer.
type generator struct {
	o       Options
	out     recordWriter
	explain bool // also omit ports that lead nowhere, for Explain

	frameworks map[string]*suffixes // by framework name
	current    taskRecords          // of the task that is being made
	described  Instance             // see instance
	seed       maphash.Seed
	texts      [16]nameText // of names that were used recently, see text

	// Buffers that are reused.
	buf       [maxName + 2*(1+maxLabel)]byte
	names     []taskName // of namesOf
	nameBytes []byte
	namesOf   *state.Task // nil if none
	aliasList []string
	canonical []byte
	subsets   []Name // of subsetSuffixes

	lastName, lastLabel string // see label
	tailTask, tailAgent string // see canonicalTail
	tail                []byte

	omissions    int // of the task or framework that is being made
	lastOmission Omission
	hasOmitted   bool // see taskNames
}

// nameText is a name with its presentation form.
type nameText struct {
	name []byte
	text string
}

// suffixes is what the names of one framework's tasks end in.
type suffixes struct {
	tasks     Name           // F.D
	slave     Name           // F.slave.D
	label     string         // F as a single label
	container Name           // F.containerip.D, with F as a single label
	trees     []treeSuffixes // by address domain
	reserved  bool           // F.D is a name of the infrastructure
	server    []byte         // what F.D has to be preceded by to be the name of this server; empty if nothing
	subsets   map[subset]subsetSuffix
	err       error // set if the framework can have no names
}

// maxCachedFrameworks bounds the cache of suffixes: frameworks may come and go
// under ever new names.
const maxCachedFrameworks = 1024

func newGenerator(o Options, out recordWriter) *generator {
	return &generator{o: o, out: out, seed: maphash.MakeSeed(), frameworks: map[string]*suffixes{}}
}

// suffixesOf returns the suffixes of the framework with the given name.
func (g *generator) suffixesOf(framework string) *suffixes {
	if s, ok := g.frameworks[framework]; ok {
		return s
	}
	s := &suffixes{}
	labels := g.o.Rule.Labels(framework)
	if len(labels) == 0 {
		s.err = ErrLabelLength
	} else if g.o.Scope != ScopeCompat && g.reservesSubtree(labels[len(labels)-1]) {
		s.err = ErrReservedName
	} else if s.tasks, s.err = g.o.Domain.Join(labels...); s.err == nil {
		var slave Name
		if slave, s.err = g.o.Domain.Join(slaveLabel); s.err == nil {
			s.slave, s.err = slave.Join(labels...)
		}
		g.joinTrees(s, labels)
		if g.o.Scope != ScopeCompat {
			g.findReserved(s)
		}
	}
	if len(g.frameworks) >= maxCachedFrameworks {
		clear(g.frameworks)
	}
	g.frameworks[framework] = s
	return s
}

// join puts a name together in the buffer of the generator. It returns false if
// the name is too long.
func (g *generator) join(prefix []byte, suffix Name) ([]byte, bool) {
	if len(prefix)+len(suffix) > maxName {
		return nil, false
	}
	return append(append(g.buf[:0], prefix...), suffix...), true
}

// hostAddrs makes the address records of a host.
func (g *generator) hostAddrs(name Name, addrs []netip.Addr) {
	for _, a := range addrs {
		g.out.addr([]byte(name), a, hostAddr)
	}
}

// omit reports an omission, once if it comes several times in a row. The number of
// them is limited for each task.
func (g *generator) omit(o Omission) {
	g.hasOmitted = true
	if g.omissions > 0 && o == g.lastOmission {
		return
	}
	g.lastOmission = o
	switch g.omissions++; {
	case g.omissions <= maxTaskOmissions:
		g.out.omit(o)
	case g.omissions == maxTaskOmissions+1:
		g.out.omit(Omission{Task: o.Task, Framework: o.Framework, Reason: LimitError{What: "omissions", Limit: maxTaskOmissions}})
	}
}

// taskRecords makes the records of one task. Its fields hold for all of them.
type taskRecords struct {
	*generator
	owner    owner
	suffixes *suffixes
	subsets  []Name // suffixes beside F.D, see subsets.go
	reach    reachability
	params   recordParams // from the labels of the task

	budget    int  // records that the task may still own
	exhausted bool // it would own more

	containerTargets map[Name]struct{} // names that were made as targets of SRV records only

	// Buffers that are reused.
	published []publishedName
	bytes     []byte
	announced []uint16
	protocols []portProtocol
	listed    []uint16 // numbers of announced ports, on either side
}

// publishedName is a shared name of a task as far as the task may use it.
type publishedName struct {
	host    []byte // T in wire form
	service []byte // _T in wire form; empty if that is too long
	domain  bool   // T.F.D and its like have records
	trees   bool   // so do the names in the address trees
}

// identity is the names that belong to one task alone.
type identity struct {
	canonical []byte       // T-H-S in wire form
	onTask    numberedName // T-H-S.F.D; empty if it is too long
	onAgent   numberedName // T-H-S.F.slave.D; empty if it is too long or the agent has no address
}

// task makes all records of one task:
//
//  1. Find out where the task can be reached, and what its labels ask for.
//  2. List its names. Those made from the label, with the aliases, have their SRV
//     targets in common; the raw name has targets of its own.
//  3. For both of these, make the targets, the addresses of each shared name, and
//     the SRV records of each port.
func (g *generator) task(o owner) {
	t := o.task
	g.omissions = 0
	s := g.suffixesOf(o.framework.Name)
	if s.err != nil {
		g.omit(Omission{Task: t.Key, Value: o.framework.Name, Reason: s.err})
		return
	}
	r := g.prepare(o, s)
	for _, exceeded := range r.reach.find(t, o.agent, &g.o) {
		g.omit(Omission{Task: t.Key, Reason: exceeded})
	}
	r.subsets = g.subsetSuffixes(o, s)
	if r.reach.withheld {
		g.omitAgentNetwork(o.framework, r.reach.agentNetwork)
	}
	r.params = g.applyLabels(t, t.Labels, recordParams{weight: g.o.SRVWeight}, false)
	clear(r.containerTargets)

	names := g.taskNames(t)
	tail := g.canonicalTail(t.Key.ID, o.agent.ID)
	if len(names) > 0 && (!allTypeable(tail) || len(tail) >= maxLabel) {
		g.omit(Omission{Task: t.Key, Value: o.agent.ID, Reason: ErrLabelBytes})
		return
	}
	byLabel := names
	if last := len(names) - 1; last >= 0 && names[last].kind == rawName {
		byLabel = names[:last]
	}
	r.identity(byLabel, tail)
	r.identity(names[len(byLabel):], tail)
	if r.exhausted {
		g.omit(Omission{Task: t.Key, Reason: LimitError{What: "records", Limit: int(o.maxRecords), Setting: g.o.Limits.recordsSetting(int(o.maxRecords))}})
	}
}

// prepare begins with the records of a task.
func (g *generator) prepare(o owner, s *suffixes) *taskRecords {
	r := &g.current
	r.generator, r.owner, r.suffixes = g, o, s
	r.budget, r.exhausted = cmp.Or(int(o.maxRecords), math.MaxInt), false
	return r
}

// identity makes the records of names that have their SRV targets in common.
func (r *taskRecords) identity(names []taskName, tail []byte) {
	if len(names) == 0 {
		return
	}
	r.canonical = appendCanonical(r.canonical[:0], names[0].host, tail)
	id := identity{canonical: r.canonical}
	r.reach.forgetTargets()
	published := r.publish(names)
	for i := range published {
		n, ok := &published[i], true
		if n.domain {
			ok = r.addrs(n.host, r.suffixes.tasks, r.reach.addrs, r.reach.from, r.params)
			for _, suffix := range r.subsets {
				ok = r.addrs(n.host, suffix, r.reach.addrs, r.reach.from, r.params) && ok
			}
		}
		if i == 0 {
			id.onTask = r.target(id.canonical, r.suffixes.tasks, r.reach.addrs, r.reach.from)
			ok = ok && id.onTask.Name != ""
		}
		if n.domain {
			ok = r.addrs(n.host, r.suffixes.slave, r.owner.agent.Addrs, hostAddr, r.params) && ok
		}
		if i == 0 {
			id.onAgent = r.target(id.canonical, r.suffixes.slave, r.owner.agent.Addrs, hostAddr)
			ok = ok && id.onAgent.Name != ""
			if len(r.owner.agent.Addrs) == 0 {
				id.onAgent = numberedName{} // a record that pointed there would lead nowhere
			}
		}
		if !ok {
			r.omitTooLong()
		}
		if n.domain {
			r.networkAddrs(n)
		}
		if n.trees {
			r.treeAddrs(n)
		}
	}
	if names[0].kind == labelName {
		r.reverse(names[0].host)
	}
	r.services(&id, published)
	if names[0].kind == labelName && len(r.o.VIPDomains) > 0 {
		r.vips(&id)
	}
}

// publish returns the names as far as the task may use them.
func (r *taskRecords) publish(names []taskName) []publishedName {
	r.published, r.bytes = r.published[:0], r.bytes[:0]
	for _, n := range names {
		isServer := len(r.suffixes.server) > 0 && bytes.Equal(n.host, r.suffixes.server)
		switch {
		case isServer:
			r.omit(n.String(), ErrReservedName)
		case r.owner.refused.has(n.domain) || r.owner.refused.has(n.trees):
			reason := errForeignName
			if n.kind == aliasName {
				reason = errAliasReserved
			}
			r.omit(n.String(), reason)
		}
		p := publishedName{
			host:   n.host,
			domain: !r.owner.suppressed.has(n.domain) && !isServer,
			trees:  n.trees != 0 && !r.owner.suppressed.has(n.trees) && len(r.suffixes.trees) > 0,
		}
		if n.host[0] < maxLabel {
			start := len(r.bytes)
			r.bytes = append(append(append(r.bytes, n.host[0]+1), '_'), n.host[1:]...)
			p.service = r.bytes[start:]
		}
		r.published = append(r.published, p)
	}
	return r.published
}

// addrs makes the address records of prefix.suffix. It returns false if the name
// is too long.
func (r *taskRecords) addrs(prefix []byte, suffix Name, addrs []netip.Addr, from addrSource, p recordParams) bool {
	name, ok := r.join(prefix, suffix)
	if ok {
		r.addrsAt(name, addrs, from, p)
	}
	return ok
}

// addrsAt makes the address records of a name.
func (r *taskRecords) addrsAt(name []byte, addrs []netip.Addr, from addrSource, p recordParams) {
	addrs = r.spend(addrs)
	for _, a := range addrs {
		r.out.addr(name, a, from)
	}
	if p.ttl != 0 && len(addrs) > 0 {
		r.out.ttl(name, p.ttl)
	}
}

// spend returns the beginning of a list of records that the budget allows.
func (r *taskRecords) spend(addrs []netip.Addr) []netip.Addr {
	if len(addrs) > r.budget {
		addrs, r.exhausted = addrs[:r.budget], true
	}
	r.budget -= len(addrs)
	return addrs
}

// target makes a name that belongs to the task alone, with its addresses. It
// returns no name if that is too long.
func (r *taskRecords) target(canonical []byte, suffix Name, addrs []netip.Addr, from addrSource) numberedName {
	name, ok := r.join(canonical, suffix)
	if !ok {
		return numberedName{}
	}
	r.addrsAt(name, addrs, from, r.params)
	return r.out.target(name)
}

// networkAddrs makes the addresses of T.F.<network>.network.D.
func (r *taskRecords) networkAddrs(n *publishedName) {
	for i := range r.reach.networks {
		network := &r.reach.networks[i]
		name, err := r.networkName(n.host, network.name)
		if err != nil {
			r.omit(network.name, err)
			continue
		}
		r.addrsAt(name, network.addrs, addrSource{source: r.reach.reportedBy}, r.params)
	}
}

// networkName returns prefix.F.<network>.network.D in the buffer of the generator.
func (r *taskRecords) networkName(prefix []byte, network string) ([]byte, error) {
	b := append(append(r.buf[:0], prefix...), r.suffixes.tasks[:len(r.suffixes.tasks)-len(r.o.Domain)]...)
	b, err := appendLabels(b, r.o.Rule.Label(network), networkLabel)
	if err != nil {
		return nil, err
	}
	if len(b)+len(r.o.Domain) > maxName {
		return nil, ErrNameLength
	}
	return append(b, r.o.Domain...), nil
}

// reverse makes the PTR records of the task's addresses, which point to T.F.D.
func (r *taskRecords) reverse(host []byte) {
	if !r.o.Reverse {
		return
	}
	name, ok := r.join(host, r.suffixes.tasks)
	if !ok {
		return
	}
	target := r.out.target(name).Name
	for _, a := range r.spend(r.reach.addrs) {
		r.out.ptr(a, PTR{OwnerTask, target}, r.reach.from)
		if r.params.ttl != 0 {
			r.out.ttl([]byte(ReverseName(a)), r.params.ttl)
		}
	}
}

// omit reports a name of the task that cannot be published.
func (r *taskRecords) omit(value string, reason error) {
	r.generator.omit(Omission{Task: r.owner.task.Key, Value: value, Reason: reason})
}

func (r *taskRecords) omitTooLong() { r.omit(r.owner.task.Name, ErrNameLength) }

// addrSource is where the addresses of a record come from, for Explain.
type addrSource struct {
	source IPSource
	auto   bool // source is what IP source auto selected
}

func (f addrSource) String() string {
	if f.auto {
		return "auto, which is " + f.source.String() + " here"
	}
	return f.source.String()
}
