package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reader makes metrics of Values when somebody asks.
type reader struct {
	read  func() Values
	descs []*prometheus.Desc

	ready, source, age, tasks, agents, frameworks *prometheus.Desc
	serial, names, records                        *prometheus.Desc
	errors, reconnects, failovers                 *prometheus.Desc
	events, resyncs, kept                         *prometheus.Desc
	snapshotAge, snapshotSize, snapshotErrors     *prometheus.Desc
	queries, queryTime                            *prometheus.Desc
	forward                                       forwardDescs
}

func newReader(read func() Values) *reader {
	r := &reader{read: read}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		d := prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
		r.descs = append(r.descs, d)
		return d
	}
	r.ready = desc("ready", "Whether names can be answered for.")
	r.source = desc("state_source", "1 for where the state that is answered from came from.", "source")
	r.age = desc("state_age_seconds", "Time since a master last said that the state is so. Absent without a state.")
	r.tasks = desc("tasks", "Tasks of the cluster.")
	r.agents = desc("agents", "Agents of the cluster.")
	r.frameworks = desc("frameworks", "Frameworks of the cluster.")
	r.serial = desc("zone_serial", "SOA serial of the zone. Absent without a state.")
	r.names = desc("names", "Names that own records.")
	r.records = desc("records", "Records by type.", "type")
	r.errors = desc("master_errors_total", "Failures to read the state of the leading master.")
	r.reconnects = desc("master_reconnects_total", "Streams of events that were opened after the first.")
	r.failovers = desc("master_failovers_total", "Changes of the leading master.")
	r.events = desc("events_total", "Events of the leading master, by type.", "type")
	r.resyncs = desc("master_resyncs_total", "Full states that were read beside a stream of events.")
	r.kept = desc("agents_kept", "Agents that a new leading master does not have yet and that are believed in.")
	r.snapshotAge = desc("snapshot_age_seconds", "Time since what the snapshot on disk says was so. Absent without one.")
	r.snapshotSize = desc("snapshot_size_bytes", "Size of the snapshot on disk. Absent without one.")
	r.snapshotErrors = desc("snapshot_errors_total", "Failures to write the snapshot.")
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
	gauge(r.ready, truth(v.Ready))
	for _, s := range Sources {
		gauge(r.source, truth(s == v.Source), s)
	}
	if v.StateAge >= 0 {
		gauge(r.age, v.StateAge.Seconds())
		gauge(r.serial, float64(v.Serial))
	}
	gauge(r.tasks, float64(v.Tasks))
	gauge(r.agents, float64(v.Agents))
	gauge(r.frameworks, float64(v.Frameworks))
	gauge(r.names, float64(v.Names))
	for kind, n := range v.Records {
		gauge(r.records, float64(n), kind)
	}
	for kind, n := range v.Events {
		counter(r.events, n, kind)
	}
	counter(r.resyncs, v.Resyncs)
	gauge(r.kept, float64(v.KeptAgents))
	counter(r.errors, v.Errors)
	counter(r.reconnects, v.Reconnects)
	counter(r.failovers, v.Failovers)
	if s := v.Snapshot; s != nil {
		if s.Age >= 0 {
			gauge(r.snapshotAge, s.Age.Seconds())
			gauge(r.snapshotSize, float64(s.Size))
		}
		counter(r.snapshotErrors, s.Errors)
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
