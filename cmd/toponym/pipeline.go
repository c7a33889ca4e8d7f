package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// pipeline takes events in and brings the zone up to date: cluster, records,
// zone, one after the other. Zones and known are for all; the rest is used by
// one goroutine at a time, with mu held. That is mostly the one that reads the
// master.
type pipeline struct {
	mu      sync.Mutex
	known   atomic.Pointer[known]
	lowest  uint32 // the next serial is larger
	cluster *state.Cluster
	set     *records.Set
	zones   *zone.Store
	o       zone.Options
	now     func() time.Time
	log     logrus.FieldLogger
	omitted map[records.Omission]struct{} // what was logged as left out

	applied func(kind string, lag time.Duration) // told of each event of a master
	leftOut func(reason error)                   // told of each name that could not be made
}

// maxOmissionsLogged bounds what is remembered, and logged a line each, of
// names that cannot be.
const maxOmissionsLogged = 1000

func newPipeline(r records.Options, z zone.Options, log logrus.FieldLogger) *pipeline {
	p := &pipeline{
		cluster: state.NewCluster(),
		set:     records.NewSet(r),
		zones:   zone.NewStore(zone.Pending(z)),
		o:       z,
		now:     time.Now,
		log:     log,
		omitted: map[records.Omission]struct{}{},
		applied: func(string, time.Duration) {},
		leftOut: func(error) {},
	}
	p.known.Store(&known{source: fromNowhere})
	return p
}

// event applies one event of a master.
func (p *pipeline) event(e state.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	read := p.now()
	p.apply(e, fromPoll, read)
	p.applied("snapshot", p.now().Sub(read))
}

// apply applies one event. The zone becomes another only when its content
// changed, and costs what changed.
func (p *pipeline) apply(e state.Event, source string, confirmed time.Time) {
	delta := p.cluster.Apply(e)
	defer p.note(source, confirmed, delta)
	var changes records.Changes
	if !delta.Empty() {
		changes = p.set.Update(p.cluster, delta)
	}
	p.logOmitted(changes.Omitted)
	current := p.zones.Current()
	if len(changes.Names) == 0 && current.Ready() {
		return
	}
	serial := zone.NextSerial(max(current.Serial(), p.lowest), p.now())
	var z *zone.Zone
	if current.Ready() {
		z = current.Patch(p.set, changes.Names, serial)
	} else {
		z = zone.Compile(p.set, p.o, serial)
	}
	p.zones.Swap(z)
	n := z.Counts()
	p.log.Debugf("serial %d: %d names changed; %d names with %d A, %d AAAA, %d SRV and %d PTR records",
		z.Serial(), len(changes.Names), n.Names, n.A, n.AAAA, n.SRV, n.PTR)
}

// logOmitted says of each name that was left out once why.
func (p *pipeline) logOmitted(omitted []records.Omission) {
	for _, o := range omitted {
		p.leftOut(o.Reason)
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
