package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTop(t *testing.T) {
	body := `{"seconds": 2.001, "queries_per_second": 12.5, "codes": [{"code": "NOERROR", "per_second": 10}, {"code": "NXDOMAIN", "per_second": 2.5}],
 "counted_one_in": 1, "names": [{"name": "web.marathon.mesos.", "per_second": 9, "at_least_per_second": 9}, {"name": "\u001b[31m.", "per_second": 2, "at_least_per_second": 0.5}],
 "clients": [{"client": "10.0.0.9", "per_second": 12.5, "at_least_per_second": 12.5}]}`
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		_, _ = w.Write([]byte(body))
	}))
	defer server.Close()
	want := `12.5 queries per second in 2.0 s: NOERROR 10.0, NXDOMAIN 2.5

  per second  name
         9.0  web.marathon.mesos.
         2.0  "\x1b[31m."  (at least 0.5)

  per second  client
        12.5  10.0.0.9
`
	got := runWith(t, "top", "-server", server.URL, "-n", "2", "-every", "500ms", "-rows", "5")
	if got.status != statusOK || got.stderr != "" || got.stdout != want+"\n"+want {
		t.Errorf("got status %d, %q and\n%s\nwant 0 and twice\n%s", got.status, got.stderr, got.stdout, want)
	}
	if want := "/v1/top?limit=5&wait=500ms /v1/top?limit=5&wait=500ms"; strings.Join(asked, " ") != want {
		t.Errorf("got the requests %s, want %s", asked, want)
	}
	got = runWith(t, "top", "-server", server.URL, "-n", "2", "-o", "json")
	if lines := strings.Split(strings.TrimSpace(got.stdout), "\n"); got.status != statusOK || len(lines) != 2 || !strings.HasPrefix(lines[1], `{"seconds":2.001,`) {
		t.Errorf("-o json: got status %d and\n%s\nwant two lines of JSON", got.status, got.stdout)
	}

	body = strings.Replace(body, `"counted_one_in": 1`, `"counted_one_in": 64`, 1)
	if got := runWith(t, "top", "-server", server.URL, "-n", "1"); !strings.Contains(got.stdout, "one query in 64 is counted") {
		t.Errorf("got\n%s\nwant that the rates are estimates", got.stdout)
	}
	body = `{"seconds": 1, "queries_per_second": 0, "codes": [], "counted_one_in": 1, "names": [], "clients": []}`
	if got, want := runWith(t, "top", "-server", server.URL, "-n", "1"), "0.0 queries per second in 1.0 s\n\n  per second  name\n              none\n\n  per second  client\n              none\n"; got.stdout != want {
		t.Errorf("got\n%q\nwant\n%q", got.stdout, want)
	}
}

func TestTopSaysWhatIsWrong(t *testing.T) {
	for _, args := range [][]string{{"-every", "1ms"}, {"-every", "1m"}, {"-n", "-1"}, {"-rows", "0"}, {"-rows", "101"}, {"web"}} {
		if got := runWith(t, append([]string{"top"}, args...)...); got.status != statusUsage || got.stderr == "" {
			t.Errorf("%v: got status %d and %q, want 2 and why", args, got.status, got.stderr)
		}
	}
	for status, want := range map[int]string{http.StatusNotFound: "does not serve DNS", http.StatusForbidden: "403"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/healthz" {
				_, _ = w.Write([]byte("ok\n"))
				return
			}
			w.WriteHeader(status)
		}))
		if got := runWith(t, "top", "-server", server.URL); got.status != statusFailed || !strings.Contains(got.stderr, want) {
			t.Errorf("%d: got status %d and %q, want 1 and %q", status, got.status, got.stderr, want)
		}
		server.Close()
	}
}

// A file is no terminal: there, nothing clears a screen.
func TestFilesAreNoTerminals(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if isTerminal(f) || isTerminal(new(strings.Builder)) {
		t.Error("got a terminal, want none")
	}
}
