package dnstap

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Counters count messages, over all sinks that have been. They are a
// [prometheus.Collector].
type Counters struct{ written, dropped atomic.Uint64 }

var descMessages = prometheus.NewDesc("toponym_dnstap_messages_total",
	"Dnstap messages, by result: written, or dropped because of dnstapRate, or because the consumer was slow or not there.", []string{"result"}, nil)

// Describe implements [prometheus.Collector].
func (c *Counters) Describe(ch chan<- *prometheus.Desc) { ch <- descMessages }

// Collect implements [prometheus.Collector].
func (c *Counters) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.MustNewConstMetric(descMessages, prometheus.CounterValue, float64(c.written.Load()), "written")
	ch <- prometheus.MustNewConstMetric(descMessages, prometheus.CounterValue, float64(c.dropped.Load()), "dropped")
}
