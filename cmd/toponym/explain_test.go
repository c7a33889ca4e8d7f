package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toponym/config"
	"toponym/records"
)

func TestExplain(t *testing.T) {
	web := records.ExplainedOwner{Kind: "task", Task: "web.1", TaskName: "web", Framework: "f-0", FrameworkName: "mara\x1b[31mthon", Agent: "a-S0", Source: "netinfo"}
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Path
		switch {
		case strings.HasSuffix(r.URL.Path, "bad..name"):
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error": "no name"}`))
		case strings.HasSuffix(r.URL.Path, "html"):
			_, _ = w.Write([]byte(`<html>`))
		case strings.HasSuffix(r.URL.Path, "gone"):
			http.NotFound(w, r)
		default:
			_ = json.NewEncoder(w).Encode(records.Explanation{Name: "web.marathon.mesos.", TTL: 5,
				Records: []records.ExplainedRecord{{Type: "A", Data: "10.0.0.1", Owners: []records.ExplainedOwner{web, {Kind: "agent", Agent: "a-S1"}}}},
				LeftOut: []records.ExplainedAbsent{{ExplainedOwner: web, Type: "A", Data: "10.0.0.2", Reason: "it is unhealthy"},
					{ExplainedOwner: web, What: "DNS_TTL=x", Reason: "is no number"}},
			})
		}
	}))
	defer server.Close()

	for _, args := range [][]string{
		{"web.marathon.mesos", "-server", server.URL}, {"--server=" + server.URL + "/", "web.marathon.mesos"},
	} {
		got := runWith(t, append([]string{"explain"}, args...)...)
		want := `web.marathon.mesos.
  TTL 5, by a label
  A 10.0.0.1
      task web (web.1) of framework "mara\x1b[31mthon" (f-0) on agent a-S0; from netinfo
      agent a-S1
  left out:
      A 10.0.0.2 of task web (web.1) of framework "mara\x1b[31mthon" (f-0) on agent a-S0: it is unhealthy
      task web (web.1) of framework "mara\x1b[31mthon" (f-0) on agent a-S0: "DNS_TTL=x": is no number
`
		if got.status != statusOK || got.stdout != want || asked != "/v1/explain/web.marathon.mesos" {
			t.Errorf("%v: status %d, asked for %s\n%s%s", args, got.status, asked, got.stdout, got.stderr)
		}
	}
	for _, tc := range []struct {
		args   []string
		status int
		stderr string
	}{
		{nil, statusUsage, "one name is wanted"},
		{[]string{"a", "b"}, statusUsage, "one name is wanted"},
		{[]string{"a", "-colour"}, statusUsage, "-colour"},
		{[]string{"-help"}, statusOK, "-server"},
		{[]string{"bad..name", "-server", server.URL}, statusFailed, "no name"},
		{[]string{"gone", "-server", server.URL}, statusFailed, "404"},
		{[]string{"html", "-server", server.URL}, statusFailed, "none of Toponym"},
		{[]string{"a", "-server", "here"}, statusFailed, "not the address of a server"},
	} {
		got := runWith(t, append([]string{"explain"}, tc.args...)...)
		if got.status != tc.status || !strings.Contains(got.stderr, tc.stderr) {
			t.Errorf("%v: status %d: %s", tc.args, got.status, got.stderr)
		}
	}
}

// A running server explains its own answers.
func TestExplainOfAServer(t *testing.T) {
	p, _ := testPipeline(t)
	p.event(snapshot(task("web.1", "web", "192.168.0.1")))
	x, ok := apiOptions(config.Defaults(), p, nil).Explain(records.MustParseName("web.marathon.mesos")).(records.Explanation)
	if !ok || len(x.Records) != 1 || x.Records[0].Owners[0].Task != "web.1" {
		t.Errorf("%+v", x)
	}
	var b bytes.Buffer
	printExplanation(&b, p.set.Explain(records.MustParseName("no.mesos")))
	if !strings.Contains(b.String(), "has no records") {
		t.Error(b.String())
	}
	if _, err := fetchExplanation(context.Background(), "http://127.0.0.1:1", "a"); err == nil {
		t.Error("nobody answers there")
	}
}
