package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus/hooks/test"
)

func values() Values {
	return Values{
		Ready: true, Source: "poll", StateAge: 1500 * time.Millisecond,
		Tasks: 3, Agents: 2, Frameworks: 1,
		Serial: 1700000000, Names: 12, Records: map[string]int{"A": 7, "SRV": 5},
		Errors: 4, Reconnects: 5, Failovers: 6,
		Events:   map[string]uint64{"TASK_ADDED": 7},
		Snapshot: &Snapshot{Age: 12 * time.Second, Size: 1234, Errors: 1},
		Forward:  &Forward{Upstreams: []Upstream{{Address: "10.0.0.1:53", Queries: 5, Latency: time.Millisecond, State: "good"}}, Hits: 8, Entries: 4},
		Rates:    Rates{Slipped: 3},
		Queries: []Query{
			{"mesos.", "A", "NOERROR", "udp", 1 << 40},
			{"other", "none", "FORMERR", "tcp", 2},
		},
		Times: map[string]Histogram{"udp": {
			Bounds: []time.Duration{time.Microsecond, time.Millisecond}, Counts: []uint64{1, 2, 3}, Sum: time.Second,
		}},
	}
}

func TestNamesFollowTheConventions(t *testing.T) {
	m := New("v1", values)
	m.Lag(time.Millisecond)
	m.LeftOut("too_long")
	problems, err := testutil.GatherAndLint(m.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, namespace) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestEverythingIsShown(t *testing.T) {
	m := New("v1", values)
	m.Lag(3 * time.Millisecond)
	m.Lag(20 * time.Millisecond)
	m.LeftOut("name_length")
	m.Reloaded(true)
	m.Reloaded(false)
	page := scrape(t, m)
	for _, line := range []string{
		`toponym_build_info{goversion="`,
		`toponym_ready 1`,
		`toponym_state_source{source="poll"} 1`,
		`toponym_state_source{source="stream"} 0`,
		`toponym_state_age_seconds 1.5`,
		`toponym_tasks 3`,
		`toponym_agents 2`,
		`toponym_frameworks 1`,
		`toponym_zone_serial 1.7e+09`,
		`toponym_names 12`,
		`toponym_records{type="SRV"} 5`,
		`toponym_master_errors_total 4`,
		`toponym_master_reconnects_total 5`,
		`toponym_master_failovers_total 6`,
		`toponym_snapshot_age_seconds 12`,
		`toponym_snapshot_size_bytes 1234`,
		`toponym_snapshot_errors_total 1`,
		`toponym_queries_total{protocol="udp",rcode="NOERROR",type="A",zone="mesos."} 1.099511627776e+12`,
		`toponym_queries_total{protocol="tcp",rcode="FORMERR",type="none",zone="other"} 2`,
		`toponym_upstream_queries_total{upstream="10.0.0.1:53"} 5`,
		`toponym_upstream_latency_seconds{upstream="10.0.0.1:53"} 0.001`,
		`toponym_upstream_state{state="good",upstream="10.0.0.1:53"} 1`,
		`toponym_cache_hits_total 8`,
		`toponym_cache_entries 4`,
		`toponym_rate_limited_total{action="slipped"} 3`,
		`toponym_query_duration_seconds_bucket{protocol="udp",le="1e-06"} 1`,
		`toponym_query_duration_seconds_bucket{protocol="udp",le="0.001"} 3`,
		`toponym_query_duration_seconds_bucket{protocol="udp",le="+Inf"} 6`,
		`toponym_query_duration_seconds_sum{protocol="udp"} 1`,
		`toponym_events_total{type="TASK_ADDED"} 7`,
		`toponym_event_lag_seconds_bucket{le="0.005"} 1`,
		`toponym_event_lag_seconds_count 2`,
		`toponym_names_left_out_total{reason="name_length"} 1`,
		`toponym_config_reloads_total{result="success"} 1`,
		`toponym_config_reloads_total{result="failure"} 1`,
		`toponym_config_last_reload_successful 0`,
		`go_goroutines `,
		`process_start_time_seconds `,
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("no line begins with %s", line)
		}
	}
}

// What is not known is not shown as zero.
func TestWithoutAState(t *testing.T) {
	page := scrape(t, New("v1", func() Values { return Values{Source: "none", StateAge: -1, Snapshot: &Snapshot{Age: -1}} }))
	for _, name := range []string{"state_age_seconds", "zone_serial", "snapshot_age_seconds", "snapshot_size_bytes"} {
		if strings.Contains(page, "toponym_"+name) {
			t.Errorf("%s is shown", name)
		}
	}
	for _, line := range []string{`toponym_ready 0`, `toponym_state_source{source="none"} 1`, `toponym_snapshot_errors_total 0`} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("no line begins with %s", line)
		}
	}
}

// Two processes in one, as tests have them, know nothing of each other.
func TestRegistriesAreApart(t *testing.T) {
	a, b := New("v1", values), New("v1", values)
	a.LeftOut("name_length")
	if strings.Contains(scrape(t, b), `toponym_names_left_out_total{`) {
		t.Error("an event of one is shown by the other")
	}
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	log, hook := test.NewNullLogger()
	w := httptest.NewRecorder()
	m.Handler(log).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || len(hook.AllEntries()) > 0 {
		t.Fatalf("status %d, logged %v", w.Code, hook.AllEntries())
	}
	return w.Body.String()
}
