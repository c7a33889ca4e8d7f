package api

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"toponym/zone"
)

// testStatus is a fixed moment in the life of a server.
func testStatus() Status {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	return Status{
		Source: "poll", Leader: "10.0.0.1:5050", StateAge: 1234567 * time.Microsecond,
		StartedAt: at, Uptime: time.Hour + 30*time.Minute,
		Tasks: 3, Agents: 1, Frameworks: 1,
		LastError: `10.0.0.2:5050: status 503: "<busy>"`, LastErrorAt: at.Add(time.Minute),
		LastFailover: at.Add(2 * time.Minute),
		Snapshot:     &SnapshotStatus{Age: 12345 * time.Millisecond, Size: 6789},
		ZooKeeper:    &ZooKeeperStatus{State: "leader", Since: at.Add(3 * time.Minute), LastError: "no <server>", LastErrorAt: at.Add(time.Minute)},
	}
}

func statusServer(s Status, store *zone.Store) *Server {
	o := testOptions(testSnapshot())
	if store != nil {
		o.Store = store
	}
	o.Status = func() Status { return s }
	o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "up 1\n") })
	return New(o)
}

func TestStatusGolden(t *testing.T) {
	for file, s := range map[string]*Server{
		"status.json":       statusServer(testStatus(), nil),
		"status-first.json": statusServer(Status{Source: "none", StateAge: -1, StartedAt: testStatus().StartedAt}, zone.NewStore(zone.NewEmpty(zoneOptions()))),
	} {
		w := get(s, "/v1/status")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d, Content-Type %q", file, w.Code, w.Header().Get("Content-Type"))
		}
		golden(t, file, w.Body.Bytes())
	}
	golden(t, "page-status.html", get(statusServer(testStatus(), nil), "/").Body.Bytes())
}

func TestStatusAndMetricsAreOptional(t *testing.T) {
	for _, path := range []string{"/v1/status", "/metrics"} {
		if code := get(testServer(), path).Code; code != http.StatusNotFound {
			t.Errorf("%s: status %d without a function", path, code)
		}
		if code := get(statusServer(testStatus(), nil), path).Code; code != http.StatusOK {
			t.Errorf("%s: status %d", path, code)
		}
		if code := do(statusServer(testStatus(), nil), http.MethodPost, path).Code; code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: status %d", path, code)
		}
	}
}

func TestShort(t *testing.T) {
	for want, s := range map[string]Status{
		"no state of the cluster yet":                {Source: "none", StateAge: -1},
		"state of 10.0.0.1:5050 by stream, 3s old":   {Source: "stream", Leader: "10.0.0.1:5050", StateAge: 3200 * time.Millisecond},
		"state of 10.0.0.1:5050, 3s old: no contact": {Source: "memory", Leader: "10.0.0.1:5050", StateAge: 3200 * time.Millisecond},
		"state of the snapshot on disk, 1h0m0s old:": {Source: "snapshot", Leader: "10.0.0.1:5050", StateAge: time.Hour},
	} {
		if got := s.Short(); !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
