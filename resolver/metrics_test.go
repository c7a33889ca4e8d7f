package resolver

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"toponym/zone"
)

func TestMetricsShowWhatTheServerDid(t *testing.T) {
	o := forwarding()
	o.RateLimit = 1
	s := New(zone.NewStore(testZone(t)), o)
	r := prometheus.NewPedanticRegistry() // it compares Describe with Collect
	r.MustRegister(s)
	for range 3 {
		ask(t, s.responder, s.store.Current(), askOne+" +from=127.0.0.1")
		ask(t, s.responder, s.store.Current(), "none.mesos. SRV")
	}
	if err := testutil.GatherAndCompare(r, strings.NewReader(`
# HELP toponym_queries_total Queries answered, by the zone of the name, type, rcode and protocol.
# TYPE toponym_queries_total counter
toponym_queries_total{protocol="udp",rcode="NOERROR",type="A",zone="mesos."} 3
toponym_queries_total{protocol="udp",rcode="NXDOMAIN",type="SRV",zone="mesos."} 1
# HELP toponym_rate_limited_total Responses over UDP above the rate limit of a client's network: dropped, or sent truncated (slipped).
# TYPE toponym_rate_limited_total counter
toponym_rate_limited_total{action="dropped"} 1
toponym_rate_limited_total{action="slipped"} 1
# HELP toponym_tcp_connections TCP connections of clients that are open, by protocol: tcp, or tls for DNS over TLS.
# TYPE toponym_tcp_connections gauge
toponym_tcp_connections{protocol="tcp"} 0
toponym_tcp_connections{protocol="tls"} 0
# HELP toponym_forward_pending Queries that wait for upstream servers.
# TYPE toponym_forward_pending gauge
toponym_forward_pending 0
`), "toponym_queries_total", "toponym_rate_limited_total", "toponym_tcp_connections", "toponym_forward_pending"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v and error %v, want metrics without problems", problems, err)
	}
}
