package master

import "github.com/prometheus/client_golang/prometheus"

var (
	connectedDesc = prometheus.NewDesc("toponym_master_connected",
		"1 while the events of the leading master are followed or its state was polled without an error, else 0.", nil, nil)
	lastContactDesc = prometheus.NewDesc("toponym_master_last_contact_timestamp_seconds",
		"Unix time at which a state, an event or a heartbeat of a master came last. Absent before the first.", nil, nil)
	eventsDesc = prometheus.NewDesc("toponym_events_total",
		"Events of the leading master, by type. Unknown types are counted as UNKNOWN.", []string{"type"}, nil)
	streamsDesc = prometheus.NewDesc("toponym_master_reconnects_total",
		"Event streams that were opened after the first one.", nil, nil)
	resyncsDesc = prometheus.NewDesc("toponym_master_resyncs_total",
		"Full states that were read beside an event stream.", nil, nil)
	errorsDesc = prometheus.NewDesc("toponym_master_errors_total",
		"Failures to read the state of the leading master.", nil, nil)
	failoversDesc = prometheus.NewDesc("toponym_master_failovers_total",
		"Changes of the leading master.", nil, nil)
	retainedDesc = prometheus.NewDesc("toponym_agents_retained",
		"Agents that keep their names although the new leading master does not have them yet.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (w *Watcher) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectedDesc, lastContactDesc, eventsDesc, streamsDesc, resyncsDesc, errorsDesc, failoversDesc, retainedDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *Watcher) Collect(ch chan<- prometheus.Metric) {
	s := w.Status()
	gauge := func(d *prometheus.Desc, value int) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value))
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	connected := 0
	if s.Source != Auto {
		connected = 1
	}
	gauge(connectedDesc, connected)
	if !s.Heard.IsZero() {
		ch <- prometheus.MustNewConstMetric(lastContactDesc, prometheus.GaugeValue, float64(s.Heard.UnixMilli())/1000)
	}
	for kind, n := range s.Events {
		counter(eventsDesc, n, kind)
	}
	counter(streamsDesc, uint64(max(s.Streams-1, 0)))
	counter(resyncsDesc, uint64(s.Resyncs))
	counter(errorsDesc, s.Errors)
	counter(failoversDesc, s.Failovers)
	gauge(retainedDesc, s.Retained)
}
