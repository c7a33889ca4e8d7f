package server

import (
	"net"
	"strconv"
	"time"

	"toponym/state"
	disk "toponym/state/snapshot"
)

// Where the state that is answered from came from, as the API names it.
const (
	fromNowhere  = "none"
	fromSnapshot = "snapshot"
	fromPoll     = "poll"
	fromStream   = "stream"
	fromMaster   = "master" // one of these two, as the watcher knows
)

// known is what can be said about the state that is answered from. Values are
// immutable.
type known struct {
	source    string
	leader    string    // host:port; empty for none
	confirmed time.Time // when a master last said that the state is so
	failover  time.Time // when another master began to lead; zero for never
	failovers uint64    // how often one did
	changes   uint64    // how often the cluster has changed since it was restored

	tasks, agents, frameworks int
}

// live reports whether a master has said anything yet.
func (k *known) live() bool { return k.source != fromNowhere && k.source != fromSnapshot }

// note publishes what is known after an event that was confirmed at a time.
// Its caller holds mu.
func (p *pipeline) note(source string, confirmed time.Time, d state.Delta) {
	k := *p.known.Load()
	k.source, k.confirmed = source, confirmed
	if lead := hostPort(p.cluster.Leader()); lead != k.leader {
		if k.leader != "" && lead != "" {
			k.failover, k.failovers = p.now(), k.failovers+1
		}
		k.leader = lead
	}
	if !d.Empty() && k.live() {
		k.changes++
	}
	k.tasks, k.agents, k.frameworks = p.cluster.Counts()
	p.known.Store(&k)
}

func hostPort(m state.Master) string {
	if m.Host == "" {
		return ""
	}
	return net.JoinHostPort(m.Host, strconv.Itoa(int(m.Port)))
}

// tell says what is known now. A master that has nothing new confirms what is
// known all the same.
func (p *pipeline) tell() *known {
	k := *p.known.Load()
	if k.live() {
		source, at := p.lastHeard()
		k.source = source
		if at.After(k.confirmed) {
			k.confirmed = at
		}
	}
	return &k
}

// age is the time since a master last said that the state is so; negative
// without a state.
func (k *known) age(now time.Time) time.Duration {
	if k.source == fromNowhere {
		return -1
	}
	return max(now.Sub(k.confirmed), 0)
}

// restore takes the cluster over from a snapshot, unless it is too late for that.
// The first state of a master replaces it as any state replaces the one before:
// only what differs changes.
func (p *pipeline) restore(c *disk.Contents) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened {
		return
	}
	p.opened, p.lowest = true, c.Serial
	p.pending.Join(p.cluster.Apply(state.Event{FullState: c.State}))
	p.show(fromSnapshot, c.Confirmed)
}

// open ends the time for restore: from then on the cluster belongs to events.
func (p *pipeline) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened = true
}

// contents are the cluster as it is now, for the snapshot, and how often it had
// changed by then. Values of a cluster never change, so events have to wait
// only while pointers are copied: some milliseconds for 100,000 tasks.
func (p *pipeline) contents() (c *disk.Contents, changes uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	tasks, agents, frameworks := p.cluster.Counts()
	s := &state.FullState{
		Leader:     p.cluster.Leader(),
		Masters:    p.cluster.Masters(),
		Agents:     make([]*state.Agent, 0, agents),
		Frameworks: make([]*state.Framework, 0, frameworks),
		Tasks:      make([]*state.Task, 0, tasks),
	}
	for a := range p.cluster.Agents() {
		s.Agents = append(s.Agents, a)
	}
	for f := range p.cluster.Frameworks() {
		s.Frameworks = append(s.Frameworks, f)
	}
	for t := range p.cluster.Tasks() {
		s.Tasks = append(s.Tasks, t)
	}
	k := p.tell()
	return &disk.Contents{State: s, Confirmed: k.confirmed, Serial: p.zones.Current().Serial()}, k.changes
}
