//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const staticZone = `$ORIGIN spartan.
$TTL 10
@       IN SOA ns1.mesos. ops.example.org. ( 1 60 600 86400 60 )
        IN NS  ns1.mesos.
ready   IN A   127.0.0.1
www     IN CNAME ready
ext     IN CNAME www.example.org.
text    IN TXT "some text"
@       IN MX  10 ready
_x._tcp IN SRV 0 0 80 ready
db.marathon.mesos. IN A 10.9.0.1
web.marathon.mesos. IN A 10.1.0.9
`

const spartanSOA = "spartan. SOA ns1.mesos. ops.example.org. SERIAL 60 600 86400 60"

var staticLookups = []lookup{
	{question: "ready.spartan A", answer: []string{"ready.spartan. A 127.0.0.1"}},
	{question: "www.spartan A", answer: []string{"ready.spartan. A 127.0.0.1", "www.spartan. CNAME ready.spartan."}},
	{question: "www.spartan AAAA", answer: []string{"www.spartan. CNAME ready.spartan."}, authority: []string{spartanSOA}},
	{question: "ext.spartan A", answer: []string{"ext.spartan. CNAME www.example.org."}},
	{question: "text.spartan TXT", answer: []string{`text.spartan. TXT "some text"`}},
	{question: "spartan MX", answer: []string{"spartan. MX 10 ready.spartan."}, additional: []string{"ready.spartan. A 127.0.0.1"}},
	{question: "spartan SOA", answer: []string{spartanSOA}},
	{question: "spartan NS", answer: []string{"spartan. NS ns1.mesos."}, additional: []string{"ns1.mesos. A 127.0.0.1"}},
	{question: "_x._tcp.spartan SRV", answer: []string{"_x._tcp.spartan. SRV 0 0 80 ready.spartan."}, additional: []string{"ready.spartan. A 127.0.0.1"}},
	{question: "nope.spartan A", status: "NXDOMAIN", authority: []string{spartanSOA}},
	{question: "db.marathon.mesos A", answer: []string{"db.marathon.mesos. A 10.9.0.1"}},
	{question: "db.marathon.mesos.thisdcos.directory A", answer: []string{"db.marathon.mesos.thisdcos.directory. A 10.9.0.1"}},
	{question: "web.marathon.mesos A", answer: []string{
		"web.marathon.mesos. A 10.1.0.1", "web.marathon.mesos. A 10.1.0.2", "web.marathon.mesos. A 10.1.0.3", "web.marathon.mesos. A 10.1.0.9"}},
}

func TestStaticZones(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "spartan.zone", staticZone)
	s := serveExample(t, settings{"staticZones": []string{file}})
	for _, way := range []string{"dig", "dig +tcp", "dig +noedns", "kdig", "kdig +tcp +edns", "drill"} {
		t.Run(way, func(t *testing.T) {
			client, _, _ := strings.Cut(way, " ")
			require(t, client)
			for _, l := range staticLookups {
				t.Run(l.question, func(t *testing.T) {
					l.compare(t, ask(t, s.port, way+" "+l.question))
				})
			}
		})
	}
	require(t, "dig")
	change := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, domain := soa(t, s.port, "spartan."), s.serial(t)
	change(strings.Replace(staticZone, "127.0.0.1", "127.0.0.2", 1))
	eventually(t, "the new address", func() (bool, string) {
		got := ask(t, s.port, "dig ready.spartan A")
		return slices.Equal(got.answer, []string{"ready.spartan. A 127.0.0.2"}), strings.Join(got.answer, " ")
	})
	if after := soa(t, s.port, "spartan."); after <= before {
		t.Errorf("serial: got %d, want more than %d", after, before)
	}
	if after := s.serial(t); after != domain {
		t.Errorf("serial of another zone: got %d, want %d as before", after, domain)
	}
	// A file with errors changes nothing, and the log names the error.
	change(staticZone + "x.spartan. A nonsense\n")
	eventually(t, "a line in the log", func() (bool, string) {
		log := s.stderr.String()
		return strings.Contains(log, "spartan.zone:13: bad A A"), log
	})
	if got := ask(t, s.port, "dig ready.spartan A"); !slices.Equal(got.answer, []string{"ready.spartan. A 127.0.0.2"}) {
		t.Errorf("answer while the file has an error: got %v, want the previous one", got.answer)
	}
}

func TestCheckStaticZones(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "config.json", `{"masters": ["10.0.0.1:5050"], "staticZones": ["bad.zone"]}`)
	bad := filepath.Join(filepath.Dir(file), "bad.zone")
	if err := os.WriteFile(bad, []byte("a.mesos. A nonsense\n\n*.mesos. A 10.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(t, toponym, "check", "-config", file)
	for _, want := range []string{bad + ":1: bad A A", bad + ":3: *.mesos. A: wildcards are not supported"} {
		if r.status != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("got exit status %d, want 1 and %q:\n%s", r.status, want, r.stderr)
		}
	}
}

// Unbound resolves the names of a zone file, its CNAME records included, and
// accepts the proof that others do not exist.
func TestUnboundResolvesStaticZones(t *testing.T) {
	t.Parallel()
	require(t, "unbound", "dig")
	s := serveExample(t, settings{"staticZones": []string{writeFile(t, "spartan.zone", staticZone)}})
	port := startUnbound(t, s, "validator iterator", "spartan.")
	for _, l := range staticLookups {
		if strings.HasPrefix(l.question, "ext.") || strings.Contains(l.question, "thisdcos") {
			continue // its CNAME target is outside of what this Unbound can ask
		}
		got := ask(t, port, "dig "+l.question)
		if want := l.status; got.status != want && (want != "" || got.status != "NOERROR") {
			t.Errorf("%s: got %s, want NOERROR", l.question, got.status)
		}
		same(t, l.question+": answer", got.answer, l.answer)
	}
}
