//go:build e2e

package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/miekg/dns"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// metrics are the metric families of /metrics, by name.
type metrics map[string]*dto.MetricFamily

func (s *server) metrics(t *testing.T) metrics {
	t.Helper()
	code, body, err := s.get("/metrics")
	if err != nil || code != http.StatusOK {
		t.Fatalf("/metrics: got status %d, error %v; want 200", code, err)
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	m, err := p.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("/metrics: %v\n%s", err, body)
	}
	return m
}

// sum adds up the metrics that have all these labels, given as name and value.
func (m metrics) sum(name string, labels ...string) (n float64) {
	for _, x := range m[name].GetMetric() {
		found := 0
		for i := 0; i < len(labels); i += 2 {
			for _, l := range x.GetLabel() {
				if l.GetName() == labels[i] && l.GetValue() == labels[i+1] {
					found++
				}
			}
		}
		if found == len(labels)/2 {
			n += x.GetCounter().GetValue() + x.GetGauge().GetValue() + float64(x.GetHistogram().GetSampleCount())
		}
	}
	return n
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := newMaster(t, example(t).Cluster)
	s := serveWithSnapshot(t, m, settings{"stateDir": t.TempDir()})
	before := s.metrics(t)
	for network, n := range map[string]int{"udp": 200, "tcp": 5} {
		c := dns.Client{Net: network, Timeout: patience}
		for range n {
			for _, name := range []string{"web.marathon.mesos.", "nope.mesos.", "example.org."} {
				if _, _, err := c.Exchange(new(dns.Msg).SetQuestion(name, dns.TypeA), s.addr()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	after := s.metrics(t)
	for _, x := range []struct {
		name   string
		labels []string
		more   float64
	}{
		{"toponym_queries_total", []string{"zone", "mesos.", "type", "A", "rcode", "NOERROR", "protocol", "udp"}, 200},
		{"toponym_queries_total", []string{"zone", "mesos.", "type", "A", "rcode", "NXDOMAIN", "protocol", "udp"}, 200},
		{"toponym_queries_total", []string{"zone", "other", "type", "A", "rcode", "REFUSED", "protocol", "udp"}, 200},
		{"toponym_queries_total", []string{"zone", "mesos.", "protocol", "tcp"}, 10},
		{"toponym_query_duration_seconds", []string{"protocol", "tcp"}, 15},
	} {
		if got := after.sum(x.name, x.labels...) - before.sum(x.name, x.labels...); got != x.more {
			t.Errorf("%s %v: got an increase of %v, want %v", x.name, x.labels, got, x.more)
		}
	}
	// Each worker times one query in 64.
	if n := after.sum("toponym_query_duration_seconds", "protocol", "udp"); n < 1 || n > 600/64+64 {
		t.Errorf("timed queries over UDP: got %v of 600, want about one in 64", n)
	}
	for name, want := range map[string]float64{"toponym_ready": 1, "toponym_tasks": 6, "toponym_agents": 3, "toponym_frameworks": 1} {
		if got := after.sum(name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{
		"toponym_records", "toponym_names", "toponym_zone_serial", "toponym_events_total", "toponym_event_lag_seconds",
		"toponym_snapshot_size_bytes", "toponym_build_info", "go_goroutines", "process_cpu_seconds_total",
	} {
		if after.sum(name) <= 0 {
			t.Errorf("%s: got %v, want more than 0", name, after.sum(name))
		}
	}
	for _, name := range []string{"toponym_state_age_seconds", "toponym_snapshot_age_seconds"} {
		if _, ok := after[name]; !ok || after.sum(name) < 0 {
			t.Errorf("%s: got %v, want an age", name, after.sum(name))
		}
	}
}
