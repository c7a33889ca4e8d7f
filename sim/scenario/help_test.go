package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"toponym/sim"
)

var (
	testStart = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	testAddr  = netip.MustParseAddrPort("10.0.1.10:5050")
)

// clock returns a clock that advances by a second each time it is read.
func clock() func() time.Time {
	var reads atomic.Int64
	return func() time.Time { return testStart.Add(time.Duration(reads.Add(1)) * time.Second) }
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// bodyOf is what a master at testAddr answers for c.
func bodyOf(t testing.TB, c *sim.Cluster) []byte {
	t.Helper()
	var b bytes.Buffer
	noError(t, c.WriteState(&b, testAddr))
	return b.Bytes()
}

func decode(t testing.TB, body []byte) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v in %.100s", err, body)
	}
	return v
}

// addresses returns the addresses of each app's running instances.
func addresses(c *sim.Cluster) map[string][]string {
	out := map[string][]string{}
	for _, t := range c.Tasks() {
		if len(t.Statuses) == 0 {
			continue
		}
		for _, n := range t.Statuses[len(t.Statuses)-1].Container.Networks {
			for _, p := range n.Addresses {
				out[t.Name] = append(out[t.Name], p.Addr().String())
			}
		}
	}
	for _, a := range out {
		slices.Sort(a)
	}
	return out
}

// simulationOf makes a simulation of a scenario in YAML.
func simulationOf(t testing.TB, text string, o Options) *Simulation {
	t.Helper()
	sc, err := Read(strings.NewReader(text))
	noError(t, err)
	s, err := New(sc, o)
	noError(t, err)
	return s
}

// run runs a simulation until the test ends, or until stop is called.
func run(t *testing.T, s *Simulation) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	return func() { cancel(); noError(t, <-done) }
}

// request sends a request to a handler and wants a status.
func request(t testing.TB, h http.Handler, method, path, body string, status int) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "http://simulation"+path, strings.NewReader(body)))
	if w.Code != status {
		t.Fatalf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return w.Body.String()
}
