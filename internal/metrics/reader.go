// Package metrics collects what packages without a collector of their own have
// counted.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reader makes metrics of Values when somebody asks.
type reader struct {
	read  func() Values
	descs []*prometheus.Desc

	queries, queryTime *prometheus.Desc
	forward            forwardDescs
}

// NewCollector shows what read gives, which is called from any goroutine.
func NewCollector(read func() Values) prometheus.Collector {
	r := &reader{read: read}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc("toponym_"+name, help, labels, nil)
		r.descs = append(r.descs, d)
		return d
	}
	r.queries = desc("queries_total", "Queries that were answered, by zone of the name, type, rcode and protocol.",
		"zone", "type", "rcode", "protocol")
	r.queryTime = desc("query_duration_seconds",
		"Time from reading a query to sending its reply, of all over TCP and of a sample over UDP.", "protocol")
	r.forward = newForwardDescs(desc)
	return r
}

// Describe implements prometheus.Collector.
func (r *reader) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (r *reader) Collect(ch chan<- prometheus.Metric) {
	v := r.read()
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	r.forward.collect(v, gauge, counter)
	for _, q := range v.Queries {
		counter(r.queries, q.Count, q.Zone, q.Type, q.Rcode, q.Protocol)
	}
	for protocol, h := range v.Times {
		buckets, total := h.cumulative()
		ch <- prometheus.MustNewConstHistogram(r.queryTime, total, h.Sum.Seconds(), buckets, protocol)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// cumulative gives the numbers as Prometheus has them: up to each bound.
func (h Histogram) cumulative() (buckets map[float64]uint64, total uint64) {
	buckets = make(map[float64]uint64, len(h.Bounds))
	for i, n := range h.Counts {
		total += n
		if i < len(h.Bounds) {
			buckets[float64(h.Bounds[i])/float64(time.Second)] = total
		}
	}
	return buckets, total
}
