package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCollectedValues(t *testing.T) {
	r := prometheus.NewRegistry()
	r.MustRegister(NewCollector(func() Values {
		return Values{
			Errors: 4, Reconnects: 5,
			Events:  map[string]uint64{"TASK_ADDED": 7},
			Forward: &Forward{Waiting: 8, Failed: 4},
			Rates:   Rates{Slipped: 3},
			Queries: []Query{{"mesos.", "A", "NOERROR", "udp", 1 << 40}},
			Times: map[string]Histogram{"udp": {
				Bounds: []time.Duration{time.Microsecond, time.Millisecond}, Counts: []uint64{1, 2, 3}, Sum: time.Second,
			}},
		}
	}))
	if err := testutil.GatherAndCompare(r, strings.NewReader(`
# HELP toponym_forward_waiting Queries that wait for upstream servers.
# TYPE toponym_forward_waiting gauge
toponym_forward_waiting 8
# HELP toponym_query_duration_seconds Time from reading a query to sending its reply, of all over TCP and of a sample over UDP.
# TYPE toponym_query_duration_seconds histogram
toponym_query_duration_seconds_bucket{protocol="udp",le="1e-06"} 1
toponym_query_duration_seconds_bucket{protocol="udp",le="0.001"} 3
toponym_query_duration_seconds_bucket{protocol="udp",le="+Inf"} 6
toponym_query_duration_seconds_sum{protocol="udp"} 1
toponym_query_duration_seconds_count{protocol="udp"} 6
# HELP toponym_events_total Events of the leading master, by type.
# TYPE toponym_events_total counter
toponym_events_total{type="TASK_ADDED"} 7
`), "toponym_forward_waiting", "toponym_query_duration_seconds", "toponym_events_total"); err != nil {
		t.Error(err)
	}
}
