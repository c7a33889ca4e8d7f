package server

import (
	"errors"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"

	"toponym/records"
)

// serverMetrics are the server's own numbers and the registry of all collectors.
// Each server has a registry of its own.
type serverMetrics struct {
	registry *prometheus.Registry

	lag        prometheus.Histogram
	omissions  *prometheus.CounterVec
	reloads    *prometheus.CounterVec
	lastReload prometheus.Gauge
	restart    prometheus.Gauge
}

// Values of the label result of config_reloads_total.
const (
	reloadSuccess = "success"
	reloadFailure = "failure"
)

func newMetrics(version string) *serverMetrics {
	const namespace = "toponym"
	m := &serverMetrics{
		registry: prometheus.NewRegistry(),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "event_lag_seconds",
			Help:    "Time from reading the first event of a burst until answers reflect it.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		omissions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "names_omitted_total",
			Help: "Names that could not be published, by reason, counted each time that their task or framework changes.",
		}, []string{"reason"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "config_reloads_total",
			Help: "Readings of the settings after the first, by result.",
		}, []string{"result"}),
		lastReload: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_successful",
			Help: "1 if the settings read last could be used, else 0.",
		}),
	}
	m.restart = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "config_restart_needed_settings",
		Help: "Changed settings that take effect with a restart.",
	})
	m.lastReload.Set(1)
	for _, result := range []string{reloadSuccess, reloadFailure} {
		m.reloads.WithLabelValues(result)
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help:        "Always 1; the labels are the version of the program and of Go.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(m.lag, m.omissions, m.reloads, m.lastReload, m.restart, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *serverMetrics) observeLag(lag time.Duration) { m.lag.Observe(lag.Seconds()) }

// countOmission counts a name that could not be published.
func (m *serverMetrics) countOmission(reason error) {
	label := "other"
	switch {
	case errors.Is(reason, records.ErrLabelLength):
		label = "label_length"
	case errors.Is(reason, records.ErrNameLength):
		label = "name_length"
	case errors.Is(reason, records.ErrLabelBytes):
		label = "label_characters"
	case errors.Is(reason, records.ErrReservedName):
		label = "reserved"
	case errors.As(reason, new(records.OwnershipError)):
		label = "taken"
	case errors.As(reason, new(records.LimitError)):
		label = "limit"
	case errors.As(reason, new(records.AgentNetworkError)):
		label = "agent_network"
	}
	m.omissions.WithLabelValues(label).Inc()
}

// countReload counts a reading of the settings, of which some may need a restart.
func (m *serverMetrics) countReload(good bool, restart int) {
	m.restart.Set(float64(restart))
	if good {
		m.reloads.WithLabelValues(reloadSuccess).Inc()
		m.lastReload.Set(1)
	} else {
		m.reloads.WithLabelValues(reloadFailure).Inc()
		m.lastReload.Set(0)
	}
}

// maxScrapes limits the scrapes that are answered at the same time.
const maxScrapes = 4

// handler answers scrapes. A collector that fails leaves out its own metrics
// only.
func (m *serverMetrics) handler(log logrus.FieldLogger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog{log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}

// scrapeLog is a promhttp.Logger.
type scrapeLog struct{ log logrus.FieldLogger }

func (l scrapeLog) Println(v ...any) {
	l.log.WithField("error", v).Warn("some metrics cannot be shown")
}

// stateCollector collects what is known of the state that is answered from.
type stateCollector struct {
	server *Server

	source, age, tasks, agents, frameworks, changed, written *prometheus.Desc
}

func newStateCollector(s *Server) *stateCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("toponym_"+name, help, labels, nil)
	}
	return &stateCollector{
		server:     s,
		source:     desc("state_source", "1 for the source of the state that is answered from, 0 for the others.", "source"),
		age:        desc("state_age_seconds", "Time since a master last confirmed the state. Absent without a state."),
		tasks:      desc("tasks", "Tasks of the cluster."),
		agents:     desc("agents", "Agents of the cluster."),
		frameworks: desc("frameworks", "Frameworks of the cluster."),
		changed:    desc("changed_names_total", "Names whose records have changed since the first state. A name counts each time."),
		written:    desc("snapshot_last_write_successful", "1 if the last attempt to write a snapshot was successful, else 0. Absent without stateDir."),
	}
}

// Describe implements prometheus.Collector.
func (c *stateCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.source, c.age, c.tasks, c.agents, c.frameworks, c.changed, c.written,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *stateCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now, i := time.Now(), c.server.pipeline.currentInfo()
	for _, source := range []string{sourceNone, sourceSnapshot, sourcePoll, sourceStream, sourceMemory} {
		gauge(c.source, truth(source == i.source), source)
	}
	if age := i.age(now); age >= 0 {
		gauge(c.age, age.Seconds())
	}
	gauge(c.tasks, float64(i.tasks))
	gauge(c.agents, float64(i.agents))
	gauge(c.frameworks, float64(i.frameworks))
	ch <- prometheus.MustNewConstMetric(c.changed, prometheus.CounterValue, float64(c.server.pipeline.changed.Load()))
	if keeper := c.server.snapshotter; keeper != nil {
		gauge(c.written, truth(keeper.failure.Load() == nil))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
