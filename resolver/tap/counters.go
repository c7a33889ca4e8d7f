package tap

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Counters count what observers of one kind have written and dropped, over all that have
// been. They are a [prometheus.Collector].
type Counters struct {
	Written, Dropped atomic.Uint64

	desc *prometheus.Desc
}

// NewCounters returns counters that are one metric, with the label result.
func NewCounters(metric, help string) *Counters {
	return &Counters{desc: prometheus.NewDesc(metric, help, []string{"result"}, nil)}
}

// Describe implements [prometheus.Collector].
func (c *Counters) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements [prometheus.Collector].
func (c *Counters) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(c.Written.Load()), "written")
	ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(c.Dropped.Load()), "dropped")
}
