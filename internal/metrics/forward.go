package metrics

import "github.com/prometheus/client_golang/prometheus"

// forwardDescs are the metrics of forwarding, and of replies that were too many.
type forwardDescs struct {
	queries, replies, failures, hedges, truncated, strange *prometheus.Desc // by upstream
	latency, state                                         *prometheus.Desc
	hits, misses, stale, evictions, entries, bytes         *prometheus.Desc // of the cache
	waiting, shared, failed, refused                       *prometheus.Desc
	limited                                                *prometheus.Desc
}

func newForwardDescs(desc func(name, help string, labels ...string) *prometheus.Desc) forwardDescs {
	const upstream = "upstream"
	return forwardDescs{
		queries:   desc("upstream_queries_total", "Queries sent to an upstream server.", upstream),
		replies:   desc("upstream_replies_total", "Queries that an upstream server answered in time.", upstream),
		failures:  desc("upstream_failures_total", "No reply, no connection, or a reply of no use.", upstream),
		hedges:    desc("upstream_hedges_total", "Queries sent because another server, or this one, was late.", upstream),
		truncated: desc("upstream_truncated_total", "Replies that were asked for again over TCP.", upstream),
		strange:   desc("upstream_strange_total", "Messages that answered no question.", upstream),
		latency:   desc("upstream_latency_seconds", "Smoothed time to a reply. Absent where it is not known.", upstream),
		state:     desc("upstream_state", "1 for the state that an upstream server is in.", upstream, "state"),
		hits:      desc("cache_hits_total", "Answers found in the cache of forwarded names."),
		misses:    desc("cache_misses_total", "Answers not found there, or past their life."),
		stale:     desc("cache_stale_total", "Answers used past their life because no upstream server answered."),
		evictions: desc("cache_evictions_total", "Answers forgotten for want of room."),
		entries:   desc("cache_entries", "Answers in the cache."),
		bytes:     desc("cache_bytes", "Memory that they take."),
		waiting:   desc("forward_waiting", "Queries that wait for upstream servers."),
		shared:    desc("forward_shared_total", "Queries that waited for an answer that another had asked for."),
		failed:    desc("forward_failed_total", "Questions that no upstream server could answer."),
		refused:   desc("forward_refused_total", "Queries that were too many to wait."),
		limited:   desc("rate_limited_total", "Replies that were too many for a network of clients, by what became of them.", "action"),
	}
}

func (d *forwardDescs) collect(v Values, gauge func(*prometheus.Desc, float64, ...string), counter func(*prometheus.Desc, uint64, ...string)) {
	counter(d.limited, v.Rates.Dropped, "dropped")
	counter(d.limited, v.Rates.Slipped, "slipped")
	f := v.Forward
	if f == nil {
		return
	}
	for _, u := range f.Upstreams {
		counter(d.queries, u.Queries, u.Address)
		counter(d.replies, u.Replies, u.Address)
		counter(d.failures, u.Failures, u.Address)
		counter(d.hedges, u.Hedges, u.Address)
		counter(d.truncated, u.Truncated, u.Address)
		counter(d.strange, u.Strange, u.Address)
		if u.Latency > 0 {
			gauge(d.latency, u.Latency.Seconds(), u.Address)
		}
		gauge(d.state, 1, u.Address, u.State)
	}
	counter(d.hits, f.Hits)
	counter(d.misses, f.Misses)
	counter(d.stale, f.Stale)
	counter(d.evictions, f.Evictions)
	gauge(d.entries, float64(f.Entries))
	gauge(d.bytes, float64(f.Bytes))
	gauge(d.waiting, float64(f.Waiting))
	counter(d.shared, f.Shared)
	counter(d.failed, f.Failed)
	counter(d.refused, f.Refused)
}
