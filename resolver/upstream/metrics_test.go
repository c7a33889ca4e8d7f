package upstream

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"toponym/internal/fakedns"
)

func TestMetrics(t *testing.T) {
	simulate(t, Options{}, func(t *testing.T, n *fakedns.Network, c *Client) {
		wantAnswer(t, c.Group(udpOf(n.Start(good), n.Start(good))))
		want := `
# HELP toponym_upstream_responses_total Queries that an upstream server answered in time.
# TYPE toponym_upstream_responses_total counter
toponym_upstream_responses_total{upstream="192.0.2.1"} 1
toponym_upstream_responses_total{upstream="192.0.2.2"} 0
# HELP toponym_upstream_srtt_seconds Smoothed round trip time to an upstream server, in seconds. Absent until it is known.
# TYPE toponym_upstream_srtt_seconds gauge
toponym_upstream_srtt_seconds{upstream="192.0.2.1"} 0.002
# HELP toponym_upstream_state 1 for the state of an upstream server: up, down or looping.
# TYPE toponym_upstream_state gauge
toponym_upstream_state{state="up",upstream="192.0.2.1"} 1
toponym_upstream_state{state="up",upstream="192.0.2.2"} 1
`
		if err := testutil.CollectAndCompare(c, strings.NewReader(want), "toponym_upstream_responses_total", "toponym_upstream_srtt_seconds", "toponym_upstream_state"); err != nil {
			t.Error(err)
		}
		if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})
}
