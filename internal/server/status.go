package server

import (
	"errors"
	"time"

	"toponym/api"
	"toponym/internal/metrics"
	"toponym/records"
	"toponym/resolver"
	"toponym/state/master"
)

// What follows gathers from the rooms what operators want to see.

// status is what /v1/status shows.
func (s *Server) status() api.Status {
	now, k, m := time.Now(), s.pipeline.tell(), s.watcher.Status()
	st := api.Status{
		Source: k.source, Leader: k.leader, StateAge: k.age(now),
		StartedAt: s.started, Uptime: now.Sub(s.started),
		Tasks: k.tasks, Agents: k.agents, Frameworks: k.frameworks,
		LastError: m.LastError, LastErrorAt: m.LastErrorAt,
		LastFailover: k.failover,
	}
	if m.Failover.After(st.LastFailover) {
		st.LastFailover = m.Failover // at the same address
	}
	if s.zooKeeper != nil {
		zk := s.zooKeeper.Status()
		st.ZooKeeper = &api.ZooKeeperStatus{State: zk.State, Since: zk.Since}
		if e := zk.LastError; e != nil {
			st.ZooKeeper.LastError, st.ZooKeeper.LastErrorAt = e.Text, e.Time
		}
	}
	if s.snapshotter != nil {
		if info := s.snapshotter.info.Load(); info != nil {
			st.Snapshot = &api.SnapshotStatus{Age: max(now.Sub(info.Confirmed), 0), Size: info.Size}
		}
	}
	return st
}

// values are what /metrics shows beside what is counted there.
func (s *Server) values() metrics.Values {
	now, k, m := time.Now(), s.pipeline.tell(), s.watcher.Status()
	z := s.pipeline.zones.Current()
	n := z.Counts()
	v := metrics.Values{
		Ready: z.Ready(), Source: k.source, StateAge: k.age(now),
		Tasks: k.tasks, Agents: k.agents, Frameworks: k.frameworks,
		Serial: z.Serial(), Names: n.Names,
		Records: map[string]int{"A": n.A, "AAAA": n.AAAA, "SRV": n.SRV, "PTR": n.PTR},
		Events:  m.Events, Resyncs: uint64(m.Resyncs), KeptAgents: m.Retained,
		Errors: m.Errors, Reconnects: uint64(max(m.Streams-1, 0)), Failovers: k.failovers + m.Restarts,
	}
	if s.snapshotter != nil {
		v.Snapshot = &metrics.Snapshot{Age: -1, Errors: s.snapshotter.errors.Load()}
		if info := s.snapshotter.info.Load(); info != nil {
			v.Snapshot.Age, v.Snapshot.Size = max(now.Sub(info.Confirmed), 0), info.Size
		}
	}
	if s.dns != nil {
		queryValues(&v, s.dns.Stats())
		rates := s.dns.RateStats()
		v.Rates = metrics.Rates{Dropped: rates.Dropped, Slipped: rates.Slipped}
		if s.dns.Forwards() {
			v.Forward = forwardValues(s.dns.ForwardStats())
		}
	}
	return v
}

func queryValues(v *metrics.Values, st resolver.Stats) {
	for _, q := range st.Queries {
		v.Queries = append(v.Queries, metrics.Query{
			Zone: q.Zone, Type: q.Type, Rcode: q.Rcode, Protocol: q.Transport.String(), Count: q.Count,
		})
	}
	v.Times = map[string]metrics.Histogram{}
	for t, h := range st.Times {
		v.Times[resolver.Transport(t).String()] = metrics.Histogram{Bounds: h.Bounds, Counts: h.Counts, Sum: h.Sum}
	}
}

func forwardValues(st resolver.ForwardStats) *metrics.Forward {
	f := &metrics.Forward{
		Hits: st.Cache.Hits, Misses: st.Cache.Misses, Stale: st.Cache.Stale, Evictions: st.Cache.Evictions,
		Entries: st.Cache.Entries, Bytes: st.Cache.Bytes,
		Waiting: st.Waiting, Shared: st.Shared, Failed: st.Failed, Refused: st.Refused,
	}
	for _, u := range st.Upstreams {
		f.Upstreams = append(f.Upstreams, metrics.Upstream{
			Address: u.Address, Queries: u.Queries, Replies: u.Responses, Failures: u.Failures,
			Hedges: u.Hedges, Truncated: u.Truncated, Strange: u.Mismatched, Latency: u.SRTT, State: u.State.String(),
		})
	}
	return f
}

// lastHeard tells how a master was heard, and when last.
func (s *Server) lastHeard() (string, time.Time) {
	m := s.watcher.Status()
	if m.Source == master.Stream {
		return fromStream, m.Heard
	}
	return fromPoll, m.Heard
}

// countOmission counts a name that could not be published.
func (s *Server) countOmission(reason error) {
	label := "other"
	switch {
	case errors.Is(reason, records.ErrLabelLength):
		label = "label_length"
	case errors.Is(reason, records.ErrNameLength):
		label = "name_length"
	case errors.Is(reason, records.ErrLabelBytes):
		label = "label_octets"
	}
	s.metrics.LeftOut(label)
}
