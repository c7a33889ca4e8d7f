package server

import (
	"time"

	"toponym/api"
	"toponym/resolver"
	"toponym/state/leader"
	"toponym/state/master"
)

// status is what /v1/status shows.
func (s *Server) status() api.Status {
	now, i, m := time.Now(), s.pipeline.currentInfo(), s.masterStatus()
	st := api.Status{
		Source:    i.source,
		Ready:     s.Zone().Ready(),
		StartedAt: s.started, Uptime: api.Seconds(now.Sub(s.started)),
		Tasks: i.tasks, Agents: i.agents, Frameworks: i.frameworks,
		Merged: s.pipeline.currentSet().Merged(),
	}
	if i.leader != "" {
		st.Leader = &i.leader
	}
	if age := api.Seconds(i.age(now)); age >= 0 {
		st.StateAge = &age
	}
	if m.LastError != "" {
		st.LastError = &leader.Failure{Text: m.LastError, Time: m.LastErrorAt}
	}
	if s.o.Source != nil {
		st.Settings = s.reading.Load()
	}
	st.LastFailover, st.ConnectedSince, st.LastHeard = timeOrNil(m.LastFailover), timeOrNil(m.Since), timeOrNil(m.Heard)
	if r := m.Reading; r != nil {
		st.Reading = &api.ReadingStatus{Master: r.At.String(), Since: r.Since, Bytes: r.Bytes}
		if r.Total > 0 {
			st.Reading.Total = &r.Total
		}
	}
	if z := s.masters.Load().zooKeeper; z != nil {
		zk := z.Status()
		st.ZooKeeper = &zk
	}
	st.Omitted, st.RetainedAgents = s.pipeline.warnings()
	if s.dns != nil {
		st.Forwarding = describeForwarding(s.dns.Forwarding())
	}
	if s.secondaries != nil {
		st.Secondaries = s.secondaries.status()
	}
	if s.snapshotter != nil {
		st.SnapshotError = s.snapshotter.failure.Load()
		if info := s.snapshotter.dir.Info(); info != nil {
			st.Snapshot = &api.SnapshotStatus{Age: api.Seconds(max(now.Sub(info.Confirmed), 0)), Bytes: info.Size}
		}
	}
	return st
}

// describeForwarding is nil where nothing is forwarded.
func describeForwarding(f *resolver.Forwarding) *api.ForwardingStatus {
	if f == nil {
		return nil
	}
	st := &api.ForwardingStatus{
		Upstreams: []api.UpstreamStatus{}, Pending: f.Pending,
		Cache: api.CacheStatus{Entries: f.Cache.Entries, Bytes: f.Cache.Bytes, Hits: f.Cache.Hits, Misses: f.Cache.Misses, Stale: f.Cache.Stale},
	}
	for _, u := range f.Upstreams {
		one := api.UpstreamStatus{LastResponse: timeOrNil(u.Heard), Address: u.Address, State: u.State.String(), Queries: u.Queries, Responses: u.Responses, Failures: u.Failures}
		if u.SRTT > 0 {
			srtt := api.Seconds(u.SRTT)
			one.SRTT = &srtt
		}
		st.Upstreams = append(st.Upstreams, one)
	}
	return st
}

// lastHeard returns how and when a master was heard last.
func (s *Server) lastHeard() (source string, at time.Time) {
	m := s.masterStatus()
	switch m.Source {
	case master.Stream:
		return sourceStream, m.Heard
	case master.Poll:
		return sourcePoll, m.Heard
	}
	return sourceMemory, m.Heard
}
