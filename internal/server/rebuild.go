package server

import (
	"reflect"
	"runtime"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// Other settings or zone files can change what every name answers. Where only
// TTLs, SOA data or records of zone files differ, the next version of the zone
// shares all records. Otherwise records and zone are built beside the current
// ones, which go on following the master:
//
//  1. Take a copy of the cluster, and note from now on what changes.
//  2. Make records and a zone of the copy. This takes seconds for a large
//     cluster.
//  3. Catch up with what has changed meanwhile, in rounds, until little is left.
//  4. With events held up, catch up with that, and answer from the new zone.

// fewChanges is how many changed tasks, agents and frameworks step 4 may be left
// with: they hold up an event for a millisecond.
const fewChanges = 100

// configure makes all records and the zone follow other options. It returns
// when answers reflect them.
func (p *pipeline) configure(r records.Options, z zone.Options) {
	p.configuring.Lock()
	defer p.configuring.Unlock()
	if full := p.configureAtOnce(r, z); full != nil {
		p.rebuild(full, r, z)
	}
}

// configureAtOnce follows options that do not need a rebuild. For others it
// begins one, and returns a copy of the cluster.
func (p *pipeline) configureAtOnce(r records.Options, z zone.Options) *state.FullState {
	p.mu.Lock()
	defer p.mu.Unlock()
	same := reflect.DeepEqual(r, p.records)
	current := p.zones.Current()
	switch {
	case !current.Ready():
		if !same {
			o := p.firstOptions(r, p.set)
			if p.records = r; p.prepared {
				var changes records.Changes
				p.set, changes = records.Build(p.cluster, o)
				p.logChanges(changes)
			} else {
				p.set = records.NewSet(o)
			}
		}
		p.zone = z
		p.replaceZone(p.serials.renumber(zone.NewEmpty(z, zone.SameSerial(0)), current), 0)
		return nil
	case same && reflect.DeepEqual(z, p.zone):
		return nil
	case same:
		if next, ok := current.WithOptions(p.set, z, p.serials.next); ok {
			p.zone = z
			p.replaceZone(next, next.Counts().Names)
			return nil
		}
	}
	p.meanwhile = &meanwhile{base: current}
	return p.cluster.FullState()
}

// setStatic answers from other records of zone files.
func (p *pipeline) setStatic(s *zone.StaticRecords) {
	p.mu.Lock()
	r, z := p.records, p.zone
	p.mu.Unlock()
	if s.Equal(z.Static) {
		return
	}
	z.Static = s
	p.configure(r, z)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logConflicts(s.Names())
}

// rebuild makes records and a zone with other options of the cluster.
func (p *pipeline) rebuild(full *state.FullState, r records.Options, o zone.Options) {
	previous := p.currentSet()
	var set *records.Set
	var next *zone.Zone
	var omitted []records.Omission
	m := p.meanwhile // only fields that are guarded by mu change from now on
	p.o.background(func() {
		var changes records.Changes
		set, changes = records.Build(state.ClusterOf(full), p.withClock(r, previous))
		next = zone.Compile(set, o, zone.SameSerial(0))
		omitted = changes.Omitted
		m.differ, m.fewDiffer = next.Differences(m.base, runtime.Gosched)
	})
	update := func(c *state.Cluster, d state.Delta) {
		changes := set.Update(c, d)
		next = next.Patch(set, changes, zone.SameSerial(0))
		m.differ = append(m.differ, changes.Names...)
		omitted = append(omitted, changes.Omitted...)
	}
	for {
		p.mu.Lock()
		delta := m.delta
		m.delta = state.Delta{}
		delta.Join(p.replica.Delta().Clone()) // the cluster has it, so Publish will find nothing new in it
		delta.Compact()
		if len(delta.Tasks)+len(delta.Agents)+len(delta.Frameworks) <= fewChanges {
			update(p.cluster, delta)
			break
		}
		full = p.cluster.FullState()
		p.mu.Unlock()
		p.o.background(func() { update(state.ClusterOf(full), delta) })
	}
	defer p.mu.Unlock()
	p.meanwhile = nil
	p.set, p.records, p.zone = set, r, o
	p.logOmissions(omitted)
	next = next.Follow(p.zones.Current(), append(m.differ, m.names...), !m.fewDiffer || m.manyNames, p.serials.next)
	p.replaceZone(next, next.Counts().Names)
}

// meanwhile is what a rebuild needs to catch up with what happens while it runs,
// and to tell how the zone that it makes differs from the one before.
type meanwhile struct {
	base      *zone.Zone     // when the rebuild began
	delta     state.Delta    // of the cluster, not caught up with; guarded by mu
	names     []records.Name // that have changed in the zone that is answered from; guarded by mu
	manyNames bool           // more than names has; guarded by mu
	differ    []records.Name // names that may differ in the new zone from the base, or from later versions
	fewDiffer bool           // whether differ has all of them
}

// maxMeanwhile bounds the names that are remembered.
const maxMeanwhile = 100_000

// addNames notes names that have changed. The caller holds mu.
func (m *meanwhile) addNames(names []records.Name) {
	if m.manyNames = m.manyNames || len(m.names)+len(names) > maxMeanwhile; !m.manyNames {
		m.names = append(m.names, names...)
	}
}
