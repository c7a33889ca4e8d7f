package compare

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// exampleReport has findings of all kinds, and texts of a Mesos-DNS that wants to
// harm the reader.
func exampleReport(t *testing.T) *Report {
	t.Helper()
	in := Input{
		Domain: "mesos.",
		Toponym: parseRecords(t, "web.marathon.mesos. A 10.0.0.1\n_web._tcp.marathon.mesos. SRV web-abcde-s0.marathon.slave.mesos.:31000\n"+
			"_master._tcp.mesos. SRV master0.mesos.:5050\nequal.marathon.mesos. A 10.0.0.3"),
		MesosDNS: parseRecords(t, "web.marathon.mesos. A 172.17.0.2\n_web._tcp.marathon.mesos. SRV web-abcde-s0.marathon.mesos.:80\n"+
			"equal.marathon.mesos. A 10.0.0.3\nevil.mesos. A \x1b[31m<script>alert(1)</script>"),
	}
	d, n := Diff(in.Toponym, in.MesosDNS)
	r := &Report{
		Domain: "mesos", Master: "10.0.0.1:5050", MesosDNS: "http://10.0.0.2:8123", Version: "0.10.0", Rounds: 2, Counts: n, Changed: 1,
		Findings: Explain(d, in, func(yield func(Alternative) bool) {
			_ = yield(Alternative{Settings: []Setting{{"IPSources", `["netinfo"]`}}, Records: parseRecords(t, "web.marathon.mesos. A 172.17.0.2\n_web._tcp.marathon.mesos. SRV web-abcde-s0.marathon.slave.mesos.:31000")}) &&
				yield(Alternative{Settings: []Setting{{"srvScope", `"compat"`}}, Records: parseRecords(t, "_web._tcp.marathon.mesos. SRV web-abcde-s0.marathon.mesos.:80")})
		}),
		Settings: []SettingDifference{{"ttl", "10", "60"}},
		Tasks:    &TaskCounts{Both: 3, MesosDNSOnly: 1},
		DNS: &DNSResult{Server: "10.0.0.2:53", Asked: 4, Findings: []DNSFinding{
			{Key: Key{"web.marathon.mesos.", "A"}, Listed: []string{"172.17.0.2"}, Rcode: "NXDOMAIN"},
			{Key: Key{"Web.marathon.mesos.", "A"}, Listed: []string{"172.17.0.2"}, Rcode: "NXDOMAIN", Row: "raw-names"},
		}},
	}
	r.Complete()
	return r
}

func TestReports(t *testing.T) {
	r := exampleReport(t)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report.txt":  func(b *bytes.Buffer) error { return r.WriteText(b, false) },
		"report.json": func(b *bytes.Buffer) error { return r.WriteJSON(b) },
		"report.html": func(b *bytes.Buffer) error { return r.WriteHTML(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s (-update writes it): got\n%s\nwant\n%s", name, b.String(), want)
		}
	}
}

func TestReportsAreHarmless(t *testing.T) {
	r := exampleReport(t)
	var text, page, object bytes.Buffer
	for _, err := range []error{r.WriteText(&text, true), r.WriteHTML(&page), r.WriteJSON(&object)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(text.String(), "\x1b") {
		t.Errorf("got an escape sequence in the text, want none:\n%q", text.String())
	}
	for _, bad := range []string{"<script", "src=", "href=", "url(", "@import"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("got %s in the page, want neither scripts nor requests", bad)
		}
	}
	if !strings.Contains(page.String(), "&lt;script&gt;") {
		t.Error("got no escaped script in the page, want the datum that is one")
	}
	var back Report
	if err := json.Unmarshal(object.Bytes(), &back); err != nil || back.Unexplained != r.Unexplained || back.Unexplained != 2 {
		t.Errorf("got %v and %d unexplained, want the 2 of the report: one record, and one answer over DNS", err, back.Unexplained)
	}
}

func TestTheTextReportShowsExamples(t *testing.T) {
	r := &Report{}
	for i := range 10 {
		r.Findings = append(r.Findings, Finding{Key{strconv.Itoa(i) + ".b.network.mesos.", "A"}, Documented, []Datum{{Toponym, "10.0.0.1", "additional-names", nil}}})
		r.Findings = append(r.Findings, Finding{Key{"c.mesos.", "A"}, Documented, []Datum{{Toponym, "10.0.0.1", "master-srv", nil}}})
	}
	r.Complete()
	var short, long strings.Builder
	_, _ = r.WriteText(&short, false), r.WriteText(&long, true)
	if got := strings.Count(short.String(), ".b.network"); got != examples {
		t.Errorf("got %d names, want %d", got, examples)
	}
	if got := strings.Count(long.String(), ".b.network"); got != 10 {
		t.Errorf("with -all: got %d names, want 10", got)
	}
}
