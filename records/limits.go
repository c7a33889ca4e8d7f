package records

import (
	"fmt"
	"math"
	"strings"

	"toponym/state"
)

// Limits bounds what one task or framework can cost. What exceeds a limit is
// omitted. 0 means no limit.
type Limits struct {
	// TaskPorts is the number of ports of a task: of its DiscoveryInfo, of its
	// resources, and port mappings; each of these may have as many.
	TaskPorts int
	// TaskAddrs is the number of addresses of a task by each IP source, of its
	// networks, and of its addresses on each network.
	TaskAddrs int
	// TaskRecords is the number of records that one task owns.
	TaskRecords int
	// FrameworkRecords is the number of records that the tasks of one framework
	// own together. The tasks of a framework that would exceed it get an equal
	// share: TaskRecords is halved for them until they fit, but not below
	// minTaskRecords. The share grows again when that leaves an eighth of the limit
	// free.
	FrameworkRecords int
}

// Limits that are not configurable.
const (
	maxLabels        = 64   // DNS_… labels of a task, or of a port, that are read
	maxAliases       = 8    // aliases of a task
	maxAliasesRead   = 64   // names in DNS_ALIAS that are read, with bad ones and duplicates
	maxProtocols     = 8    // protocols of a port
	maxTaskOmissions = 20   // omissions of a task in one update
	maxOmissions     = 1000 // omissions that an update lists
	minTaskRecords   = 16   // records that a task may always own
)

// LimitError is the reason of an omission: something exceeds a limit.
type LimitError struct {
	What    string // what exceeds the limit, such as "ports"
	Limit   int
	Setting string // the setting that sets the limit; empty if none does
}

// Error implements error.
func (e LimitError) Error() string {
	if e.Setting == "" {
		return fmt.Sprintf("has more than %d %s", e.Limit, e.What)
	}
	return fmt.Sprintf("has more than %d %s (setting %s)", e.Limit, e.What, e.Setting)
}

func (l Limits) ports(what string) LimitError {
	return LimitError{What: what, Limit: l.TaskPorts, Setting: "maxTaskPorts"}
}

func (l Limits) addrs(what string) LimitError {
	return LimitError{What: what, Limit: l.TaskAddrs, Setting: "maxTaskAddresses"}
}

// cut returns the beginning of a list up to a limit, and whether that is less than
// all of it.
func cut[T any](list []T, limit int) ([]T, bool) {
	if limit > 0 && len(list) > limit {
		return list[:limit:limit], true
	}
	return list, false
}

// cutPorts returns the first ranges with as many ports as the limit allows. It may
// use buf for them.
func cutPorts(ranges, buf []state.PortRange, limit int) (_ []state.PortRange, wasCut bool) {
	if limit <= 0 {
		return ranges, false
	}
	for i, r := range ranges {
		if n := int(r.Last) - int(r.First) + 1; n <= limit {
			limit -= n
			continue
		}
		if limit == 0 {
			return ranges[:i:i], true
		}
		buf = append(append(buf[:0], ranges[:i]...), state.PortRange{First: r.First, Last: r.First + uint16(limit) - 1})
		return buf, true
	}
	return ranges, false
}

// shareLevels is how often the share of the tasks of one framework is halved.
const shareLevels = 8

// frameworkLoad is the number of records that the tasks of one framework want to
// own, by the share that each of them gets.
type frameworkLoad struct {
	tasks   int
	records [shareLevels]int64
	level   int // index of the share that applies now
}

// frameworkLoads is the loads of all frameworks, by id.
type frameworkLoads struct {
	limits  Limits
	byID    map[string]*frameworkLoad
	changed map[string]struct{} // by the running update
}

func newFrameworkLoads(l Limits) frameworkLoads {
	return frameworkLoads{limits: l, byID: map[string]*frameworkLoad{}, changed: map[string]struct{}{}}
}

// share returns the number of records that each task of a framework may own; 0
// means no limit.
func (f *frameworkLoads) share(level int) int {
	if level == 0 {
		return f.limits.TaskRecords
	}
	whole := f.limits.TaskRecords
	if whole == 0 {
		whole = minTaskRecords << shareLevels
	}
	return max(whole>>level, minTaskRecords)
}

// weigh sets the weight of a changed task, and returns the task with it; without a task if
// it has no names. What it omits goes to the writer of the generator.
func (s *Set) weigh(c *state.Cluster, change *taskChange) owner {
	o, has := s.ownerOf(c, change.task)
	if !has {
		return owner{}
	}
	if len(s.groups.merged) > 0 && s.generator.o.Scope != ScopeCompat {
		o.apart = s.groups.isMerged(s.generator.suffixesOf(o.framework.Name).tasks)
	}
	o.wanted = s.generator.wantedRecords(o)
	change.weight = o.weight
	return o
}

