package records

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"toponym/state"
)

// Search asks for what people look for: apps, tasks, frameworks and agents by a part
// of their names, ids or addresses.
type Search struct {
	// Text is what is searched for. Case does not count, nor do the differences
	// between "/shop/cart", "cart.shop" and "cart-shop". The beginning of an address
	// finds what has such an address. An empty text finds everything.
	Text      string
	Framework string // id of the only framework that is searched, with its apps and tasks; empty: all
	App       string // what the tasks are called, or the id of a Marathon app; empty: anything
	Kinds     SearchKind
	After     SearchKey // the last hit of the page before: those that follow it are listed, and the only framework
	Limit     int       // of each kind; at least 1
}

// SearchKind is a set of the kinds of hits.
type SearchKind uint8

// The kinds of hits.
const (
	SearchApps SearchKind = 1 << iota
	SearchTasks
	SearchFrameworks
	SearchAgents

	SearchAll = SearchApps | SearchTasks | SearchFrameworks | SearchAgents
)

// SearchKey identifies a hit and is its place in the order: what is equal to the
// text comes first, then what begins with it, then the rest, each by name.
type SearchKey struct {
	Rank      uint8
	Name      string // of an app; the id of anything else
	Framework string // id of the framework of an app or a task
}

// SearchResult is what a search finds. More is the set of the kinds of which there
// are more than the limit.
type SearchResult struct {
	Apps       []FoundApp
	Tasks      []FoundTask
	Frameworks []FoundFramework
	Agents     []FoundAgent
	More       SearchKind
}

// TaskCounts are numbers of tasks that have names, by health.
type TaskCounts struct {
	Tasks, Healthy, Unhealthy int // Healthy and Unhealthy have health checks
}

// Unchecked is the number of tasks without health checks, or without a result yet.
func (c TaskCounts) Unchecked() int { return c.Tasks - c.Healthy - c.Unhealthy }

func (c *TaskCounts) add(t *state.Task) {
	c.Tasks++
	switch t.Health {
	case state.Healthy:
		c.Healthy++
	case state.Unhealthy:
		c.Unhealthy++
	}
}

// FoundApp is the tasks of a framework that are called the same. Counts has those
// that match the text.
type FoundApp struct {
	Key           SearchKey
	App           string
	FrameworkName string
	Counts        TaskCounts
}

// FoundTask is a task.
type FoundTask struct {
	Key           SearchKey
	App           string
	FrameworkName string
	Agent         string // host name
	Health        HealthText
}

// FoundFramework is a framework. Counts has all of its tasks.
type FoundFramework struct {
	Key    SearchKey
	Name   string
	Counts TaskCounts
}

// FoundAgent is an agent. Counts has all of its tasks.
type FoundAgent struct {
	Key       SearchKey
	Hostname  string
	Addresses []netip.Addr
	Counts    TaskCounts
}

// Search searches the current cluster. It may be called from any goroutine, and
// blocks updates no longer than [Set.Instances] does. The cost is a comparison for
// each task, or for each that shares the label of the app that is asked for; only the
// hits that are returned are kept.
func (s *Set) Search(q Search) (r SearchResult) {
	m := newMatcher(q.Text, s.generator.o.Domain.String())
	q.App = marathonName(q.App)
	v := s.view(InstanceFilter{App: q.App, Framework: q.Framework})
	apps := newHits(&q, func(a *FoundApp) *SearchKey { return &a.Key })
	tasks := newHits(&q, func(t *FoundTask) *SearchKey { return &t.Key })
	for i := range v.tasks {
		yieldCPU(i)
		if q.Kinds&(SearchApps|SearchTasks) == 0 {
			break
		}
		if i%fetchedAtOnce == 0 {
			m.fetch(v.tasks[i:min(i+fetchedAtOnce, len(v.tasks))])
		}
		o := &v.tasks[i]
		t := o.task
		if q.Framework != "" && t.Key.Framework != q.Framework {
			continue
		}
		app := appName(t)
		if q.App != "" && app != q.App {
			continue
		}
		rank, ok := m.task(o, app)
		if !ok {
			continue
		}
		if q.Kinds&SearchApps != 0 {
			if a := apps.at(SearchKey{m.rankOf(app), app, t.Key.Framework}); a != nil {
				a.App, a.FrameworkName = app, o.framework.Name
				a.Counts.add(t)
			}
		}
		if q.Kinds&SearchTasks != 0 {
			if f := tasks.at(SearchKey{rank, t.Key.ID, t.Key.Framework}); f != nil {
				f.App, f.FrameworkName, f.Agent, f.Health = app, o.framework.Name, o.agent.Hostname, healthText(t.Health)
			}
		}
	}
	frameworks := newHits(&q, func(f *FoundFramework) *SearchKey { return &f.Key })
	agents := newHits(&q, func(a *FoundAgent) *SearchKey { return &a.Key })
	if q.Framework != "" {
		frameworks.after = SearchKey{}
	}
	if q.Kinds&SearchFrameworks != 0 {
		for _, f := range v.frameworks {
			if q.Framework != "" && f.ID != q.Framework {
				continue
			}
			if rank, ok := m.fields(f.Addrs, f.Name, f.ID); ok {
				if hit := frameworks.at(SearchKey{Rank: rank, Name: f.ID}); hit != nil {
					hit.Name = f.Name
				}
			}
		}
	}
	if q.Kinds&SearchAgents != 0 {
		for _, a := range v.agents {
			if rank, ok := m.fields(a.Addrs, a.Hostname, a.ID); ok {
				if hit := agents.at(SearchKey{Rank: rank, Name: a.ID}); hit != nil {
					hit.Hostname, hit.Addresses = a.Hostname, a.Addrs
				}
			}
		}
	}
	countTasks(v.tasks, frameworks, agents)
	more := SearchKind(0)
	r.Apps, more = apps.cut(SearchApps, more)
	r.Tasks, more = tasks.cut(SearchTasks, more)
	r.Frameworks, more = frameworks.cut(SearchFrameworks, more)
	r.Agents, r.More = agents.cut(SearchAgents, more)
	return r
}

