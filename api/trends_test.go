package api

import (
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

func trendsServer(t *Trends, access ...Access) *Server {
	o := testOptions(testSnapshot())
	o.Status = func() Status { return testStatus() }
	o.Trends = func() Trends { return *t }
	o.Access = access
	return New(o)
}

// testTrends are n samples, the last of which is at a time.
func testTrends(n int, last time.Time) *Trends {
	t := &Trends{Interval: Seconds(10 * time.Second)}
	for i := range n {
		share, memory := 0.75, uint64(40<<20+i<<10)
		one := Trend{
			Time: last.Add(-time.Duration(n-1-i) * 10 * time.Second), Queries: map[string]float64{"NOERROR": float64(1000 + i%7), "NXDOMAIN": 3, "BADVERS": 0.1, "NOTIMP": 0.2},
			Changes: 0.5, Memory: &memory,
		}
		if i%50 != 3 {
			one.CacheHits, one.Latency = &share, &TrendLatency{P50: 0.000012, P90: 0.00003, P99: 0.0012}
		}
		t.Samples = append(t.Samples, one)
	}
	return t
}

func TestTrendsHaveTheDocumentedForm(t *testing.T) {
	at := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	w := get(trendsServer(testTrends(5, at)), "/v1/status/trends")
	if w.Code != http.StatusOK {
		t.Fatalf("got status %d, want 200", w.Code)
	}
	golden(t, "trends.json", w.Body.Bytes())
	if got := get(trendsServer(&Trends{}), "/v1/status/trends").Body.String(); !strings.Contains(got, `"samples": []`) {
		t.Errorf("got %s before the first sample, want an empty list", got)
	}
	if code := get(testServer(), "/v1/status/trends").Code; code != http.StatusNotFound {
		t.Errorf("got status %d without a function, want 404", code)
	}
}

// Who may not read the status learns nothing of the load either, also on the overview.
func TestTrendsAreAsOpenAsTheStatus(t *testing.T) {
	trends := testTrends(5, time.Now())
	for _, path := range []string{"/v1/status", "/v1/status/trends"} {
		s := trendsServer(trends, Access{Path: path, Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}})
		if code := get(s, "/v1/status/trends").Code; code != http.StatusForbidden {
			t.Errorf("a rule for %s: got status %d, want 403", path, code)
		}
		if body := get(s, "/").Body.String(); strings.Contains(body, "Last hour") || strings.Contains(body, "trends") {
			t.Errorf("a rule for %s: got an overview with plots, want one without", path)
		}
	}
}

var (
	plotTag  = regexp.MustCompile(`<svg[^>]*class="plot"`)
	tableRow = regexp.MustCompile(`(?s)</svg> ([^<]*)</th><td>([^<]*)</td><td>([^<]*)</td><td>([^<]*)</td>`)
)

func TestOverviewHasPlotsWithTheirFiguresInTables(t *testing.T) {
	body := get(trendsServer(testTrends(361, time.Now())), "/").Body.String()
	if got := len(plotTag.FindAllString(body, -1)); got != len(plotKinds) {
		t.Errorf("got %d plots, want %d", got, len(plotKinds))
	}
	if strings.Contains(body, "style=") {
		t.Error("got a style attribute, which the policy of the page forbids")
	}
	want := map[string][3]string{
		"NOERROR":       {"1 k", "1 k", "1 k"},
		"NXDOMAIN":      {"3", "3", "3"},
		"others":        {"0.3", "0.3", "0.3"},
		"50 % within":   {"12 µs", "12 µs", "12 µs"},
		"99 % within":   {"1.2 ms", "1.2 ms", "1.2 ms"},
		"changed names": {"0.5", "0.5", "0.5"},
		"cache hits":    {"75 %", "75 %", "75 %"},
		"memory":        {"40.4 MiB", "40.2 MiB", "40.4 MiB"},
	}
	got := map[string][3]string{}
	for _, m := range tableRow.FindAllStringSubmatch(body, -1) {
		got[m[1]] = [3]string{m[2], m[3], m[4]}
	}
	for name, figures := range want {
		if got[name] != figures {
			t.Errorf("%s: got %v, want %v", name, got[name], figures)
		}
	}
	if got["SERVFAIL"] != [3]string{} {
		t.Errorf("got a row for SERVFAIL, which never was")
	}
	if len(body) > 128<<10 {
		t.Errorf("got a page of %d bytes, want at most 128 KiB: it is read every few seconds", len(body))
	}
	if body := get(trendsServer(&Trends{}), "/").Body.String(); !strings.Contains(body, "The first figures come") {
		t.Error("got no text in the place of plots before the first sample")
	}
}

// However often pages are read, plots are drawn once for each sample.
func TestPlotsAreDrawnOnceForEachSample(t *testing.T) {
	var p plots
	at := time.Now()
	first, err := p.draw(*testTrends(10, at))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := p.draw(*testTrends(10, at))
	if &first[0] != &again[0] {
		t.Error("got plots that were drawn again, want the same ones")
	}
	if next, _ := p.draw(*testTrends(10, at.Add(10*time.Second))); &next[0] == &first[0] {
		t.Error("got old plots after a sample, want new ones")
	}
}

func TestFiguresAreReadable(t *testing.T) {
	for _, c := range []struct {
		format func(float64) string
		value  float64
		want   string
	}{
		{numberText, 0, "0"}, {numberText, 0.25, "0.25"}, {numberText, 12, "12"}, {numberText, 12.34, "12.3"}, {numberText, 1234567, "1.2 M"}, {numberText, 50000, "50 k"}, {numberText, 100, "100"},
		{secondsText, 0, "0"}, {secondsText, 4e-6, "4 µs"}, {secondsText, 0.0125, "12.5 ms"}, {secondsText, 2, "2 s"},
		{percentText, 100, "100 %"}, {memoryText, 20 << 20, "20 MiB"},
	} {
		if got := c.format(c.value); got != c.want {
			t.Errorf("%v: got %q, want %q", c.value, got, c.want)
		}
	}
}