// replace puts a task in the place of its version before, in the load of its framework.
// A version without a task counts nothing.
func (f *frameworkLoads) replace(framework string, before, after owner) {
	if f.limits.FrameworkRecords == 0 || before.wanted == after.wanted && (before.task == nil) == (after.task == nil) {
		return
	}
	l := f.byID[framework]
	if l == nil {
		l = &frameworkLoad{}
		f.byID[framework] = l
	}
	if before.task != nil {
		f.count(l, before.wanted, -1)
	}
	if after.task != nil {
		f.count(l, after.wanted, 1)
	}
	f.changed[framework] = struct{}{}
}

// count adds the records that a task wants to own, multiplied by times.
func (f *frameworkLoads) count(l *frameworkLoad, wanted int32, times int) {
	l.tasks += times
	for level := range l.records {
		n := int(wanted)
		if share := f.share(level); share > 0 {
			n = min(n, share)
		}
		l.records[level] += int64(n * times)
	}
}

// settle decides which share each changed framework gets, and calls changed for
// those that get another one than before: with the smaller of both shares.
func (f *frameworkLoads) settle(changed func(framework string, share int, reduced bool)) {
	for id := range f.changed {
		l := f.byID[id]
		level := f.levelFor(l)
		if before := l.level; level != before {
			l.level = level
			changed(id, f.share(max(level, before)), level > 0)
		}
		if l.tasks == 0 {
			delete(f.byID, id)
		}
	}
	clear(f.changed)
}

// levelFor returns the index of the largest share with which a framework is within its
// limit. A share only grows again if that leaves an eighth of the limit free: otherwise a
// task that comes and goes would have the records of all others made each time.
func (f *frameworkLoads) levelFor(l *frameworkLoad) int {
	limit := int64(f.limits.FrameworkRecords)
	for level := range shareLevels - 1 {
		room := limit
		if level < l.level {
			room -= limit / 8
		}
		if l.records[level] <= room {
			return level
		}
	}
	return shareLevels - 1
}

// limitFor returns the number of records that a task may own if it wants to own
// more than that; else 0.
func (f *frameworkLoads) limitFor(framework string, wanted int32) int32 {
	level := 0
	if l := f.byID[framework]; l != nil {
		level = l.level
	}
	if share := f.share(level); share > 0 && int(wanted) > share {
		return int32(share)
	}
	return 0
}

// wantedRecords returns an upper bound of the number of records that a task owns
// if nothing limits them, which is close to the number itself. It is much cheaper
// than making the records.
func (g *generator) wantedRecords(o owner) int32 {
	t, l, s := o.task, g.o.Limits, g.suffixesOf(o.framework.Name)
	if s.err != nil {
		return 0
	}
	names := g.taskNames(t)
	identities := 1
	if len(names) > 0 && names[len(names)-1].kind == rawName {
		identities = 2
	}
	reported := max(len(t.Addresses.NetInfo), len(t.Addresses.Docker), len(t.Addresses.Mesos))
	if l.TaskAddrs > 0 {
		reported = min(reported, l.TaskAddrs)
	}
	addrs := max(reported, len(o.agent.Addrs))
	onNetworks := 0
	networks, _ := cut(t.Addresses.Networks, l.TaskAddrs)
	for _, n := range networks {
		onNetworks += len(n.Addrs)
	}
	if onNetworks == 0 && t.Container != nil && len(t.Container.Networks) > 0 {
		onNetworks = reported
	}
	trees := int(numTrees) * len(s.trees)
	subsets := len(g.subsetSuffixes(o, s))
	wanted := len(names)*((2+subsets)*addrs+onNetworks+trees*addrs) + identities*(2*addrs+onNetworks+reported) + addrs

	discovery := g.o.announces(t)
	var ports int
	for _, r := range t.Ports {
		ports += int(r.Last) - int(r.First) + 1
	}
	if l.TaskPorts > 0 {
		ports = min(ports, l.TaskPorts)
	}
	perPort := 1 // under F.slave.D
	if !discovery {
		perPort = 2 + trees + subsets
	}
	wanted += len(names) * len(bothProtocols) * ports * perPort
	if discovery {
		list, _ := cut(t.Discovery.Ports, l.TaskPorts)
		for i := range list {
			p := &list[i]
			protocols := len(bothProtocols) // also that of an application and its transport
			if commas := strings.Count(p.Protocol, ","); commas > 0 {
				protocols = min(1+commas, maxProtocols) + len(bothProtocols)
			} else if strings.EqualFold(p.Protocol, tcpLabel) || strings.EqualFold(p.Protocol, udpLabel) {
				protocols = 1
			}
			perPort := 2 + trees + subsets
			if p.Name != "" {
				perPort = 5 + int(numSRVForms)*(trees+subsets)
			}
			wanted += len(names) * protocols * perPort
			if len(g.o.VIPDomains) > 0 {
				wanted += countVIPs(p.Labels) * len(g.o.VIPDomains) * (addrs + protocols)
			}
		}
	}
	return int32(min(wanted, math.MaxInt32))
}

// recordsSetting returns the setting that limits a task to a number of records.
func (l Limits) recordsSetting(limit int) string {
	if limit == l.TaskRecords {
		return "maxTaskRecords"
	}
	return "maxFrameworkRecords"
}