// countTasks counts the tasks of frameworks and agents.
func countTasks(tasks []owner, frameworks *hits[FoundFramework], agents *hits[FoundAgent]) {
	if len(frameworks.list)+len(agents.list) == 0 {
		return
	}
	ofFramework, ofAgent := map[string]*TaskCounts{}, map[string]*TaskCounts{}
	for i := range frameworks.list {
		ofFramework[frameworks.list[i].Key.Name] = &frameworks.list[i].Counts
	}
	for i := range agents.list {
		ofAgent[agents.list[i].Key.Name] = &agents.list[i].Counts
	}
	for i := range tasks {
		yieldCPU(i)
		t := tasks[i].task
		if c := ofFramework[t.Key.Framework]; c != nil {
			c.add(t)
		}
		if c := ofAgent[t.AgentID]; c != nil {
			c.add(t)
		}
	}
}

// hits are the first hits of one kind, in order. One more than the limit is kept,
// which tells that there are more.
type hits[T any] struct {
	limit int
	after SearchKey
	key   func(*T) *SearchKey
	list  []T
}

func newHits[T any](q *Search, key func(*T) *SearchKey) *hits[T] {
	return &hits[T]{limit: max(q.Limit, 1), after: q.After, key: key}
}

func (k SearchKey) compare(other SearchKey) int {
	return cmp.Or(cmp.Compare(k.Rank, other.Rank), strings.Compare(k.Name, other.Name), strings.Compare(k.Framework, other.Framework))
}

// at returns the hit with a key, which is added if it is one of the first; nil if
// it is not. A hit that was dropped never comes back, because the last key of a full
// list only becomes smaller: no count is lost.
func (h *hits[T]) at(k SearchKey) *T {
	if h.after != (SearchKey{}) && k.compare(h.after) <= 0 {
		return nil
	}
	full := len(h.list) > h.limit
	if full && h.key(&h.list[h.limit]).compare(k) < 0 {
		return nil
	}
	i := sort.Search(len(h.list), func(i int) bool { return h.key(&h.list[i]).compare(k) >= 0 })
	if i == len(h.list) || *h.key(&h.list[i]) != k {
		if full {
			h.list = h.list[:h.limit]
		}
		var one T
		*h.key(&one) = k
		h.list = slices.Insert(h.list, i, one)
	}
	return &h.list[i]
}

// cut returns the hits up to the limit, and adds the kind to a set if there are more.
func (h *hits[T]) cut(kind, more SearchKind) ([]T, SearchKind) {
	if len(h.list) > h.limit {
		h.list, more = h.list[:h.limit], more|kind
	}
	return h.list, more
}

// The ranks of hits.
const (
	rankEqual uint8 = iota
	rankBegins
	rankContains
)

// maxSearchText bounds the text of a search, in bytes: no name is longer.
const maxSearchText = 255

// matcher compares with the text of a search.
type matcher struct {
	text    []byte // folded
	address string // the text, if an address may begin with it
	domain  string
	buf     []byte
	fetched int
}

