package metrics

import (
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sirupsen/logrus"
)

const namespace = "toponym"

// Metrics are those of one process.
type Metrics struct {
	registry *prometheus.Registry

	lag      prometheus.Histogram
	leftOut  *prometheus.CounterVec
	reloads  *prometheus.CounterVec
	reloaded prometheus.Gauge
}

// New returns the metrics of a process of that version. What read gives is
// shown beside what is counted here; it is called from any goroutine.
func New(version string, read func() Values) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "event_lag_seconds",
			Help:    "Time from when the first event of a burst had been read until answers were in accord with it.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}),
		leftOut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "names_left_out_total", Help: "Names that could not be made, by reason, each time they were tried.",
		}, []string{"reason"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "config_reloads_total", Help: "Readings of the settings after the first, by result.",
		}, []string{"result"}),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_successful", Help: "Whether the last reading of the settings found no fault.",
		}),
	}
	m.reloaded.Set(1)
	for _, result := range []string{resultGood, resultBad} {
		m.reloads.WithLabelValues(result)
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "The version of the program, as a label of a constant.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	m.registry.MustRegister(m.lag, m.leftOut, m.reloads, m.reloaded, info, newReader(read),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Register adds the metrics of a package, which are collected beside those of m.
func (m *Metrics) Register(packages ...prometheus.Collector) { m.registry.MustRegister(packages...) }

// Lag counts how long events took to be in the answers.
func (m *Metrics) Lag(lag time.Duration) { m.lag.Observe(lag.Seconds()) }

// LeftOut counts a name that could not be made. Reasons are few.
func (m *Metrics) LeftOut(reason string) { m.leftOut.WithLabelValues(reason).Inc() }

// Results of reading the settings again.
const (
	resultGood = "success"
	resultBad  = "failure"
)

// Reloaded counts a reading of the settings.
func (m *Metrics) Reloaded(good bool) {
	if good {
		m.reloads.WithLabelValues(resultGood).Inc()
		m.reloaded.Set(1)
	} else {
		m.reloads.WithLabelValues(resultBad).Inc()
		m.reloaded.Set(0)
	}
}

// maxScrapes is how many are answered at the same time.
const maxScrapes = 4

// Handler shows the metrics in the formats of Prometheus.
func (m *Metrics) Handler(log logrus.FieldLogger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            errorLog{log},
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}

type errorLog struct{ log logrus.FieldLogger }

func (e errorLog) Println(v ...any) { e.log.Warn(append([]any{"metrics: "}, v...)...) }
