package haproxy

import (
	"cmp"
	"iter"
	"maps"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"toponym/records"
)

// How long what is gone is remembered.
const (
	// A service stays in configurations, so that an app that is started again
	// changes nothing in them.
	lingersFor = time.Minute
	// A host or a port stays with the framework that has used it: its clients still
	// do, so another tenant must not be able to take it over.
	reservedFor = time.Hour
)

// Limits of a table and of a configuration.
const (
	maxServices = 10_000
	maxClaims   = 100_000
	claimsOfOne = 50_000 // of a framework
	minSlots    = 4      // servers of a service
	maxSlots    = 1024   // servers of a service
	maxOfOne    = 5_000  // services of a framework, so that others have some left
	allSlots    = 32_768
	slotsOfOne  = 24_576 // of a framework

	// Paths of hosts. HAProxy compares each request with one after the other.
	maxRoutes    = 64 // of a service
	allRoutes    = 20_000
	routesOfOne  = 15_000 // of a framework
	maxConflicts = 8      // comments
)

// Table remembers the services of a cluster, because who has a host or a port
// depends on who had it first. It may be used from any goroutine.
type Table struct {
	mu       sync.Mutex
	services map[serviceKey]*entry
	claims   map[claimKey]*claim
	excess   int // services that are beyond maxServices or maxOfOne
}

// entry is a service as it was seen last.
type entry struct {
	*service
	seen
	live  bool // it exists
	slots int  // templates of servers
}

// seen is when something was seen first and last.
type seen struct{ first, last time.Time }

// claimKey is a claim of a framework to a host or a port, among the load balancers
// of a group.
type claimKey struct {
	group, resource string // resource is "host x" or "port n"
	framework       string // id
}

type claim struct {
	seen
	since uint32 // Instance.Since of the oldest instance
}

// NewTable returns an empty table.
func NewTable() *Table {
	return &Table{services: map[serviceKey]*entry{}, claims: map[claimKey]*claim{}}
}

// Update replaces the services of the table by those of these instances, which are
// all that have a label that begins with LabelPrefix.
func (t *Table) Update(instances iter.Seq[*records.Instance], now time.Time) {
	var services []*service
	apps := collect(instances)
	for _, a := range apps {
		services = append(services, a.services()...)
	}
	slices.SortFunc(services, func(a, b *service) int { return a.key.compare(b.key) })

	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range t.services {
		e.live = false
	}
	ofFramework, claims := map[string]int{}, map[string]int{}
	for key := range t.services {
		ofFramework[key.framework]++
	}
	for key := range t.claims {
		claims[key.framework]++
	}
	t.excess = 0
	for _, s := range services {
		e := t.services[s.key]
		if e == nil {
			if len(t.services) == maxServices || ofFramework[s.key.framework] == maxOfOne {
				t.excess++
				continue
			}
			ofFramework[s.key.framework]++
			e = &entry{seen: seen{first: now}}
			t.services[s.key] = e
		}
		e.service, e.live, e.last = s, true, now
		e.resize()
		if s.refused == "" {
			t.claim(s, now, claims)
		}
	}
	maps.DeleteFunc(t.services, func(key serviceKey, e *entry) bool {
		return !e.live && (apps[key.appKey] != nil || now.Sub(e.last) > lingersFor) // an app that is there no longer wants it
	})
	maps.DeleteFunc(t.claims, func(_ claimKey, c *claim) bool { return now.Sub(c.last) > reservedFor })
}

// claim notes what a service claims, and counts the claims of its framework.
func (t *Table) claim(s *service, now time.Time, ofFramework map[string]int) {
	for _, group := range s.groups {
		for _, resource := range s.resources() {
			key := claimKey{group, resource, s.key.framework}
			c := t.claims[key]
			if c == nil {
				if len(t.claims) >= maxClaims || ofFramework[key.framework] >= claimsOfOne {
					continue
				}
				ofFramework[key.framework]++
				c = &claim{seen: seen{first: now}, since: s.since}
				t.claims[key] = c
			}
			c.last = now
		}
	}
}

// resources returns what only one framework can have.
func (s *service) resources() (list []string) {
	for _, host := range s.hosts {
		list = append(list, hostResource(host))
	}
	if s.port != 0 {
		list = append(list, portResource(s.port))
	}
	return list
}

func hostResource(host string) string   { return "host " + host }
func portResource(number uint16) string { return "port " + strconv.Itoa(int(number)) }

// resize makes room for twice as many instances as there are, because a deployment
// starts all new ones before it ends the old ones. Room that there is stays until
// three quarters of it are never used: each change of its size changes the
// configuration.
func (e *entry) resize() {
	want := max(minSlots, 1<<bits.Len(uint(min(2*e.instances, maxSlots)-1)))
	if e.instances > e.slots || want <= e.slots/4 {
		e.slots = want
	}
}

// owners returns the framework that has each host and port, for the load balancers
// of some groups: the one that was seen with it first.
func (t *Table) owners(groups []string) map[string]string {
	type owner struct {
		framework string
		*claim
	}
	owners := map[string]owner{}
	for key, c := range t.claims {
		if !inGroups(key.group, groups) {
			continue
		}
		have, ok := owners[key.resource]
		if !ok || cmp.Or(c.first.Compare(have.first), cmp.Compare(c.since, have.since), strings.Compare(key.framework, have.framework)) < 0 {
			owners[key.resource] = owner{key.framework, c}
		}
	}
	list := make(map[string]string, len(owners))
	for resource, o := range owners {
		list[resource] = o.framework
	}
	return list
}

// inGroups reports whether a service of a group is served by the load balancers of
// some groups. "*" is all groups.
func inGroups(group string, groups []string) bool {
	return slices.Contains(groups, group) || slices.Contains(groups, "*")
}

// ofGroups returns the services for the load balancers of some groups, the first
// ones having precedence: those that exist, and of these those that were seen
// first.
func (t *Table) ofGroups(groups []string) []*entry {
	var list []*entry
	for _, e := range t.services {
		if slices.ContainsFunc(e.groups, func(g string) bool { return inGroups(g, groups) }) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(a, b *entry) int {
		switch {
		case a.live && !b.live:
			return -1
		case b.live && !a.live:
			return 1
		}
		return cmp.Or(a.first.Compare(b.first), cmp.Compare(a.since, b.since), a.key.compare(b.key))
	})
	return list
}

func (k serviceKey) compare(o serviceKey) int {
	return cmp.Or(strings.Compare(k.framework, o.framework), strings.Compare(k.app, o.app), cmp.Compare(k.index, o.index))
}
