package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toponym/compare"
	"toponym/internal/fakemesosdns"
)

// comparedFile is a state with which the two programs are compared.
type comparedFile struct {
	path   string
	data   []byte
	leader string // host:port
}

// comparedStates are the captured states and those of testdata/states.
func comparedStates(t *testing.T) (list []comparedFile) {
	t.Helper()
	captured, err := filepath.Glob("../../testdata/captured/*.json")
	if err != nil || len(captured) < 10 {
		t.Fatalf("got %d captured states (%v), want at least 10", len(captured), err)
	}
	written, err := filepath.Glob("../../testdata/states/*.json")
	if err != nil || len(written) < 8 {
		t.Fatalf("got %d states (%v), want at least 8", len(written), err)
	}
	for _, path := range append(captured, written...) {
		f := comparedFile{path: path}
		if f.data, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		var state struct{ Leader string }
		if err := json.Unmarshal(f.data, &state); err != nil {
			t.Fatal(err)
		}
		_, f.leader, _ = strings.Cut(state.Leader, "@")
		list = append(list, f)
	}
	return list
}

// mesosDNSFiles writes the answer of the stand-in for Mesos-DNS, and a file of settings
// with the same masters.
func mesosDNSFiles(t *testing.T, f comparedFile, more map[string]any, s fakemesosdns.Settings) (axfr, config string) {
	t.Helper()
	s.Listener, s.Masters = "10.0.0.53", []string{f.leader}
	z, err := fakemesosdns.Generate(f.data, s)
	if err != nil {
		t.Fatalf("%s: %v", f.path, err)
	}
	settings := map[string]any{"masters": s.Masters, "listener": s.Listener}
	maps.Copy(settings, more)
	b, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	axfr, config = filepath.Join(dir, "axfr.json"), filepath.Join(dir, "config.json")
	for path, content := range map[string][]byte{axfr: fakemesosdns.AXFR(z, s), config: b} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return axfr, config
}

// reportOf runs toponym compare and returns its report.
func reportOf(t *testing.T, wantStatus int, args ...string) compare.Report {
	t.Helper()
	got := runWith(t, append([]string{"compare", "-o", "json"}, args...)...)
	var r compare.Report
	if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.status != wantStatus {
		t.Fatalf("toponym compare %v: got status %d, %v, want status %d and a report\n%s%s", args, got.status, err, wantStatus, got.stdout, got.stderr)
	}
	return r
}

// summary lists the rows that a report names with how many data each has.
func summary(r compare.Report) []string {
	n := map[string]int{}
	for _, f := range r.Findings {
		for _, d := range f.Data {
			line := cmp.Or(d.Row, "UNEXPLAINED")
			for _, s := range d.Settings {
				line += fmt.Sprintf(" %s=%s", s.Key, s.Value)
			}
			n[line]++
		}
	}
	var lines []string
	for _, line := range slices.Sorted(maps.Keys(n)) {
		lines = append(lines, fmt.Sprintf("  %4d %s", n[line], line))
	}
	return lines
}

// With the settings that restore the answers of Mesos-DNS no difference is left but
// those that no setting removes; with defaults each one has its row and its setting.
func TestAllDifferencesFromMesosDNSAreDocumented(t *testing.T) {
	var b strings.Builder
	for _, f := range comparedStates(t) {
		if _, err := fakemesosdns.Generate(f.data, fakemesosdns.Settings{}); err != nil {
			fmt.Fprintf(&b, "%s: Mesos-DNS rejects it\n", filepath.Base(f.path))
			continue
		}
		for _, with := range []struct {
			name string
			more map[string]any
		}{
			{"defaults", nil},
			{"compat", map[string]any{"IPSources": []string{"netinfo", "mesos", "host"}, "srvScope": "compat"}},
		} {
			axfr, config := mesosDNSFiles(t, f, with.more, fakemesosdns.Settings{})
			r := reportOf(t, statusOK, "-config", config, "-state", f.path, "-mesos-dns", axfr)
			fmt.Fprintf(&b, "%s with %s: %d compared, %d equal\n", filepath.Base(f.path), with.name, r.Compared, r.Equal)
			for _, line := range summary(r) {
				fmt.Fprintln(&b, line)
				if with.name == "compat" && strings.Contains(line, "=") {
					t.Errorf("%s with %s: got %q, want no difference that a setting removes", f.path, with.name, line)
				}
			}
		}
	}
	const golden = "testdata/compared.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("%s (-update writes it): got\n%s\nwant\n%s", golden, b.String(), want)
	}
}

