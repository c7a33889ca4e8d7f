package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// What is printed about a name, and the exit status that says whether there is one.
func TestLookup(t *testing.T) {
	const found = `{"name": "web.", "found": true, "completions": ["web.aurora.mesos.", "web.marathon.mesos."], "answers": [
		{"name": "web.aurora.mesos.", "answer": "records", "records": [{"type": "A", "data": "10.0.0.1", "owners": [{"kind": "agent", "agent": "a-S0"}]}], "omitted": []}],
		"related": [{"name": "web.aurora.slave.mesos.", "records": [{"type": "A", "ttl": 60, "data": "10.0.0.9"}], "more": 3},
			{"name": "_web._tcp.aurora.mesos.", "records": [{"type": "SRV", "ttl": 5, "data": "0 1 80 \u001b[31m."}]}], "moreRelated": 2, "near": []}`
	const missing = `{"name": "wbe.", "found": false, "answers": [{"name": "wbe.", "answer": "no such name"}], "completions": [], "related": [],
		"near": ["web.marathon.mesos.", "wbb.marathon.mesos."]}`
	for _, tc := range []struct {
		body   string
		args   []string
		status int
		stdout string
		stderr string
	}{
		{found, nil, statusOK, `web.aurora.mesos.
  A 10.0.0.1
      agent a-S0
web. is also short for: web.marathon.mesos.
other names:
  web.aurora.slave.mesos.  60 A 10.0.0.9
  web.aurora.slave.mesos.  and 3 more
  _web._tcp.aurora.mesos.  5 SRV "0 1 80 \x1b[31m."
  and 2 more names
`, ""},
		{missing, nil, statusFailed, "wbe.\n  does not exist (NXDOMAIN)\ndid you mean: web.marathon.mesos., wbb.marathon.mesos.\n", ""},
		{`{"name": "1.0.0.10.in-addr.arpa.", "found": false, "answers": [{"name": "1.0.0.10.in-addr.arpa.", "answer": "answered locally", "rcode": "NXDOMAIN",
			"route": {"local": "10.in-addr.arpa."}}], "addressOf": ["slave.mesos."], "moreAddressOf": 2, "reverseOff": true}`, nil, statusFailed, `1.0.0.10.in-addr.arpa.
  does not exist (NXDOMAIN)
  is answered by the server itself and never forwarded
      special-use zone 10.in-addr.arpa.
web is an address of: slave.mesos. and 2 more names
the cluster has no PTR records: the setting ReverseDnsOn is false
`, ""},
		{`{"found": true, "name": "a."}`, []string{"-o", "json"}, statusOK, "{\n  \"found\": true,\n  \"name\": \"a.\"\n}\n", ""},
		{`{"found": false}`, []string{"-o=json"}, statusFailed, "{\n  \"found\": false\n}\n", ""},
		{"", nil, statusFailed, "", "404 Not Found: the server is an older one, or its setting EnumerationOn is false\n"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/healthz" {
				_, _ = w.Write([]byte("ok\n"))
				return
			}
			if r.URL.RequestURI() != "/v1/lookup?name=web" || tc.body == "" {
				http.NotFound(w, r)
				return
			}
			_, _ = w.Write([]byte(tc.body))
		}))
		got := runWith(t, append([]string{"lookup", "web", "-server", server.URL}, tc.args...)...)
		stderr := ""
		if tc.stderr != "" {
			stderr = "toponym lookup: " + server.URL + ": " + tc.stderr
		}
		if got.status != tc.status || got.stdout != tc.stdout || got.stderr != stderr {
			t.Errorf("%s: got status %d, %q and\n%s\nwant %d, %q and\n%s", tc.body, got.status, got.stderr, got.stdout, tc.status, stderr, tc.stdout)
		}
		server.Close()
	}
	if got := runWith(t, "lookup"); got.status != statusUsage || got.stderr != "toponym lookup: want one name, such as web.marathon.mesos\n" {
		t.Errorf("without a name: got status %d and %q, want 2 and that one is missing", got.status, got.stderr)
	}
}
