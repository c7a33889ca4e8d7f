package server

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/state"
	"toponym/state/snapshot"
	"toponym/zone"
)

// pipeline turns events of a master into the zone that is answered from, one
// stage after the other: cluster, records, zone. A change costs what it
// changes, however large the cluster is.
//
// Events come from the goroutine of the watcher, settings and zone files from their
// own goroutines (configure). Readers of the zone and of info never wait.
type pipeline struct {
	o       pipelineOptions
	zones   *zone.Store
	history *zone.History
	info    atomic.Pointer[stateInfo]
	changed atomic.Uint64 // names whose records have changed, after the first state
	cores   int           // at the start: there are more threads while a state is read

	configuring sync.Mutex // held by configure; taken before mu

	mu           sync.Mutex // guards the fields below
	replica      *state.Replica
	cluster      *state.Cluster // of the replica, for reading
	set          *records.Set
	prepared     bool            // set has the records of the cluster although there is no zone
	records      records.Options // of set
	zone         zone.Options    // of the current zone
	serials      *serials
	since        time.Time           // when the first update came that the zone does not show yet; zero for none
	meanwhile    *meanwhile          // what has changed since a rebuild began; nil without one
	omissions    map[uint64]struct{} // logged, by hash: they quote strings of any length
	recent       omissionList
	conflicts    map[records.Name]struct{} // logged: names of both cluster and zone files
	mergedLogged int                       // lines of logMerged
}

// pipelineOptions configure a pipeline. All are required.
type pipelineOptions struct {
	records   records.Options
	zone      zone.Options
	history   zone.HistoryLimits
	primaries primaries // the zero value is a server alone
	log       logrus.Ext1FieldLogger
	now       func() time.Time

	background    func(func())                         // runs what keeps a core busy, with a lower priority
	lastHeard     func() (source string, at time.Time) // how and when a master was heard last
	observeLag    func(lag time.Duration)              // from the first event of a burst until it is answered
	countOmission func(reason error)                   // a name could not be published
	agentZones    *agentZones                          // of the setting preferZone; nil without it
}

// maxLogged limits how many omissions and conflicts are remembered and logged,
// a line each.
const maxLogged = 1000

func newPipeline(o pipelineOptions) *pipeline {
	replica := state.NewReplica()
	serials := newSerials(o.now, o.primaries)
	empty := zone.NewEmpty(o.zone, serials.next)
	p := &pipeline{
		o:         o,
		cores:     runtime.GOMAXPROCS(0),
		zones:     zone.NewStore(empty),
		history:   zone.NewHistory(o.history, empty, o.now()),
		serials:   serials,
		replica:   replica,
		cluster:   replica.Cluster(),
		records:   o.records,
		zone:      o.zone,
		omissions: map[uint64]struct{}{},
		conflicts: map[records.Name]struct{}{},
	}
	p.set = records.NewSet(p.firstOptions(o.records, nil))
	p.info.Store(&stateInfo{source: sourceNone})
	return p
}

// withClock returns the options of a set that takes the place of another one,
// which may be nil.
func (p *pipeline) withClock(o records.Options, previous *records.Set) records.Options {
	o.Now, o.Previous = p.o.now, previous
	return o
}

// firstOptions returns the options of the set for the first state. As long as there is
// nothing to answer from, all cores may make its records.
func (p *pipeline) firstOptions(o records.Options, previous *records.Set) records.Options {
	o = p.withClock(o, previous)
	o.Loaders = p.cores
	return o
}

// expiryInterval is the interval of looking for names that are no longer reserved
// for the app that has left them.
const expiryInterval = 5 * time.Second

// runExpiry gives such names to the tasks that have them as aliases, until ctx
// ends.
func (p *pipeline) runExpiry(ctx context.Context) {
	every(ctx, expiryInterval, p.expireReservations)
}

func (p *pipeline) expireReservations() {
	p.mu.Lock()
	defer p.mu.Unlock()
	end, ok := p.set.NextExpiry()
	if !ok || end.After(p.o.now()) || p.replica.Pending() || !p.zones.Current().Ready() {
		return // else the next update sees to it
	}
	p.publishChanges(p.set.Update(p.cluster, state.Delta{}))
}

// Update changes the replica, see master.Owner. Nothing is visible before
// Publish.
func (p *pipeline) Update(f func(*state.Replica)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.replica)
	if p.since.IsZero() && p.replica.Pending() {
		p.since = p.o.now()
	}
}

// Prepare makes the records of the replica while there is no zone, so that what changes
// meanwhile costs little: it is not in the zone yet.
func (p *pipeline) Prepare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.replica.Pending() && !p.zones.Current().Ready() {
		_, changes := p.updateRecords()
		p.logChanges(changes)
		p.prepared = true
	}
}

