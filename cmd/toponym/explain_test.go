package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sirupsen/logrus/hooks/test"

	"toponym/api"
	"toponym/config"
	"toponym/internal/testutil"
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
			_ = json.NewEncoder(w).Encode(api.Explanation{Answer: api.AnswerRecords, Explanation: records.Explanation{Name: "web.marathon.mesos.", TTL: new(uint32(5)),
				Records: []records.ExplainedRecord{{Type: "A", Data: "10.0.0.1", Owners: []records.ExplainedOwner{web, {Kind: "agent", Agent: "a-S1"}}}},
				Omitted: []records.ExplainedOmission{{ExplainedOwner: web, Label: "DNS_TTL", Value: "x", Reason: "not a number"},
					{ExplainedOwner: web, Type: "A", Data: "10.0.0.2", Reason: "it is unhealthy"}, {ExplainedOwner: web, Value: "_x", Reason: "too long"}},
			}})
		}
	}))
	defer server.Close()

	for _, args := range [][]string{
		{"web.marathon.mesos", "-server", server.URL}, {"--server=" + server.URL + "/", "web.marathon.mesos"},
	} {
		got := runWith(t, append([]string{"explain"}, args...)...)
		want := `web.marathon.mesos.
  TTL 5, set by a label
  A 10.0.0.1
      task web (web.1) of framework "mara\x1b[31mthon" (f-0) on agent a-S0; from netinfo
      agent a-S1
  omitted:
      A 10.0.0.2 of task web (web.1) of framework "mara\x1b[31mthon" (f-0) on agent a-S0: it is unhealthy
      name "_x" of task web (web.1) of framework "mara\x1b[31mthon" (f-0) on agent a-S0: too long
  ignored labels:
      DNS_TTL="x" of task web (web.1) of framework "mara\x1b[31mthon" (f-0) on agent a-S0: not a number
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
		{nil, statusUsage, "want one name"},
		{[]string{""}, statusUsage, "want one name"},
		{[]string{"a", "b"}, statusUsage, "want one name"},
		{[]string{"a", "-server", "http://127.0.0.1:1"}, statusFailed, "no server answers at http://127.0.0.1:1"},
		{[]string{"a", "-colour"}, statusUsage, "-colour"},
		{[]string{"-help"}, statusOK, "-server"},
		{[]string{"bad..name", "-server", server.URL}, statusFailed, "no name"},
		{[]string{"gone", "-server", server.URL}, statusFailed, "404"},
		{[]string{"html", "-server", server.URL}, statusFailed, "does not come from Toponym"},
		{[]string{"a", "-server", ":8123"}, statusFailed, "is not a URL"},
	} {
		got := runWith(t, append([]string{"explain"}, tc.args...)...)
		if got.status != tc.status || !strings.Contains(got.stderr, tc.stderr) {
			t.Errorf("%v: status %d: %s", tc.args, got.status, got.stderr)
		}
	}
}

// A short name that is forwarded and stands for nothing is missing. Of other forwarded
// names only similar ones are told.
func TestExplainOfForwardedNames(t *testing.T) {
	for _, tc := range []struct {
		lookup string
		status int
		end    string
	}{
		{`{"found": false, "near": ["nginx.marathon.mesos."]}`, statusFailed, "did you mean: nginx.marathon.mesos.\n"},
		{`{"found": true, "near": ["nginx.marathon.mesos."]}`, statusOK, "did you mean: nginx.marathon.mesos.\n"},
		{`{"found": true, "name": "ngnix.", "completions": ["ngnix.marathon.mesos."]}`, statusOK, "ngnix. is short for: ngnix.marathon.mesos.\n"},
		{`{"found": true}`, statusOK, ""},
		{"", statusOK, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/v1/explain/ngnix":
				_ = json.NewEncoder(w).Encode(api.Explanation{Answer: api.AnswerForwarded, Explanation: records.Explanation{Name: "ngnix."}})
			case r.URL.Path == "/v1/lookup" && tc.lookup != "":
				_, _ = w.Write([]byte(tc.lookup))
			default:
				http.NotFound(w, r)
			}
		}))
		want := "ngnix.\n  is in none of the server's zones and is forwarded\n" + tc.end
		if got := runWith(t, "explain", "ngnix", "-server", server.URL); got.status != tc.status || got.stdout != want {
			t.Errorf("%s: got status %d and\n%s%s\nwant %d and\n%s", tc.lookup, got.status, got.stdout, got.stderr, tc.status, want)
		}
		if got := runWith(t, "explain", "ngnix", "-o", "json", "-server", server.URL); got.status != tc.status {
			t.Errorf("%s: got status %d with -o json, want %d", tc.lookup, got.status, tc.status)
		}
		server.Close()
	}
}

// Whatever a name gives is explained, also where it is not the cluster's.
func TestExplainEveryName(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db.zone")
	write(t, file, `
db.marathon.mesos.   60 A   10.20.0.5
web.marathon.mesos.  60 A   10.20.0.6
spartan.             60 SOA ns1.mesos. root.ns1.mesos. 1 60 600 86400 60
spartan.             60 NS  ns1.mesos.
`)
	master := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/master/state" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintf(w, `{
			"id": "m", "pid": "master@%[1]s", "leader": "master@%[1]s", "elected_time": 1700000000,
			"slaves": [{"id": "x-S0", "pid": "slave(1)@10.0.0.2:5051", "hostname": "10.0.0.2"}],
			"frameworks": [{"id": "f", "name": "marathon", "active": true, "tasks": [{
				"id": "web.1", "name": "web", "framework_id": "f", "slave_id": "x-S0", "state": "TASK_RUNNING",
				"statuses": [{"state": "TASK_RUNNING", "timestamp": 1700000000,
					"container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "192.168.0.1"}]}]}}]
			}]}]
		}`, r.Host)
	}))
	defer master.Close()
	at := netip.MustParseAddrPort(master.Listener.Addr().String())
	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: at.Addr().String(), Port: at.Port()}}
	c.StateSource, c.StaticZones = config.StatePoll, []string{file}
	c.DNSOn = false
	c.HTTPListener, c.HTTPPort = netip.MustParseAddr("127.0.0.1"), 0
	log, _ := test.NewNullLogger()
	server := serving(t, c, log)
	testutil.Eventually(t, func() bool { return server.Zone().Ready() }, "no state was read")
	serial := func(origin string) string {
		n, ok := server.Zone().Serial(records.MustParseName(origin))
		if !ok {
			t.Fatalf("%s has no serial", origin)
		}
		return fmt.Sprint(n)
	}
	serials := strings.NewReplacer("SERIAL-OF-MESOS", serial("mesos"), "SERIAL-OF-SPARTAN", serial("spartan"))

	const owner = "      task web (web.1) of framework marathon (f) on agent x-S0: running, since 2023-11-14T22:13:20Z; from auto, which is netinfo here\n"
	const zones = "      the server's zones: dcos.thisdcos.directory., mesos., mesos.thisdcos.directory., spartan., thisdcos.global.\n"
	web := "  A 192.168.0.1\n" + owner + "  A 10.20.0.6\n      a file of staticZones\n"
	for _, tc := range []struct{ name, want string }{
		{"WEB.marathon.mesos.", "web.marathon.mesos.\n" + web},
		{"web.marathon.mesos.thisdcos.directory", "web.marathon.mesos.thisdcos.directory.\n  is answered as web.marathon.mesos., through an alias\n" + web},
		{"web.marathon.autoip.dcos.thisdcos.global", "web.marathon.autoip.dcos.thisdcos.global.\n" +
			"  is answered as web.marathon.autoip.dcos.thisdcos.directory., through an alias\n  A 192.168.0.1\n" + owner},
		{"no.marathon.mesos.thisdcos.directory", "no.marathon.mesos.thisdcos.directory.\n" +
			"  is answered as no.marathon.mesos., through an alias\n  does not exist (NXDOMAIN)\n"},
		{"db.marathon.mesos", "db.marathon.mesos.\n  A 10.20.0.5\n      a file of staticZones\n"},
		{"spartan", "spartan.\n  SOA ns1.mesos. root.ns1.mesos. SERIAL-OF-SPARTAN 60 600 86400 60\n      a file of staticZones\n  NS ns1.mesos.\n      a file of staticZones\n"},
		{"mesos", "mesos.\n  SOA ns1.mesos. root.ns1.mesos. SERIAL-OF-MESOS 60 600 86400 10\n      the zone itself\n  NS ns1.mesos.\n      the zone itself\n"},
		{"slave.mesos", "slave.mesos.\n  A 10.0.0.2\n      agent x-S0; from host\n"},
		{"marathon.slave.mesos", "marathon.slave.mesos.\n  has no records; it exists because names below it do\n"},
		{"no.mesos", "no.mesos.\n  does not exist (NXDOMAIN)\ndid you mean: ns1.mesos.\n"},
		{".", ".\n  is in none of the server's zones and is not forwarded (REFUSED)\n" + zones},
		{"web.example.com", "web.example.com.\n  is in none of the server's zones and is not forwarded (REFUSED)\n" + zones},
		{"web", "web.\n  is in none of the server's zones and is not forwarded (REFUSED)\n" + zones + "web. is short for: web.marathon.mesos.\n"},
		{"/web", "/web.\n  is in none of the server's zones and is not forwarded (REFUSED)\n" + zones + "did you mean: web.marathon.mesos.\n"},
		{"http://web:80/", "http://web:80/.\n  is in none of the server's zones and is not forwarded (REFUSED)\n" + zones + "did you mean: web.marathon.mesos.\n"},
		{"10.0.0.2", "2.0.0.10.in-addr.arpa.\n  is in none of the server's zones and is not forwarded (REFUSED)\n" + zones +
			"10.0.0.2 is an address of: slave.mesos., 10-0-0-2.agent.mesos., web-e844k-s0.marathon.slave.mesos., web.marathon.slave.mesos., " +
			"web.marathon.agentip.dcos.thisdcos.directory.\nthe cluster has no PTR records: the setting ReverseDnsOn is false\n"},
		{"wbe.marathon.mesos", "wbe.marathon.mesos.\n  does not exist (NXDOMAIN)\ndid you mean: web.marathon.mesos., db.marathon.mesos.\n"},
	} {
		got := runWith(t, "explain", tc.name, "-server", "http://"+server.HTTPAddr().String())
		status := statusOK
		if strings.Contains(tc.want, "NXDOMAIN") {
			status = statusFailed
		}
		if want := serials.Replace(tc.want); got.status != status || got.stdout != want {
			t.Errorf("%s: got status %d and\n%s%s\nwant status %d and\n%s", tc.name, got.status, got.stdout, got.stderr, status, want)
		}
	}
}
