package api

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Requests are counted by route, so that the paths that clients make up do not
// become labels.
func TestRequestsAreCountedByRoute(t *testing.T) {
	s := testServer()
	for _, path := range []string{
		"/", "/v1/hosts/leader.mesos", "/v1/hosts/x.mesos/", "/v1/explain/a..b", "/healthz", "/nothing", "/%ff", "/v1/hosts/" + strings.Repeat("x", 999),
	} {
		get(s, path)
	}
	do(s, "BREW", "/healthz")
	want := `
# HELP toponym_http_requests_total HTTP requests that were answered, by path pattern and status code.
# TYPE toponym_http_requests_total counter
toponym_http_requests_total{code="200",path="/"} 1
toponym_http_requests_total{code="200",path="/healthz"} 1
toponym_http_requests_total{code="200",path="/v1/hosts/{host}"} 3
toponym_http_requests_total{code="400",path="/v1/explain/{name}"} 1
toponym_http_requests_total{code="404",path="other"} 2
toponym_http_requests_total{code="405",path="other"} 1
`
	if err := testutil.CollectAndCompare(s, strings.NewReader(want), "toponym_http_requests_total"); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.CollectAndLint(s); err != nil || len(problems) > 0 {
		t.Errorf("got %v and %v, want no problems of the names and texts", problems, err)
	}
}
