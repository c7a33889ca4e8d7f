package server

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/testutil"
	"toponym/state/leader"
)

var update = flag.Bool("update", false, "rewrite docs/metrics.md")

var descText = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: ("(?:[^"\\]|\\.)*"), unit: "[^"]*", constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)

// TestMetricsPage keeps docs/metrics.md in line with what is registered. Write it with:
// go test ./internal/server -run TestMetricsPage -update
func TestMetricsPage(t *testing.T) {
	log, _ := test.NewNullLogger()
	c := config.Defaults()
	c.ZooKeeper.Servers, c.ZooKeeper.Path = []leader.Address{{Host: "127.0.0.1", Port: 1}}, "/mesos"
	c.StateDir = t.TempDir()
	rows := metricRows(t, newTestServer(t, c, log).metrics.registry)
	if len(rows) < 50 {
		t.Fatalf("got %d metrics, want those of all packages", len(rows))
	}
	var b strings.Builder
	b.WriteString("| metric | type | labels | |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		b.WriteString(rows[name])
	}
	const page = "../../docs/metrics.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(text), "| metric |")
	want := head + b.String()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s differs from the metrics; run: go test ./internal/server -run TestMetricsPage -update", page)
	}
}

// Metrics that pages and alerts name are there.
func TestMetricsInTheDocumentationExist(t *testing.T) {
	known, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range testutil.Files(t, "../..", "*.md", "docs/*.md", "deploy/*") {
		for _, name := range regexp.MustCompile(`\btoponym_[a-z0-9_]+`).FindAllString(text, -1) {
			base := strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")
			if !strings.Contains(string(known), "| `"+base+"` |") {
				t.Errorf("%s names %s: got no such metric in docs/metrics.md, want one", file, name)
			}
		}
	}
}

// metricRows returns a row for each metric of Toponym, by its name.
func metricRows(t *testing.T, r *prometheus.Registry) map[string]string {
	t.Helper()
	types := map[string]string{"toponym_upstream_response_seconds": "histogram"} // without a value before a query is forwarded
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		types[f.GetName()] = strings.ToLower(dto.MetricType_name[int32(f.GetType())])
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		r.Describe(descs)
	}()
	rows := map[string]string{}
	for d := range descs {
		m := descText.FindStringSubmatch(d.String())
		if m == nil || !strings.HasPrefix(m[1], "toponym_") {
			continue // those of Go and of the process
		}
		kind := types[m[1]]
		if kind == "" { // it has no value yet
			kind = "gauge"
			if strings.HasSuffix(m[1], "_total") {
				kind = "counter"
			}
		}
		var labels []string
		for _, l := range strings.FieldsFunc(m[3], func(r rune) bool { return r == ',' }) {
			name, _, _ := strings.Cut(l, "=")
			labels = append(labels, "`"+name+"`")
		}
		for _, l := range strings.FieldsFunc(m[4], func(r rune) bool { return r == ',' }) {
			labels = append(labels, "`"+l+"`")
		}
		help := strings.NewReplacer(`\"`, `"`, `\\`, `\`, "|", `\|`).Replace(strings.Trim(m[2], `"`))
		rows[m[1]] = fmt.Sprintf("| `%s` | %s | %s | %s |\n", m[1], kind, strings.Join(labels, ", "), help)
	}
	return rows
}
