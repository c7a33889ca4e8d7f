//go:build e2e

package e2e_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const (
	secondaryKey     = "secondary.example"
	secondarySecret  = "ZG8gbm90IHVzZSB0aGlzIG91dHNpZGUgb2YgdGVzdHM="
	secondaryCatalog = "catalog.example"
)

// secondaryDigKey signs a query of dig.
const secondaryDigKey = "hmac-sha256:" + secondaryKey + ":" + secondarySecret

// secondarySettings allow transfers with the key, and from addresses of this machine
// for servers that cannot sign.
func secondarySettings(t *testing.T, more settings) settings {
	t.Helper()
	all := settings{
		"tsigKeys":      map[string]any{secondaryKey: map[string]any{"secret": secondarySecret}},
		"transferAllow": []string{"key:" + secondaryKey},
		"catalogZone":   secondaryCatalog,
		"ReverseDnsOn":  true,
		"staticZones":   []string{writeFile(t, "external.zone", externalTransferZone)},
		"stateDir":      filepath.Join(t.TempDir(), "state"),
	}
	for k, v := range more {
		all[k] = v
	}
	return all
}

const externalTransferZone = `$ORIGIN external.example.
$TTL 300
@   SOA ns1.mesos. root.mesos. 1 60 60 600 60
@   NS  ns1.mesos.
@   MX  10 mail
www A   192.0.2.80
www AAAA 2001:db8::80
txt TXT "hello world" "with \"quotes\""
web CNAME www
`

// secondaryKind is a name server that takes the zones from Toponym.
type secondaryKind struct {
	kind     string
	program  string
	packages string
	signs    bool
	catalog  bool
	command  func(dir, conf string) []string
}

var secondaryKinds = []secondaryKind{
	{"knot", "knotd", "knot", true, true, func(_, conf string) []string { return []string{"knotd", "-c", conf} }},
	{"nsd", "nsd", "nsd", true, false, func(_, conf string) []string { return []string{"nsd", "-d", "-u", "root", "-c", conf} }},
	{"bind", "named", "bind9", true, true, func(_, conf string) []string { return []string{"named", "-g", "-c", conf} }},
	{"unbound", "unbound", "unbound", false, false, func(_, conf string) []string { return []string{"unbound", "-d", "-c", conf} }},
	{"powerdns", "pdns_server", "pdns-server pdns-backend-sqlite3 sqlite3", true, false, func(dir, _ string) []string {
		return []string{"pdns_server", "--config-dir=" + dir, "--guardian=no", "--daemon=no"}
	}},
	{"yadifa", "yadifad", "yadifa", true, false, func(_, conf string) []string { return []string{"yadifad", "-c", conf} }},
}

// secondaryServer is a secondary that runs.
type secondaryServer struct {
	secondaryKind
	*process
	port int
}

