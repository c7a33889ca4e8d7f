package server

import (
	"time"

	"toponym/internal/hostport"
	"toponym/state"
)

// Sources of the state that is answered from, as /v1/status and the metrics
// name them.
const (
	sourceNone     = "none"
	sourceSnapshot = "snapshot"
	sourcePoll     = "poll"
	sourceStream   = "stream"
	sourceMemory   = "memory" // what a master reported before contact with it was lost
)

// stateInfo describes the state that is answered from. Values are immutable.
type stateInfo struct {
	source    string    // one of the sources above
	leader    string    // the leading master, host:port; empty for none
	confirmed time.Time // when a master last told that the state is so
	changes   uint64    // how often the cluster has changed since it was restored

	tasks, agents, frameworks int
}

// live reports whether the state comes from a master, and not from the snapshot
// or from nowhere.
func (i *stateInfo) live() bool { return i.source != sourceNone && i.source != sourceSnapshot }

// age returns the time since a master last confirmed the state; -1 without a
// state.
func (i *stateInfo) age(now time.Time) time.Duration {
	if i.source == sourceNone {
		return -1
	}
	return max(now.Sub(i.confirmed), 0)
}

// storeInfo describes the cluster as it is now. The source and the time of its
// confirmation are those of the event that made it so; changed tells whether it differs
// from before. The caller holds p.mu.
func (p *pipeline) storeInfo(source string, confirmed time.Time, changed bool) {
	i := *p.info.Load()
	i.source, i.confirmed = source, confirmed
	i.leader = hostPort(p.cluster.Leader())
	if changed && i.live() {
		i.changes++
	}
	i.tasks, i.agents, i.frameworks = p.cluster.Counts()
	p.info.Store(&i)
}

// currentInfo describes the state that is answered from at this moment. A
// master that was heard since the last change has confirmed the state.
func (p *pipeline) currentInfo() *stateInfo {
	i := *p.info.Load()
	if i.live() {
		source, at := p.o.lastHeard()
		i.source = source
		if at.After(i.confirmed) {
			i.confirmed = at
		}
	}
	return &i
}

// hostPort is empty for an unknown master.
func hostPort(m state.Master) string {
	if m.Host == "" {
		return ""
	}
	return hostport.Addr{Host: m.Host, Port: m.Port}.String()
}