func TestOlderMesosDNS(t *testing.T) {
	f := comparedStates(t)[1]
	compat := map[string]any{"IPSources": []string{"netinfo", "mesos", "host"}, "srvScope": "compat"}
	axfr, config := mesosDNSFiles(t, f, compat, fakemesosdns.Settings{Before010: true})
	args := []string{"-config", config, "-state", f.path, "-mesos-dns", axfr}
	if r := reportOf(t, statusFailed, args...); r.Unexplained == 0 {
		t.Error("taken for 0.10: got no difference without explanation, want some")
	}
	r := reportOf(t, statusOK, append(args, "-mesos-dns-version", "v0.9.1")...)
	if _, found := r.Rows["older-agent-side"]; !found {
		t.Errorf("got the rows %v, want older-agent-side among them", slices.Sorted(maps.Keys(r.Rows)))
	}
}

// standIn is a running stand-in for Mesos-DNS, with the state of a master in a file.
type standIn struct {
	*fakemesosdns.Server
	url    string
	config string
	state  string
}

func newStandIn(t *testing.T, f comparedFile) *standIn {
	t.Helper()
	s := fakemesosdns.Settings{Listener: "10.0.0.53", Masters: []string{f.leader}}
	z, err := fakemesosdns.Generate(f.data, s)
	if err != nil {
		t.Fatal(err)
	}
	_, config := mesosDNSFiles(t, f, nil, s)
	m := &standIn{Server: fakemesosdns.NewServer(s), config: config, state: f.path}
	m.SetZone(z)
	stop, err := m.ListenDNS(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	web := httptest.NewServer(m)
	t.Cleanup(web.Close)
	m.url = web.URL
	return m
}

func (m *standIn) args(more ...string) []string {
	return append([]string{"-config", m.config, "-state", m.state, "-mesos-dns", m.url, "-wait", "1ms"}, more...)
}

func TestCompareARunningMesosDNS(t *testing.T) {
	m := newStandIn(t, comparedStates(t)[1])
	r := reportOf(t, statusOK, m.args()...)
	if r.Version != "0.10.0" || r.Rounds != 1 || r.Tasks == nil || r.Tasks.Both == 0 || r.Tasks.ToponymOnly+r.Tasks.MesosDNSOnly != 0 {
		t.Errorf("got version %q, %d rounds, tasks %+v; want 0.10.0, 1, and all tasks on both sides", r.Version, r.Rounds, r.Tasks)
	}
	if r.DNS == nil || r.DNS.Asked < 50 || len(r.DNS.Findings) != 0 {
		t.Errorf("got %+v over DNS, want many names and the same answers", r.DNS)
	}
	var ttl []string
	for _, s := range r.Settings {
		ttl = append(ttl, s.Key)
	}
	if !slices.Contains(ttl, "ttl") || !slices.Contains(ttl, "IPSources") {
		t.Errorf("got the settings %v, want ttl and IPSources, which have other defaults", ttl)
	}
	if r := reportOf(t, statusOK, m.args("-dns-names", "5")...); r.DNS.Asked != 5 {
		t.Errorf("-dns-names 5: got %d", r.DNS.Asked)
	}
	if r := reportOf(t, statusOK, m.args("-dns-names", "0")...); r.DNS != nil {
		t.Errorf("-dns-names 0: got %+v, want nobody asked", r.DNS)
	}
}

func TestCompareFindsWhatIsNotExplained(t *testing.T) {
	f := comparedStates(t)[1]
	m := newStandIn(t, f)
	z, err := fakemesosdns.Generate(f.data, fakemesosdns.Settings{Listener: "10.0.0.53", Masters: []string{f.leader}})
	if err != nil {
		t.Fatal(err)
	}
	z.As["stray.marathon.mesos."] = []string{"10.9.9.9"}
	m.SetZone(z)
	r := reportOf(t, statusFailed, m.args("-rounds", "2")...)
	if r.Unexplained != 1 || r.Findings[0].Name != "stray.marathon.mesos." || r.Rounds != 2 {
		t.Errorf("got %d unexplained after %d rounds, the first is %+v; want stray.marathon.mesos alone after 2", r.Unexplained, r.Rounds, r.Findings[0])
	}
	got := runWith(t, append([]string{"compare"}, m.args("-rounds", "1")...)...)
	if got.status != statusFailed || !strings.Contains(got.stdout, "Without explanation") || !strings.Contains(got.stdout, "- 10.9.9.9") {
		t.Errorf("got status %d, want 1 and the stray record\n%s", got.status, got.stdout)
	}
	if got := runWith(t, append([]string{"compare", "-o", "html"}, m.args("-rounds", "1")...)...); !strings.Contains(got.stdout, "<!DOCTYPE html>") || !strings.Contains(got.stdout, "stray.marathon.mesos.") {
		t.Errorf("-o html: got no page with the stray record\n%s", got.stdout)
	}
}

// A record that is there the first time only is a change of the cluster.
func TestCompareReadsAgainWhatChanges(t *testing.T) {
	f := comparedStates(t)[1]
	m := newStandIn(t, f)
	zone := func() *fakemesosdns.Zone {
		z, err := fakemesosdns.Generate(f.data, fakemesosdns.Settings{Listener: "10.0.0.53", Masters: []string{f.leader}})
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	changing := zone()
	changing.As["stray.marathon.mesos."] = []string{"10.9.9.9"}
	m.SetZone(changing)
	asked := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.Server.ServeHTTP(w, r)
		if r.URL.Path == "/v1/axfr" {
			asked++
			m.SetZone(zone())
		}
	}))
	defer web.Close()
	m.url = web.URL
	r := reportOf(t, statusOK, m.args()...)
	if r.Rounds != 2 || r.Changed != 1 || asked != 2 {
		t.Errorf("got %d rounds, %d changed, %d requests; want 2, 1 and 2", r.Rounds, r.Changed, asked)
	}
}