// configure writes what "toponym secondary" prints into a directory, and returns
// the path.
func (k secondaryKind) configure(t *testing.T, s *server, config, dir string, port int) string {
	t.Helper()
	args := []string{"secondary", k.kind, "-config", config, "-primary", s.addr(), "-listen", local(port), "-dir", dir}
	if k.signs {
		// So that the test may transfer the zones from it. Nobody listens there.
		args = append(args, "-downstream", "127.0.0.1:9")
	}
	r := run(t, toponym, args...)
	if r.status != 0 {
		t.Fatalf("toponym %s: exit status %d\n%s", strings.Join(args, " "), r.status, r)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { // nothing below it is needed
		t.Fatal(err)
	}
	text := r.stdout
	if k.kind == "unbound" {
		text += "server:\n    username: \"\"\n" // a change of the user would undo Pdeathsig
	}
	conf := filepath.Join(dir, "conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if k.kind == "powerdns" {
		if r := run(t, "sh", conf); r.status != 0 {
			t.Fatalf("%s:\n%s", conf, r)
		}
	}
	return conf
}

// soa returns the serial that a server has of a zone, 0 for none.
func soa(t *testing.T, port int, zone string) uint32 {
	t.Helper()
	r := run(t, "dig", "-r", "@127.0.0.1", "-p", strconv.Itoa(port), "+norec", "+short", "+tries=1", "+time=2", "SOA", zone)
	if f := strings.Fields(r.stdout); r.status == 0 && len(f) == 7 {
		if n, err := strconv.ParseUint(f[2], 10, 32); err == nil {
			return uint32(n)
		}
	}
	return 0
}

// transferred are the records of a zone as a server transfers them, sorted.
func transferred(t *testing.T, port int, zone string) []string {
	t.Helper()
	r := run(t, "dig", "-r", "@127.0.0.1", "-p", strconv.Itoa(port), "-y", secondaryDigKey, "+onesoa", "+noall", "+answer", "+tries=1", "+time=60", "AXFR", zone)
	var lines []string
	for line := range strings.Lines(r.stdout) {
		if f := strings.Fields(line); len(f) > 4 && f[3] != "TSIG" {
			lines = append(lines, strings.Join(f, " "))
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// zonesOf are the zones that a server lists in its catalog.
func zonesOf(t *testing.T, s *server) (zones []string) {
	t.Helper()
	for _, line := range transferred(t, s.port, secondaryCatalog) {
		if f := strings.Fields(line); f[3] == "PTR" {
			zones = append(zones, f[4])
		}
	}
	if len(zones) < 5 {
		t.Fatalf("got the zones %v in the catalog, want those of the domain, address trees, reverse names, aliases and zone files", zones)
	}
	return zones
}

// differ returns a line that one of two lists has and the other has not, "" for
// none.
func differ(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			return fmt.Sprintf("got %d lines, lacks %q", len(got), want[i])
		case i >= len(want):
			return fmt.Sprintf("got %d lines, has %q", len(got), got[i])
		case got[i] != want[i]:
			return fmt.Sprintf("got %q, want %q", got[i], want[i])
		}
	}
	return ""
}

// changesFor is how long tasks change, a thousand times a second.
const changesFor = time.Minute

// The DNS servers that people run carry the zones, set up by what "toponym
// secondary" prints: all zones, the same records, also while a thousand tasks
// change a second, and over a restart of the primary.
func TestSecondariesCarryTheZones(t *testing.T) {
	t.Parallel()
	var kinds []secondaryKind
	require(t, "dig")
	for _, k := range secondaryKinds {
		if _, err := exec.LookPath(k.program); err == nil {
			kinds = append(kinds, k)
		} else {
			t.Run(k.kind, func(t *testing.T) { requireTool(t, k.program, k.packages) })
		}
	}
	sim := simulate(t, "-tasks", "1000", "-churn", "1000/s")
	s := &server{port: freePort(t), url: "http://" + local(freePort(t))}
	var notify []string
	ports := map[string]int{}
	for _, k := range kinds {
		ports[k.kind] = freePort(t)
		target := local(ports[k.kind])
		if k.signs {
			target += " key:" + secondaryKey
		}
		notify = append(notify, target)
	}
	config := configFile(t, &master{addr: sim.masters[0]}, s, secondarySettings(t, settings{
		"transferAllow": []string{"key:" + secondaryKey, "127.0.0.1/32"}, "notify": notify, "transferMax": 50,
		"snapshotSeconds": 1, "stateSource": "stream",
	}))
	s.process = start(t, toponym, "-config", config)
	s.waitReady(t)

	var all []*secondaryServer
	for _, k := range kinds {
		dir := t.TempDir()
		conf := k.configure(t, s, config, dir, ports[k.kind])
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		command := k.command(dir, conf)
		program, _ := exec.LookPath(command[0])
		all = append(all, &secondaryServer{k, start(t, program, command[1:]...), ports[k.kind]})
	}
	zones := zonesOf(t, s)
	for _, x := range all {
		for _, zone := range zones {
			eventually(t, fmt.Sprintf("%s has the zone %s", x.kind, zone), func() (bool, string) {
				if !x.running() {
					t.Fatalf("%s has exited", x.kind)
				}
				return soa(t, x.port, zone) != 0, "no SOA record"
			})
		}
	}

	time.Sleep(changesFor)
	sim.do(t, `{"do": "churn"}`)
	quietIndex(t, s) // on a busy machine the primary may be behind the cluster
	stopped := time.Now()
	for _, x := range all {
		eventually(t, x.kind+" has the last version of the domain", func() (bool, string) {
			got, want := soa(t, x.port, "mesos."), soa(t, s.port, "mesos.")
			return got == want, fmt.Sprintf("serial %d instead of %d", got, want)
		})
		// Those that are not reminded take a minute and more, until they ask by themselves.
		t.Logf("%s: %v after the last change", x.kind, time.Since(stopped).Round(10*time.Millisecond))
	}
	wantSameZones(t, s, all, zones)

	// A restart costs nobody a transfer, and secondaries answer meanwhile.
	eventually(t, "the last version is on disk", func() (bool, string) {
		status, body, err := s.get("/v1/status")
		return err == nil && status == http.StatusOK && !strings.Contains(body, `"snapshot":null`), body
	})
	time.Sleep(3 * time.Second) // snapshots are written once a second
	before := map[string]uint32{}
	for _, zone := range zones {
		before[zone] = soa(t, s.port, zone)
	}
	s.kill(t)
	for _, x := range all {
		if got := soa(t, x.port, "mesos."); got != before["mesos."] {
			t.Errorf("%s while the primary is away: got serial %d, want %d", x.kind, got, before["mesos."])
		}
	}
	s.process = start(t, toponym, "-config", config)
	s.waitReady(t)
	for _, zone := range zones {
		if got := soa(t, s.port, zone); got != before[zone] {
			t.Errorf("%s after a restart: got serial %d, want %d, that of the same content", zone, got, before[zone])
		}
	}
	eventually(t, "the secondaries have asked", func() (bool, string) {
		n := s.counter(t, `toponym_notify_acknowledged_total`)
		return n >= 1, fmt.Sprint(n)
	})
	if n := s.counter(t, `toponym_transfer_total\{kind="(?:axfr|fallback)",result="sent"\}`); n != 0 {
		t.Errorf("full transfers after a restart with the same content: got %v, want none", n)
	}
	wantSameZones(t, s, all, zones)
}

// wantSameZones compares what each secondary transfers with what the server does.
// Unbound transfers nothing: it is asked for names.
func wantSameZones(t *testing.T, s *server, all []*secondaryServer, zones []string) {
	t.Helper()
	for _, zone := range zones {
		want := transferred(t, s.port, zone)
		if len(want) < 2 {
			t.Fatalf("%s: got %v from the primary, want a zone", zone, want)
		}
		for _, x := range all {
			if !x.signs {
				x.wantAnswers(t, zone, want)
				continue
			}
			eventually(t, fmt.Sprintf("%s has the same %s", x.kind, zone), func() (bool, string) {
				d := differ(transferred(t, x.port, zone), want)
				return d == "", d
			})
		}
	}
}

// maxAsked is how many names of a zone a server is asked for.
const maxAsked = 300

// wantAnswers asks for the records of a zone one by one.
func (x *secondaryServer) wantAnswers(t *testing.T, zone string, lines []string) {
	t.Helper()
	sets := map[string][]string{}
	for _, line := range lines {
		f := strings.Fields(line)
		question := f[0] + " " + f[3]
		sets[question] = append(sets[question], strings.Join(f[4:], " "))
	}
	var questions []string
	for q := range sets {
		// NS records of other zones below are answered from those.
		if f := strings.Fields(q); f[1] != "NS" && f[1] != "SOA" && f[1] != "DNAME" {
			questions = append(questions, q)
		}
	}
	slices.SortFunc(questions, cmp.Compare)
	questions = questions[:min(len(questions), maxAsked)]
	if len(questions) == 0 {
		return
	}
	for i, got := range askMany(t, x.port, questions, "+bufsize=4096") {
		want := sets[questions[i]]
		if found := data(got.answer); !slices.Equal(sorted(found), sorted(want)) {
			t.Errorf("%s: %s in %s: got %v, want %v", x.kind, questions[i], zone, found, want)
		}
	}
}

// counter sums up the values of a metric, given as an expression for its name and
// labels.
func (s *server) counter(t *testing.T, metric string) (sum float64) {
	t.Helper()
	_, body, err := s.get("/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^`+metric+`(?:\{[^}]*\})? (\S+)$`).FindAllStringSubmatch(body, -1) {
		v, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += v
	}
	return sum
}

// Who has no key, another key, or a clock that is wrong gets nothing, and operators
// can see it.
func TestTransfersAreRefused(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serve(t, newMaster(t, example(t).Cluster), secondarySettings(t, nil))
	other := base64.StdEncoding.EncodeToString([]byte("another secret of some length"))
	for name, tc := range map[string]struct{ key, want string }{
		"no key":       {want: "Transfer failed"},
		"another name": {key: "hmac-sha256:other.example:" + secondarySecret, want: "BADKEY"},
		"wrong secret": {key: "hmac-sha256:" + secondaryKey + ":" + other, want: "BADSIG"},
		"right":        {key: secondaryDigKey, want: "XFR size"},
	} {
		args := []string{"-r", "@127.0.0.1", "-p", strconv.Itoa(s.port), "+tries=1", "AXFR", "mesos"}
		if tc.key != "" {
			args = append(args, "-y", tc.key)
		}
		if r := run(t, "dig", args...); !strings.Contains(r.String(), tc.want) {
			t.Errorf("%s: got\n%s\nwant %q", name, r, tc.want)
		}
	}
	late := new(dns.Msg).SetAxfr("mesos.")
	late.SetTsig(secondaryKey+".", dns.HmacSHA256, 300, time.Now().Add(-time.Hour).Unix())
	c := dns.Client{Net: "tcp", TsigSecret: map[string]string{secondaryKey + ".": secondarySecret}, Timeout: patience}
	if r, _, err := c.Exchange(late, s.addr()); r == nil || r.IsTsig() == nil || r.IsTsig().Error != dns.RcodeBadTime {
		t.Errorf("signed an hour ago: got %v, error %v, want BADTIME", r, err)
	}
	for _, metric := range []string{`toponym_tsig_total\{error="badkey"\}`, `toponym_tsig_total\{error="badsig"\}`, `toponym_tsig_total\{error="badtime"\}`, `toponym_transfer_refused_total\{rcode="REFUSED"\}`} {
		if n := s.counter(t, "(?i)"+metric); n < 1 {
			t.Errorf("%s: got %v, want at least 1", metric, n)
		}
	}
}
