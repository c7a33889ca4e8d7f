package resolver

import (
	"github.com/prometheus/client_golang/prometheus"

	"toponym/resolver/upstream"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("toponym_"+name, help, labels, nil)
}

// The metrics of a server, beside those of packages upstream and cache.
var (
	descQueries = desc("queries_total", "Queries answered, by the zone of the name, type, rcode and protocol.",
		"zone", "type", "rcode", "protocol")
	descQueryDuration = desc("query_duration_seconds",
		"Time from reading a query to sending its response: of all queries over TCP and TLS, and of a sample of those over UDP.", "protocol")
	descRateLimited = desc("rate_limited_total",
		"Responses over UDP above the rate limit of a client's network: dropped, or sent truncated (slipped).", "action")
	descConnections          = desc("tcp_connections", "TCP connections of clients that are open, by protocol: tcp, or tls for DNS over TLS.", "protocol")
	descConnectionsDisplaced = desc("tcp_connections_displaced_total",
		"TCP connections closed to make room for others, by the bound that was reached: client, all, or files.", "bound")
	descHandshakes = desc("tls_handshakes_total",
		"TLS handshakes of DNS clients, by result: completed, failed, or timeout.", "result")

	descPending   = desc("forward_pending", "Queries that wait for upstream servers.")
	descShared    = desc("forward_shared_total", "Forwarded queries that waited for the answer to a question that had already been asked.")
	descFailed    = desc("forward_failed_total", "Questions that no upstream server could answer.")
	descDisplaced = desc("forward_displaced_total", "Forwarded queries answered with SERVFAIL because too many were waiting.")
)

// newForwardTimes is the histogram of questions to upstream servers.
func newForwardTimes() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "toponym_forward_seconds",
		Help:    "Time from the first query that asks a question until upstream servers have answered it or failed, in seconds, with all attempts. Answers from the cache do not count.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})
}

// Describe implements [prometheus.Collector]. The upstream servers, the cache and zone
// transfers are part of it.
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range [...]*prometheus.Desc{
		descQueries, descQueryDuration, descRateLimited, descConnections, descConnectionsDisplaced, descHandshakes,
		descPending, descShared, descFailed, descDisplaced,
	} {
		ch <- d
	}
	s.responder.transfers.Describe(ch)
	if f := s.responder.forward; f != nil {
		f.times.Describe(ch)
		f.client.Describe(ch)
		f.cache.Describe(ch)
	}
}

// Collect implements [prometheus.Collector]. It disturbs no query.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	for _, q := range s.counters.queries() {
		counter(descQueries, q.count, q.zone, q.qtype, q.rcode, q.transport.String())
	}
	for t := range Transport(transports) {
		below, count, sum := s.counters.histogram(t)
		ch <- prometheus.MustNewConstHistogram(descQueryDuration, count, sum, below, t.String())
	}
	limited := s.responder.limited
	counter(descRateLimited, limited.dropped.Load(), "dropped")
	counter(descRateLimited, limited.slipped.Load(), "slipped")
	open := s.connections.counts()
	gauge(descConnections, float64(open[TCP]), TCP.String())
	gauge(descConnections, float64(open[TLS]), TLS.String())
	for bound, n := range s.connections.displacedCounts() {
		counter(descConnectionsDisplaced, n, bound)
	}
	counter(descHandshakes, s.handshakes.completed.Load(), "completed")
	counter(descHandshakes, s.handshakes.failed.Load(), "failed")
	counter(descHandshakes, s.handshakes.timedOut.Load(), "timeout")
	s.responder.transfers.Collect(ch)
	if f := s.responder.forward; f != nil {
		gauge(descPending, float64(f.pending.open()))
		counter(descShared, f.counts.shared.Load())
		counter(descFailed, f.counts.failed.Load())
		counter(descDisplaced, f.counts.displaced.Load())
		f.times.Collect(ch)
		f.client.Collect(ch)
		f.cache.Collect(ch)
	}
}

// UpstreamStats tell about each upstream server, by address. There are none when
// nothing is forwarded.
func (s *Server) UpstreamStats() []upstream.Stats {
	if s.responder.forward == nil {
		return nil
	}
	return s.responder.forward.client.Stats()
}