// Publish brings the zone up to date with the replica.
func (p *pipeline) Publish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		return
	}
	now := p.o.now()
	p.update(sourceMemory, now) // currentInfo tells how the master is read
	p.o.observeLag(p.o.now().Sub(p.since))
	p.since = time.Time{}
}

// restore answers from a snapshot until a master sends its state, which then is
// a change of the snapshot's like any other: only what differs changes. It
// reports false when it comes too late: a master has sent something already.
func (p *pipeline) restore(c *snapshot.Contents) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.replica.Restore(c.State) {
		return false
	}
	p.adoptSerials(&c.Zones, c.Confirmed)
	p.update(sourceSnapshot, c.Confirmed)
	return true
}

// restoreSerials goes on with the serials of a snapshot. Zones that are answered
// before a state is known, those of zone files, get theirs at once.
func (p *pipeline) restoreSerials(c *snapshot.Zones, confirmed time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.adoptSerials(c, confirmed)
}

// firstSerial is the oldest serial that new content may get from now on.
func (p *pipeline) firstSerial() uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return zone.NextSerial(p.serials.limit, p.o.now())
}

// nextSerial is [serials.next] for a zone that is not made by the pipeline.
func (p *pipeline) nextSerial(origin records.Name, previous uint32) uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serials.next(origin, previous)
}

// adoptSerials is restoreSerials for a caller that holds mu.
func (p *pipeline) adoptSerials(c *snapshot.Zones, confirmed time.Time) {
	if p.serials.restored {
		return
	}
	p.serials.restore(c, confirmed)
	if current := p.zones.Current(); !current.Ready() && current.HasSerials() {
		p.replaceZone(p.serials.renumber(current, nil), 0)
	}
}

// update brings records and zone up to date with the cluster. The zone is
// replaced only when its content has changed. The caller holds mu.
func (p *pipeline) update(source string, confirmed time.Time) {
	delta, changes := p.updateRecords()
	defer p.storeInfo(source, confirmed, !delta.Empty() || p.prepared)
	p.prepared = false
	if p.meanwhile != nil {
		p.meanwhile.delta.Join(delta.Clone())
	}
	p.publishChanges(changes)
}

// updateRecords brings the records up to date with the cluster. The caller holds mu.
func (p *pipeline) updateRecords() (delta state.Delta, changes records.Changes) {
	delta = p.replica.TakeDelta()
	if p.o.agentZones != nil && len(delta.Agents) > 0 {
		p.o.agentZones.set(p.cluster.Agents())
	}
	if !delta.Empty() {
		changes = p.set.Update(p.cluster, delta)
	}
	return delta, changes
}

// logChanges logs what there is to say about changed records. The caller holds mu.
func (p *pipeline) logChanges(changes records.Changes) {
	p.logOmissions(changes.Omitted)
	p.logMerged(changes.Merged)
	p.logConflicts(slices.Values(changes.Names))
	p.traceChanges(changes.Names)
}

// publishChanges brings the zone up to date with changed records. The caller holds
// mu.
func (p *pipeline) publishChanges(changes records.Changes) {
	p.logChanges(changes)
	if p.meanwhile != nil {
		p.meanwhile.addNames(changes.Names)
	}
	current := p.zones.Current()
	switch {
	case !current.Ready():
		first := zone.Compile(p.set, p.zone, zone.SameSerial(0))
		p.replaceZone(p.serials.renumber(first, current), len(changes.Names))
	case len(changes.Names) > 0:
		p.changed.Add(uint64(len(changes.Names)))
		p.replaceZone(current.Patch(p.set, changes, p.serials.next), len(changes.Names))
	}
}

// replaceZone makes z the zone that is answered from. The caller holds mu.
func (p *pipeline) replaceZone(z *zone.Zone, changed int) {
	p.zones.Swap(z)
	p.history.Add(z, p.o.now())
	if !enabled(p.o.log, logrus.DebugLevel) {
		return // the fields cost more than a change
	}
	n := z.Counts()
	p.o.log.WithFields(logrus.Fields{
		"serial": z.DomainSerial(), "changed": changed, "names": n.Names, "a": n.A, "aaaa": n.AAAA, "srv": n.SRV, "ptr": n.PTR,
	}).Debug("the zone has changed")
}

// maxTraced limits how many changed names of a publication are logged.
const maxTraced = 100

// traceChanges logs which names have changed, at the most verbose level. The caller
// holds mu.
func (p *pipeline) traceChanges(names []records.Name) {
	if !enabled(p.o.log, logrus.TraceLevel) {
		return
	}
	for _, n := range names[:min(len(names), maxTraced)] {
		d := p.set.Data(n)
		p.o.log.WithFields(logrus.Fields{"name": n.String(), "a": len(d.A), "aaaa": len(d.AAAA), "srv": len(d.SRV), "ptr": len(d.PTR)}).
			Trace("the records of a name have changed")
	}
}

