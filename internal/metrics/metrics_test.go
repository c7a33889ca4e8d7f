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
`), "toponym_forward_waiting", "toponym_query_duration_seconds"); err != nil {
		t.Error(err)
	}
}
