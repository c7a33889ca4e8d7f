package api

import (
	"bytes"
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the numbers of a server.
type metrics struct {
	requests   *prometheus.CounterVec
	openDesc   *prometheus.Desc
	closedDesc *prometheus.Desc
	failedDesc *prometheus.Desc

	watchersDesc, eventsDesc, cutOffDesc *prometheus.Desc
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "toponym_http_requests_total",
			Help: "HTTP requests that were answered, by path pattern and status code.",
		}, []string{"path", "code"}),
		openDesc:   prometheus.NewDesc("toponym_http_connections", "Open HTTP connections.", nil, nil),
		closedDesc: prometheus.NewDesc("toponym_http_connections_closed_total", "HTTP connections that were closed because there were too many.", nil, nil),

		watchersDesc: prometheus.NewDesc("toponym_watchers", "Clients of /v1/watch.", nil, nil),
		eventsDesc:   prometheus.NewDesc("toponym_watch_events_total", "Events that were sent to clients of /v1/watch.", nil, nil),
		cutOffDesc: prometheus.NewDesc("toponym_watchers_cut_off_total",
			"Clients of /v1/watch that were cut off, by reason: stalled, which did not read, and behind, which read more slowly than there were changes.", []string{"reason"}, nil),
		failedDesc: prometheus.NewDesc("toponym_http_tls_handshakes_failed_total", "HTTPS connections that ended before their TLS handshake was complete.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	s.metrics.requests.Describe(ch)
	ch <- s.metrics.openDesc
	ch <- s.metrics.closedDesc
	ch <- s.metrics.failedDesc
	if s.changes != nil {
		ch <- s.metrics.watchersDesc
		ch <- s.metrics.eventsDesc
		ch <- s.metrics.cutOffDesc
	}
}

// Collect implements prometheus.Collector.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	s.metrics.requests.Collect(ch)
	ch <- prometheus.MustNewConstMetric(s.metrics.openDesc, prometheus.GaugeValue, float64(s.connections.count()))
	ch <- prometheus.MustNewConstMetric(s.metrics.closedDesc, prometheus.CounterValue, float64(s.connections.closedForRoom()))
	ch <- prometheus.MustNewConstMetric(s.metrics.failedDesc, prometheus.CounterValue, float64(s.connections.failedHandshakes()))
	if f := s.changes; f != nil {
		ch <- prometheus.MustNewConstMetric(s.metrics.watchersDesc, prometheus.GaugeValue, float64(f.count()))
		ch <- prometheus.MustNewConstMetric(s.metrics.eventsDesc, prometheus.CounterValue, float64(f.events.Load()))
		ch <- prometheus.MustNewConstMetric(s.metrics.cutOffDesc, prometheus.CounterValue, float64(f.stalled.Load()), "stalled")
		ch <- prometheus.MustNewConstMetric(s.metrics.cutOffDesc, prometheus.CounterValue, float64(f.behind.Load()), "behind")
	}
}

// count counts the answers of next. The labels take few values: the path is the
// pattern of a route, or "other".
func (m *metrics) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &codeWriter{ResponseWriter: w, code: http.StatusOK}
		defer func() { m.requests.WithLabelValues(pathLabel(r.Pattern), strconv.Itoa(c.code)).Inc() }()
		next.ServeHTTP(c, r)
	})
}

// showMetrics answers /metrics. The answer is complete before it is written, so that a
// client that does not read keeps no thread.
func (s *Server) showMetrics(w *response, r *http.Request) {
	b := &bufferedAnswer{header: w.Header(), code: http.StatusOK}
	s.inBackground(func() { s.o.Metrics.ServeHTTP(b, r) })
	w.WriteHeader(b.code)
	_, _ = w.Write(b.body.Bytes()) // an error means that the client is gone
}

// bufferedAnswer is a ResponseWriter that keeps the answer.
type bufferedAnswer struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (b *bufferedAnswer) Header() http.Header         { return b.header }
func (b *bufferedAnswer) WriteHeader(code int)        { b.code = code }
func (b *bufferedAnswer) Write(p []byte) (int, error) { return b.body.Write(p) }

// codeWriter remembers the status of an answer.
type codeWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (c *codeWriter) WriteHeader(code int) {
	c.code = code
	c.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (c *codeWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
