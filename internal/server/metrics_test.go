package server

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/records"
)

// metricsServer returns a server with everything switched on. Nothing runs.
func metricsServer(t *testing.T) *Server {
	t.Helper()
	log, _ := test.NewNullLogger()
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: "127.0.0.1", Port: 1}}
	c.StateDir = t.TempDir()
	return newTestServer(t, c, log)
}

func scrape(t *testing.T, m *serverMetrics) string {
	t.Helper()
	log, hook := test.NewNullLogger()
	w := httptest.NewRecorder()
	m.handler(log).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || len(hook.AllEntries()) > 0 {
		t.Fatalf("scrape: got status %d, logged %v, want status 200 and nothing logged", w.Code, hook.AllEntries())
	}
	return "\n" + w.Body.String()
}

func wantLines(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("got no line that begins with %s, want one", line)
		}
	}
}

func TestMetricNamesFollowTheConventions(t *testing.T) {
	s := metricsServer(t)
	s.metrics.countOmission(records.ErrNameLength)
	s.pipeline.state(fullState(task("1", "web", "10.1.0.1")))
	problems, err := testutil.GatherAndLint(s.metrics.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "toponym_") {
			t.Errorf("%s: got %s, want no objection", p.Metric, p.Text)
		}
	}
}

func TestMetricsOfAState(t *testing.T) {
	s := metricsServer(t)
	s.metrics.observeLag(3 * time.Millisecond)
	s.metrics.observeLag(20 * time.Millisecond)
	s.metrics.countOmission(records.ErrNameLength)
	s.metrics.countReload(true, 0)
	s.metrics.countReload(false, 0)
	s.pipeline.state(fullState(task("1", "web", "10.1.0.1"), task("2", "db", "10.1.0.2")))
	s.snapshotter.save(t.Context(), new(background).run)
	wantLines(t, scrape(t, s.metrics),
		`toponym_build_info{goversion="`,
		`toponym_ready 1`,
		`toponym_state_source{source="none"} 0`,
		`toponym_state_source{source="memory"} 1`, // the watcher does not run
		`toponym_state_age_seconds `,
		`toponym_tasks 2`,
		`toponym_agents 1`,
		`toponym_frameworks 1`,
		`toponym_master_failovers_total 0`,
		`toponym_snapshot_age_seconds `,
		`toponym_snapshot_size_bytes `,
		`toponym_snapshot_errors_total 0`,
		`toponym_event_lag_seconds_count 3`,
		`toponym_names_omitted_total{reason="name_length"} 1`,
		`toponym_config_reloads_total{result="success"} 1`,
		`toponym_config_reloads_total{result="failure"} 1`,
		`toponym_config_last_reload_successful 0`,
		`go_goroutines `,
		`process_start_time_seconds `,
	)
}

// What is not known is absent, and not shown as zero.
func TestMetricsWithoutAState(t *testing.T) {
	s := metricsServer(t)
	page := scrape(t, s.metrics)
	for _, name := range []string{"state_age_seconds", "snapshot_age_seconds", "snapshot_size_bytes"} {
		if strings.Contains(page, "\ntoponym_"+name) {
			t.Errorf("%s: got a value, want none", name)
		}
	}
	wantLines(t, page, `toponym_ready 0`, `toponym_state_source{source="none"} 1`, `toponym_snapshot_errors_total 0`)
}

// Two servers in one process, as tests have them, do not share numbers.
func TestServersHaveTheirOwnMetrics(t *testing.T) {
	a, b := metricsServer(t), metricsServer(t)
	a.metrics.countOmission(records.ErrNameLength)
	if strings.Contains(scrape(t, b.metrics), `toponym_names_omitted_total{`) {
		t.Error("got an event of one server shown by the other, want it absent")
	}
}

// An alert rule on a metric that does not exist would never be raised.
func TestAlertRulesUseMetricsThatExist(t *testing.T) {
	rules, err := os.ReadFile("../../deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	descs := make(chan *prometheus.Desc)
	s := metricsServer(t)
	go func() { s.metrics.registry.Describe(descs); close(descs) }()
	for d := range descs {
		_, name, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		known[name] = true
	}
	used := regexp.MustCompile(`toponym_[a-z_]+`).FindAllString(string(rules), -1)
	if len(used) < 8 {
		t.Errorf("got the metrics %v, want one for each rule", used)
	}
	for _, name := range used {
		if !known[strings.TrimSuffix(name, "_bucket")] {
			t.Errorf("deploy/alerts.yaml: there is no metric %s", name)
		}
	}
}
