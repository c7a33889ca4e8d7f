package server

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/state"
	"toponym/state/master"
	"toponym/zone"
)

// pipeline takes events in and brings the zone up to date: cluster, records,
// zone, one after the other. Events and master files come from a goroutine each;
// zones and known are for all, and the rest is used with mu held.
type pipeline struct {
	mu      sync.Mutex
	known   atomic.Pointer[known]
	opened  bool   // a snapshot from disk comes too late
	lowest  uint32 // the next serial is larger
	cluster *state.Cluster
	set     *records.Set
	zones   *zone.Store
	o       zone.Options
	now     func() time.Time
	log     logrus.FieldLogger
	omitted map[records.Omission]struct{} // what was logged as left out
	both    map[records.Name]struct{}     // what was logged as owned by cluster and master files
	pending state.Delta                   // what events changed and the zone does not show yet
	since   time.Time                     // when the first of these events came; zero for none

	lastHeard     func() (source string, at time.Time)
	observeLag    func(lag time.Duration)
	countOmission func(reason error)
}

// pipelineOptions are what a pipeline needs to know. All are required.
type pipelineOptions struct {
	records records.Options
	zone    zone.Options
	log     logrus.FieldLogger
	now     func() time.Time

	lastHeard     func() (source string, at time.Time) // how and when a master was heard last
	observeLag    func(lag time.Duration)              // from the first event of a burst until it is answered
	countOmission func(reason error)                   // a name could not be published
}

// maxOmissionsLogged bounds what is remembered, and logged a line each, of
// names that cannot be.
const maxOmissionsLogged = 1000

func newPipeline(o pipelineOptions) *pipeline {
	p := &pipeline{
		cluster:       state.NewCluster(),
		set:           records.NewSet(o.records),
		zones:         zone.NewStore(zone.NewEmpty(o.zone)),
		o:             o.zone,
		now:           o.now,
		log:           o.log,
		omitted:       map[records.Omission]struct{}{},
		both:          map[records.Name]struct{}{},
		lastHeard:     o.lastHeard,
		observeLag:    o.observeLag,
		countOmission: o.countOmission,
	}
	p.known.Store(&known{source: fromNowhere})
	return p
}

// sink is where the watcher hands over what it learns.
func (p *pipeline) sink() master.Sink {
	return master.Sink{Cluster: p.cluster, Apply: p.apply, Publish: p.publish}
}

// apply takes an event into the cluster. Nobody sees it before publish.
func (p *pipeline) apply(e state.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = true
	p.pending.Join(p.cluster.Apply(e))
	if p.since.IsZero() {
		p.since = p.now()
	}
}

// publish brings the zone up to date with all events that were applied.
func (p *pipeline) publish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		return
	}
	now := p.now()
	p.show(fromMaster, now)
	p.observeLag(p.now().Sub(p.since))
	p.since = time.Time{}
}

// show brings the zone up to date with the cluster. It becomes another only when
// its content changed, and costs what changed.
func (p *pipeline) show(source string, confirmed time.Time) {
	delta := p.pending
	p.pending = state.Delta{}
	delta.Compact()
	defer p.note(source, confirmed, delta)
	var changes records.Changes
	if !delta.Empty() {
		changes = p.set.Update(p.cluster, delta)
	}
	p.logOmitted(changes.Omitted)
	p.logBoth(slices.Values(changes.Names))
	current := p.zones.Current()
	if len(changes.Names) == 0 && current.Ready() {
		return
	}
	serial := zone.NextSerial(max(current.Serial(), p.lowest), p.now())
	var z *zone.Zone
	if current.Ready() {
		z = current.Patch(p.set, changes.Names, serial)
	} else {
		z = zone.Compile(p.set, p.o, serial, changes.Names...)
	}
	p.swap(z, len(changes.Names))
}

// swap makes z the zone that is answered from.
func (p *pipeline) swap(z *zone.Zone, changed int) {
	p.zones.Swap(z)
	n := z.Counts()
	p.log.Debugf("serial %d: %d names changed; %d names with %d A, %d AAAA, %d SRV and %d PTR records",
		z.Serial(), changed, n.Names, n.A, n.AAAA, n.SRV, n.PTR)
}

// static takes other records of master files. They may bring other origins, so
// the zone is made anew, which is as much work as after the first state.
func (p *pipeline) setStatic(s *zone.StaticRecords) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Equal(p.o.Static) {
		return
	}
	p.o.Static = s
	p.logBoth(s.Names())
	current := p.zones.Current()
	if !current.Ready() {
		p.zones.Swap(zone.NewEmpty(p.o))
		return
	}
	p.swap(zone.Compile(p.set, p.o, zone.NextSerial(max(current.Serial(), p.lowest), p.now())), s.Len())
}

// logBoth says once of each name that cluster and master files have records for
// it.
func (p *pipeline) logBoth(names iter.Seq[records.Name]) {
	if p.o.Static == nil {
		return
	}
	for n := range names {
		if _, ok := p.both[n]; ok || !p.o.Static.Has(n) || p.set.Data(n).Empty() {
			continue
		}
		p.both[n] = struct{}{}
		if p.o.Static.HasCNAME(n) {
			p.log.Warnf("%v: the CNAME record of staticZones is not answered while the cluster has records of the name", n)
		} else {
			p.log.Warnf("%v: there are records of the cluster and of staticZones; both are answered", n)
		}
	}
}

// logOmitted says of each name that was left out once why.
func (p *pipeline) logOmitted(omitted []records.Omission) {
	for _, o := range omitted {
		p.countOmission(o.Reason)
		if _, ok := p.omitted[o]; ok || len(p.omitted) > maxOmissionsLogged {
			continue
		}
		p.omitted[o] = struct{}{}
		if len(p.omitted) > maxOmissionsLogged {
			p.log.Warnf("more than %d names were left out; no more are logged", maxOmissionsLogged)
			continue
		}
		p.log.Warnf("left out: %v", o)
	}
}