func TestCompareSaysWhatIsWrong(t *testing.T) {
	f := comparedStates(t)[1]
	m := newStandIn(t, f)
	handle := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	endless := handle(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"Records": {"As": {"x": ["1"`))
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat(`,"10.0.0.1"`, 1000))); err != nil {
				return
			}
		}
	})
	other := handle(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"Domain": "other", "Records": {}}`))
	})
	page := handle(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	gone := handle(http.NotFound)
	base := []string{"-config", m.config, "-state", m.state, "-mesos-dns"}
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no Mesos-DNS":      {[]string{"-config", m.config}, statusUsage, "-mesos-dns is missing"},
		"no URL":            {append(base, "nothing here"), statusFailed, "neither a URL nor a file"},
		"rounds":            {append(base, m.url, "-rounds", "0"), statusUsage, "-rounds"},
		"dns names":         {append(base, m.url, "-dns-names", "-1"), statusUsage, "-dns-names"},
		"wait":              {append(base, m.url, "-wait", "-1s"), statusUsage, "-wait"},
		"form":              {append(base, m.url, "-o", "xml"), statusUsage, `"xml" is none of`},
		"no server":         {append(base, "http://127.0.0.1:1"), statusFailed, "Mesos-DNS does not answer"},
		"too much":          {append(base, endless), statusFailed, "the answer"},
		"another domain":    {append(base, other), statusFailed, "domain \"other\""},
		"a page":            {append(base, page), statusFailed, "no answer of /v1/axfr"},
		"404":               {append(base, gone), statusFailed, "EnumerationOn"},
		"no DNS":            {append(base, m.url, "-dns", "127.0.0.1:1"), statusFailed, "over DNS"},
		"no DNS address":    {append(base, m.url, "-dns", "x"), statusFailed, "host:port"},
		"no state":          {[]string{"-config", m.config, "-state", "/nonexistent", "-mesos-dns", m.url}, statusFailed, "no such file"},
		"no state in there": {[]string{"-config", m.config, "-state", m.config, "-mesos-dns", m.url}, statusFailed, "names no leader"},
		"no settings":       {[]string{"-config", "/nonexistent", "-mesos-dns", m.url}, statusFailed, "no such file"},
		"no master":         {[]string{"-config", writeConfig(t, `{"masters": ["127.0.0.1:1"]}`), "-mesos-dns", m.url}, statusFailed, "no master sent its state"},
	} {
		t.Run(name, func(t *testing.T) {
			got := runWith(t, append([]string{"compare", "-wait", "1ms"}, c.args...)...)
			if got.status != c.status || !strings.Contains(got.stdout+got.stderr, c.want) {
				t.Errorf("got status %d, want %d and %q\n%s%s", got.status, c.status, c.want, got.stdout, got.stderr)
			}
		})
	}
}

func TestVersionsOfMesosDNS(t *testing.T) {
	for version, want := range map[string]bool{
		"v0.6.0": true, "0.9.1": true, "0.9": true, "0.9-dev": true, "0.10.0": false, "v0.10": false, "1.0": false, "dev": false, "": false, "0.99999.1": false,
	} {
		if got := before010(version); got != want {
			t.Errorf("%q: got %v, want %v", version, got, want)
		}
	}
}