// fetchedAtOnce is a number of tasks whose texts the cache of a CPU holds.
const fetchedAtOnce = 256

// fetch reads a little of what the comparisons with some tasks will read. Tasks lie
// scattered, so that most reads wait for memory; in these loops none depends on the one
// before, and a CPU waits for many at the same time.
func (m *matcher) fetch(tasks []owner) {
	for i := range tasks {
		m.fetched += len(tasks[i].task.Key.ID) + len(tasks[i].task.Addresses.NetInfo)
	}
	for i := range tasks {
		t := tasks[i].task
		if t.Discovery != nil {
			m.fetched += len(t.Discovery.Name)
		}
		if t.Key.ID != "" {
			m.fetched += int(t.Key.ID[0])
		}
		if t.Name != "" {
			m.fetched += int(t.Name[0])
		}
	}
	for i := range tasks {
		if d := tasks[i].task.Discovery; d != nil && d.Name != "" {
			m.fetched += int(d.Name[0])
		}
	}
}

func newMatcher(text, domain string) *matcher {
	text = strings.TrimSuffix(marathonName(strings.TrimSpace(text)), ".")
	m := &matcher{domain: strings.TrimSuffix(domain, ".")}
	m.text = appendFolded(nil, text[:min(len(text), maxSearchText)])
	if strings.ContainsAny(text, ".:") && strings.Trim(strings.ToLower(text), "0123456789abcdef.:") == "" {
		m.address = strings.ToLower(text)
	}
	return m
}

// folded maps bytes that do not differ in a search to one of them.
var folded = func() (table [256]byte) {
	for c := range table {
		switch {
		case 'A' <= c && c <= 'Z':
			table[c] = byte(c + 'a' - 'A')
		case c == '.' || c == '_' || c == '/' || c == ':':
			table[c] = '-'
		default:
			table[c] = byte(c)
		}
	}
	return table
}()

// appendFolded appends a text in which case and separators do not differ.
func appendFolded(b []byte, text string) []byte {
	begin := len(b)
	b = append(b, text...)
	for i, c := range b[begin:] {
		b[begin+i] = folded[c]
	}
	return b
}

// task compares with a task: with the name of the app, alone and before the names of
// the framework and the domain, the name and the id of the task, and its addresses.
func (m *matcher) task(o *owner, app string) (rank uint8, ok bool) {
	t := o.task
	if m.address != "" {
		a := &t.Addresses
		for _, list := range [...][]netip.Addr{a.NetInfo, a.Docker, a.Mesos} {
			if rank, ok := m.addresses(list); ok {
				return rank, true
			}
		}
		for i := range a.Networks {
			if rank, ok := m.addresses(a.Networks[i].Addrs); ok {
				return rank, true
			}
		}
	}
	b := appendFolded(m.buf[:0], app)
	b = appendFolded(append(b, '-'), o.framework.Name)
	b = appendFolded(append(b, '-'), m.domain)
	if t.Name != app {
		b = appendFolded(append(b, 0), t.Name)
	}
	b = appendFolded(append(b, 0), t.Key.ID)
	m.buf = b
	if !bytes.Contains(b, m.text) {
		return 0, false
	}
	return m.rankOf(t.Key.ID), true
}

// fields compares with addresses and texts.
func (m *matcher) fields(addrs []netip.Addr, texts ...string) (rank uint8, ok bool) {
	if m.address != "" {
		if rank, ok := m.addresses(addrs); ok {
			return rank, true
		}
	}
	rank = rankContains
	for _, text := range texts {
		m.buf = appendFolded(m.buf[:0], text)
		if bytes.Contains(m.buf, m.text) {
			rank, ok = min(rank, m.rankOf(text)), true
		}
	}
	return rank, ok
}

// addresses compares with addresses.
func (m *matcher) addresses(list []netip.Addr) (rank uint8, ok bool) {
	rank = rankBegins
	var buf [48]byte
	for _, a := range list {
		if text := a.AppendTo(buf[:0]); bytes.HasPrefix(text, []byte(m.address)) {
			ok = true
			if len(text) == len(m.address) {
				rank = rankEqual
			}
		}
	}
	return rank, ok
}

// rankOf is the rank of a hit with a name.
func (m *matcher) rankOf(name string) uint8 {
	switch m.buf = appendFolded(m.buf[:0], name); {
	case bytes.Equal(m.buf, m.text):
		return rankEqual
	case bytes.HasPrefix(m.buf, m.text):
		return rankBegins
	}
	return rankContains
}
