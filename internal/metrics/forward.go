package metrics

import "github.com/prometheus/client_golang/prometheus"

// forwardDescs are the metrics of forwarding, and of replies that were too many.
type forwardDescs struct {
	waiting, shared, failed, refused *prometheus.Desc
	limited                          *prometheus.Desc
}

func newForwardDescs(desc func(name, help string, labels ...string) *prometheus.Desc) forwardDescs {
	return forwardDescs{
		waiting: desc("forward_waiting", "Queries that wait for upstream servers."),
		shared:  desc("forward_shared_total", "Queries that waited for an answer that another had asked for."),
		failed:  desc("forward_failed_total", "Questions that no upstream server could answer."),
		refused: desc("forward_refused_total", "Queries that were too many to wait."),
		limited: desc("rate_limited_total", "Replies that were too many for a network of clients, by what became of them.", "action"),
	}
}

func (d *forwardDescs) collect(v Values, gauge func(*prometheus.Desc, float64, ...string), counter func(*prometheus.Desc, uint64, ...string)) {
	counter(d.limited, v.Rates.Dropped, "dropped")
	counter(d.limited, v.Rates.Slipped, "slipped")
	f := v.Forward
	if f == nil {
		return
	}
	gauge(d.waiting, float64(f.Waiting))
	counter(d.shared, f.Shared)
	counter(d.failed, f.Failed)
	counter(d.refused, f.Refused)
}