// enabled reports whether a logger writes lines of a level.
func enabled(log logrus.Ext1FieldLogger, level logrus.Level) bool {
	l, ok := log.(interface{ IsLevelEnabled(logrus.Level) bool })
	if e, entry := log.(*logrus.Entry); entry {
		l, ok = e.Logger, true
	}
	return ok && l.IsLevelEnabled(level)
}

// logConflicts logs each name that has records from both the cluster and zone files,
// once. The caller holds mu.
func (p *pipeline) logConflicts(names iter.Seq[records.Name]) {
	if p.zone.Static == nil {
		return
	}
	for n := range names {
		if _, logged := p.conflicts[n]; logged || len(p.conflicts) >= maxLogged || !p.zone.Static.Has(n) || p.set.Data(n).Empty() {
			continue
		}
		p.conflicts[n] = struct{}{}
		log := p.o.log.WithField("name", n.String())
		if p.zone.Static.HasCNAME(n) {
			log.Warn("a CNAME record of staticZones is not answered while the cluster has records of the name")
		} else {
			log.Warn("both the cluster and staticZones have records of a name: all are answered")
		}
	}
}

var hashSeed = maphash.MakeSeed()

// logOmissions counts what could not be published, and logs the reason of each
// omission once. The caller holds mu.
func (p *pipeline) logOmissions(omitted []records.Omission) {
	p.recent.add(omitted, p.o.now())
	for _, o := range omitted {
		p.o.countOmission(o.Reason)
		hash := maphash.Comparable(hashSeed, o)
		if _, logged := p.omissions[hash]; logged || len(p.omissions) > maxLogged {
			continue
		}
		p.omissions[hash] = struct{}{}
		if len(p.omissions) > maxLogged {
			p.o.log.WithField("count", maxLogged).Warn("many names were omitted; no more of them are logged")
			continue
		}
		p.logOmission(o)
	}
}

// frameworkName is the name of a framework, empty if it is not known. The caller holds mu.
func (p *pipeline) frameworkName(id string) string {
	if f := p.cluster.Framework(id); f != nil {
		return f.Name
	}
	return ""
}

// logOmission logs why something is omitted. The caller holds mu.
func (p *pipeline) logOmission(o records.Omission) {
	fields := logrus.Fields{"framework": o.Framework, "value": o.Value, "reason": o.Reason}
	if o.Task.ID != "" {
		fields["task"], fields["framework"] = o.Task.ID, o.Task.Framework
	}
	if o.Label != "" {
		fields["label"] = o.Label
		p.o.log.WithFields(fields).Warn("ignored a label of a task")
		return
	}
	if errors.As(o.Reason, new(records.LimitError)) {
		p.o.log.WithFields(fields).Warn("omitted what exceeds a limit")
		return
	}
	if errors.As(o.Reason, new(records.AgentNetworkError)) {
		delete(fields, "value")
		if name := p.frameworkName(o.Framework); name != "" {
			fields["framework"] = fmt.Sprintf("%s (%s)", name, o.Framework)
		}
		p.o.log.WithFields(fields).Warn("some names leave out addresses of tasks")
		return
	}
	p.o.log.WithFields(fields).Warn("omitted a name")
}

// contents returns the cluster as it is now, for the snapshot, the zone with its
// number in the history, and how often the cluster had changed by then. Values of a cluster never change, so
// events wait only while pointers are copied: some milliseconds for 100,000 tasks.
func (p *pipeline) contents() (c *snapshot.Contents, z *zone.Zone, version, changes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := p.currentInfo()
	z, version = p.history.Index()
	return &snapshot.Contents{State: p.cluster.FullState(), Confirmed: i.confirmed}, z, version, i.changes
}

// enumerate lists the current records by task, at names that keep accepts.
func (p *pipeline) enumerate(keep func(name []byte) bool) iter.Seq2[string, iter.Seq[records.EnumeratedTask]] {
	return p.currentSet().Enumerate(keep)
}

// instances lists the tasks that have names.
func (p *pipeline) instances(f records.InstanceFilter) iter.Seq[*records.Instance] {
	return p.currentSet().Instances(f)
}

// search finds apps, tasks, frameworks and agents.
func (p *pipeline) search(q records.Search) records.SearchResult { return p.currentSet().Search(q) }

// task describes a task.
func (p *pipeline) task(k state.TaskKey) (records.TaskDescription, bool) {
	return p.currentSet().Task(k)
}

// hosts returns the masters and agents.
func (p *pipeline) hosts() records.Hosts { return p.currentSet().Hosts() }

// explain returns the owners of the records of a name.
func (p *pipeline) explain(n records.Name) records.Explanation { return p.currentSet().Explain(n) }

// frameworkNames returns the names of a framework.
func (p *pipeline) frameworkNames(framework string) (records.FrameworkNames, error) {
	p.mu.Lock()
	o := p.records
	p.mu.Unlock()
	return o.FrameworkNames(framework)
}

func (p *pipeline) currentSet() *records.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.set
}
