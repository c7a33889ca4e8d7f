package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

// One screen says what is wrong, and the exit status says that something is.
func TestStatus(t *testing.T) {
	example, err := os.ReadFile("testdata/status.json")
	if err != nil {
		t.Fatal(err)
	}
	connected := strings.Replace(string(example), `"connected_since": null`, `"connected_since": "2026-03-01T11:05:00Z"`, 1)
	for name, tc := range map[string]struct {
		body   string
		status int
		want   []string
	}{
		"connected": {connected, statusOK, []string{
			"server       version v1.2.3, up 1h30m0s since 2026-03-01T11:00:00Z\n",
			"ready        yes: names of the cluster can be looked up\n",
			"master       10.0.0.1:5050, followed by poll since 2026-03-01T11:05:00Z\n",
			"state        1s old\n",
			"cluster      3 tasks, 1 agents, 1 frameworks\n",
			"secondary    10.0.0.5: 1m30s behind in mesos., seen at 2026-03-01T11:01:00Z\n",
			"secondary    2001:db8::6: up to date, seen at 2026-03-01T11:01:00Z\n",
			"secondary    10.0.0.7: its lag is not known\n",
			"warning      reading the state failed at 2026-03-01T11:01:00Z: 10.0.0.2:5050: status 503: \"<busy>\"\n",
			"warning      marathon.mesos. is shared by 2 frameworks: f-0001, f-0002\n",
		}},
		"no contact": {string(example), statusFailed, []string{"master       10.0.0.1:5050, NO CONTACT since the start\n"}},
		"lost": {strings.Replace(string(example), `"last_heard": null`, `"last_heard": "2026-03-01T11:05:00Z"`, 1), statusFailed,
			[]string{"master       10.0.0.1:5050, NO CONTACT; heard last at 2026-03-01T11:05:00Z\n"}},
		"not ready": {strings.Replace(connected, `"ready": true`, `"ready": false`, 1), statusFailed, []string{"ready        NO: no state"}},
		"hostile":   {strings.Replace(connected, "10.0.0.2:5050", `\u001b[31m`, 1), statusOK, []string{`"\x1b[31m: status 503`}},
		"in trouble": {strings.Replace(connected, `"version"`, `"snapshot_error": {"text": "no space left", "time": "2026-03-01T11:05:00Z"},
			"settings": {"read_at": "2026-03-01T11:05:00Z", "last_error": {"text": "ttl: is bad", "time": "2026-03-01T11:05:00Z"}, "restart_needed": ["port"]},
			"reading": {"master": "10.0.0.1:5050", "since": "2026-03-01T11:05:00Z", "bytes": 1048576, "total_bytes": 4194304},
			"forwarding": {"upstreams": [{"address": "10.0.0.8", "state": "down"}], "cache": {}}, "version"`, 1), statusOK, []string{
			"reading      the state of 10.0.0.1:5050: 1.0 MiB of 4.0 MiB\n",
			"warning      the snapshot could not be written at 2026-03-01T11:05:00Z: no space left\n",
			"warning      the settings read at 2026-03-01T11:05:00Z cannot be used: ttl: is bad\n",
			"warning      changed settings need a restart: port\n",
			"warning      the upstream server 10.0.0.8 is down\n",
		}},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(tc.body)) }))
		got := runWith(t, "status", "-server", strings.TrimPrefix(server.URL, "http://"))
		if got.status != tc.status || got.stderr != "" {
			t.Errorf("%s: got status %d and %q, want %d and no error", name, got.status, got.stderr, tc.status)
		}
		for _, want := range tc.want {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("%s: got\n%s\nwant the line %q", name, got.stdout, want)
			}
		}
		asJSON := runWith(t, "status", "-o", "json", "-server", server.URL)
		if asJSON.status != tc.status || !strings.Contains(asJSON.stdout, "\n  \"uptime_seconds\": 5400,\n") {
			t.Errorf("%s, -o json: got status %d and\n%s", name, asJSON.status, asJSON.stdout)
		}
		server.Close()
	}
	for body, want := range map[string]string{"<html>": "does not come from Toponym", "{}": "does not come from Toponym"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))
		if got := runWith(t, "status", "-server", server.URL); got.status != statusFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("%s: got status %d and %q, want 1 and %q", body, got.status, got.stderr, want)
		}
		server.Close()
	}
	if got := runWith(t, "status", "-server", "127.0.0.1:1"); got.status != statusFailed || !strings.Contains(got.stderr, "no server answers at 127.0.0.1:1") {
		t.Errorf("no server: got status %d and %q, want 1 and that none answers", got.status, got.stderr)
	}
}

// A container with a server that lacks only its master must not be replaced.
func TestStatusLive(t *testing.T) {
	for name, tc := range map[string]struct {
		code   int
		body   string
		status int
	}{
		"alive":   {http.StatusOK, "ok\n", statusOK},
		"another": {http.StatusOK, "<html>", statusFailed},
		"broken":  {http.StatusInternalServerError, "ok\n", statusFailed},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/healthz" {
				t.Errorf("got a request for %s, want /healthz, which is open to all", r.URL.Path)
			}
			w.WriteHeader(tc.code)
			_, _ = w.Write([]byte(tc.body))
		}))
		got := runWith(t, "status", "-live", "-server", server.URL)
		if got.status != tc.status || got.stdout != "" || (got.stderr == "") != (tc.status == statusOK) {
			t.Errorf("%s: got status %d, output %q and %q; want %d and no output", name, got.status, got.stdout, got.stderr, tc.status)
		}
		server.Close()
		if got := runWith(t, "status", "-live", "-server", server.URL); got.status != statusFailed {
			t.Errorf("%s, when the server is gone: got status %d, want 1", name, got.status)
		}
	}
}
