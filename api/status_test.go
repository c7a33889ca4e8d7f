package api

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"

	"toponym/records"
	"toponym/state/leader"
	"toponym/zone"
)

// testStatus is a fixed moment in the life of a server.
func testStatus() Status {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("CET", 3600))
	leading, age, failover := "10.0.0.1:5050", Seconds(1234567*time.Microsecond), at.Add(2*time.Minute)
	return Status{
		Source: "poll", Leader: &leading, StateAge: &age,
		StartedAt: at, Uptime: Seconds(time.Hour + 30*time.Minute),
		Tasks: 3, Agents: 1, Frameworks: 1,
		Merged:       []records.Merged{{Name: "marathon.mesos.", Frameworks: []string{"f-0001", "f-0002"}}},
		LastError:    &leader.Failure{Text: `10.0.0.2:5050: status 503: "<busy>"`, Time: at.Add(time.Minute)},
		LastFailover: &failover,
		Snapshot:     &SnapshotStatus{Age: Seconds(12345 * time.Millisecond), Bytes: 6789},
		ZooKeeper: &leader.Status{State: "leader", Since: at.Add(3 * time.Minute),
			LastError: &leader.Failure{Text: "no <server>", Time: at.Add(time.Minute)}},
		Secondaries: testSecondaries(at),
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

func TestStatusHasTheDocumentedForm(t *testing.T) {
	for file, s := range map[string]*Server{
		"status.json":       statusServer(testStatus(), nil),
		"status-first.json": statusServer(Status{Source: "none", StartedAt: testStatus().StartedAt}, zone.NewStore(zone.NewEmpty(zoneOptions(), zone.SameSerial(1)))),
	} {
		w := get(s, "/v1/status")
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: got status %d and Content-Type %q, want 200 and application/json", file, w.Code, w.Header().Get("Content-Type"))
		}
		golden(t, file, w.Body.Bytes())
	}
	golden(t, "page-status.html", []byte(stable(get(statusServer(testStatus(), nil), "/").Body.String())))
}

func TestStatusAndMetricsAreOptional(t *testing.T) {
	for _, path := range []string{"/v1/status", "/metrics"} {
		if code := get(testServer(), path).Code; code != http.StatusNotFound {
			t.Errorf("%s without a function: got status %d, want 404", path, code)
		}
		if code := get(statusServer(testStatus(), nil), path).Code; code != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", path, code)
		}
		if code := do(statusServer(testStatus(), nil), http.MethodPost, path).Code; code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: got status %d, want 405", path, code)
		}
	}
}

// The line that a service manager and the page show.
func TestShortStatus(t *testing.T) {
	leading, long := "10.0.0.1:5050", strings.Repeat("x", 5000)
	evil := "master\nWATCHDOG=trigger\x1b[2J\xff:5050"
	age := func(d time.Duration) *Seconds { s := Seconds(d); return &s }
	for want, s := range map[string]Status{
		"no state of the cluster yet":                                               {Source: "none"},
		"state of 10.0.0.1:5050 by stream, 3s old":                                  {Source: "stream", Leader: &leading, StateAge: age(3200 * time.Millisecond)},
		"state of 10.0.0.1:5050, 3s old: no contact with the leading master":        {Source: "memory", Leader: &leading, StateAge: age(3200 * time.Millisecond)},
		"state from the snapshot on disk, 1h0m0s old: no master has been reached":   {Source: "snapshot", Leader: &leading, StateAge: age(time.Hour)},
		"state of master\uFFFDWATCHDOG=trigger\uFFFD[2J\uFFFD:5050 by poll, 0s old": {Source: "poll", Leader: &evil, StateAge: age(-time.Second)},
		"state of " + strings.Repeat("x", maxStatusText) + "… by poll, 0s old":      {Source: "poll", Leader: &long, StateAge: age(0)},
	} {
		if got := s.Short(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Texts of masters reach terminals and logs by way of the status: they contain no
// control characters, and their length is bounded.
func TestStatusHasNoControlCharactersOfOthers(t *testing.T) {
	s := testStatus()
	evil := "m\n\r\t\x00\x1b[31m\x7f\u0085\\n\"\xff" + strings.Repeat("é", 600)
	s.Leader, s.LastError.Text, s.ZooKeeper.LastError.Text = &evil, evil, evil
	w := get(statusServer(s, nil), "/v1/status")
	var got Status
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("got %v for %s", err, w.Body)
	}
	for where, text := range map[string]string{"leader": *got.Leader, "last_error": got.LastError.Text, "zookeeper": got.ZooKeeper.LastError.Text} {
		if strings.ContainsFunc(text, unicode.IsControl) || len(text) > maxStatusText+20 {
			t.Errorf("%s: got %d bytes %.60q, want at most %d bytes without control characters", where, len(text), text, maxStatusText)
		}
		if !strings.Contains(text, `\n"`) {
			t.Errorf("%s: got %.60q, want what is not a control character unchanged", where, text)
		}
	}
}
