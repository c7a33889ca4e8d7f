package querylog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"toponym/internal/testutil"
	"toponym/resolver/tap"
)

var asked = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// event is an answered query of a client.
func event(t testing.TB, client, name string, qtype uint16, rcode int) tap.Event {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(1232, false)
	r := new(dns.Msg).SetReply(q)
	r.Authoritative = true
	r.SetRcode(q, rcode)
	if rcode == dns.RcodeSuccess {
		r.Answer = append(r.Answer, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}, A: []byte{10, 0, 0, 1}})
	}
	r.SetEdns0(1232, false)
	e := tap.Event{Client: netip.MustParseAddrPort(client), Asked: asked, Responded: asked.Add(42 * time.Microsecond)}
	var err error
	if e.Query, err = q.Pack(); err != nil {
		t.Fatal(err)
	}
	if e.Response, err = r.Pack(); err != nil {
		t.Fatal(err)
	}
	return e
}

// linesOf is what a log writes of events, as "field=value" in alphabetical order.
func linesOf(t *testing.T, o Options, events ...tap.Event) []string {
	t.Helper()
	log, hook := logtest.NewNullLogger()
	o.Log, o.Counters = log, NewCounters()
	l := New(o)
	l.Observe(events)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l.Run(ctx)
	var lines []string
	for _, e := range hook.AllEntries() {
		b, err := json.Marshal(e.Data)
		if err != nil {
			t.Fatal(err)
		}
		if e.Message != "query" || e.Level != logrus.InfoLevel {
			t.Errorf("got a line %q with the level %v, want query and info", e.Message, e.Level)
		}
		lines = append(lines, string(b))
	}
	return lines
}

func TestLinesSayWhatWasAskedAndAnswered(t *testing.T) {
	answered := event(t, "10.0.0.9:5353", "Web.marathon.mesos.", dns.TypeA, dns.RcodeSuccess)
	chaos := event(t, "[fd00::9]:5353", "version.bind.", dns.TypeTXT, dns.RcodeRefused)
	for _, msg := range [][]byte{chaos.Query, chaos.Response} {
		msg[12+len("version.bind.")+1+3] = dns.ClassCHAOS
	}
	chaos.Transport = tap.TLS
	dropped := answered
	dropped.Stage, dropped.Response, dropped.Responded = tap.Dropped, nil, time.Time{}
	garbage := tap.Event{Stage: tap.Dropped, Client: netip.MustParseAddrPort("10.0.0.9:5353"), Query: []byte{1, 2, 3}, Asked: asked}
	late := answered
	late.Stage, late.Query = tap.Completed, nil
	forged := event(t, "10.0.0.9:5353", "a\\010level=error\\032\\\"b.mesos.", dns.TypeA, dns.RcodeNameError)
	badVersion := event(t, "10.0.0.9:5353", "web.marathon.mesos.", dns.TypeA, dns.RcodeBadVers)
	pending, upstream := answered, answered
	pending.Stage, upstream.Upstream = tap.Received, true

	common := `"bytes":81,"client":"10.0.0.9:5353","duration":"42µs","flags":"aa rd","name":"Web.marathon.mesos.","protocol":"udp","rcode":"NOERROR","type":"A"`
	for _, x := range []struct {
		name  string
		event tap.Event
		want  string
	}{
		{"answered", answered, `{"answers":1,` + common + `}`},
		{"answered late", late, `{"answers":1,` + common + `}`},
		{"another class", chaos, `{"answers":0,"bytes":41,"class":"CH","client":"[fd00::9]:5353","duration":"42µs","flags":"aa rd","name":"version.bind.","protocol":"tls","rcode":"REFUSED","type":"TXT"}`},
		{"unanswered", dropped, `{"client":"10.0.0.9:5353","name":"Web.marathon.mesos.","protocol":"udp","rcode":"none","type":"A"}`},
		{"garbage", garbage, `{"client":"10.0.0.9:5353","protocol":"udp","rcode":"none"}`},
		{"a name that would forge a line", forged, `{"answers":0,"bytes":51,"client":"10.0.0.9:5353","duration":"42µs","flags":"aa rd","name":"a\\010level=error\\ \\\"b.mesos.","protocol":"udp","rcode":"NXDOMAIN","type":"A"}`},
		{"an extended code", badVersion, `{"answers":0,"bytes":47,"client":"10.0.0.9:5353","duration":"42µs","flags":"aa rd","name":"web.marathon.mesos.","protocol":"udp","rcode":"BADVERS","type":"A"}`},
		{"not answered yet", pending, ""},
		{"to an upstream server", upstream, ""},
	} {
		if got := strings.Join(linesOf(t, Options{Sample: 1}, x.event), "\n"); got != x.want {
			t.Errorf("%s: got\n%s\nwant\n%s", x.name, got, x.want)
		}
	}
}

// A line has nothing of the one before, and keeps the fields that its logger adds.
func TestLinesHaveTheirOwnFields(t *testing.T) {
	answered := event(t, "10.0.0.9:5353", "web.marathon.mesos.", dns.TypeA, dns.RcodeSuccess)
	garbage := tap.Event{Stage: tap.Dropped, Client: netip.MustParseAddrPort("10.0.0.9:5353"), Query: []byte{1, 2, 3}, Asked: asked}
	path := filepath.Join(t.TempDir(), "queries.log")
	o, _ := fileOptions(path)
	newLogger := o.NewLogger
	o.NewLogger = func(w io.Writer) logrus.FieldLogger { return newLogger(w).WithField("host", "ns1") }
	l := New(o)
	l.Observe([]tap.Event{answered, garbage})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	l.Run(ctx)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"name":"web.marathon.mesos."`) || !strings.Contains(lines[0], `"host":"ns1"`) {
		t.Fatalf("got %q, want a line with the name and the host, and another one", lines)
	}
	if strings.Contains(lines[1], "web") || strings.Contains(lines[1], `"bytes"`) || !strings.Contains(lines[1], `"host":"ns1"`) {
		t.Errorf("got the second line %s, want only what is known of it", lines[1])
	}
}

func TestFiltersAndSamples(t *testing.T) {
	var events []tap.Event
	for i := range 10 {
		client := fmt.Sprintf("10.0.%d.1:53", i%2)
		events = append(events, event(t, client, "Web.marathon.mesos.", dns.TypeA, dns.RcodeSuccess), event(t, client, "notmesos.", dns.TypeA, dns.RcodeNameError))
	}
	events = append(events, tap.Event{Stage: tap.Dropped, Client: netip.MustParseAddrPort("10.0.0.1:53"), Query: []byte{0}, Asked: asked})
	mesos, none := [][]byte{[]byte("\x05mesos\x00")}, []uint16{Unanswered}
	prefix := []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}
	for _, x := range []struct {
		name string
		o    Options
		want int
	}{
		{"none", Options{Sample: 1}, 21},
		{"a name", Options{Sample: 1, Names: mesos}, 10},
		{"the root", Options{Sample: 1, Names: [][]byte{{0}}}, 20},
		{"clients", Options{Sample: 1, Clients: prefix}, 10},
		{"a code", Options{Sample: 1, Rcodes: []uint16{dns.RcodeNameError}}, 10},
		{"unanswered", Options{Sample: 1, Rcodes: none}, 1},
		{"name and code", Options{Sample: 1, Names: mesos, Rcodes: []uint16{dns.RcodeNameError}}, 0},
		{"a sample", Options{Sample: 5}, 4},
		{"a sample of a name", Options{Sample: 5, Names: mesos}, 2},
		{"a rate", Options{Sample: 1, Rate: 3}, 3},
	} {
		// The rate counts by the second, which may end here.
		if got := len(linesOf(t, x.o, events...)); got != x.want && !(x.o.Rate > 0 && got <= 2*x.want && got >= x.want) {
			t.Errorf("%s: got %d lines, want %d", x.name, got, x.want)
		}
	}
}

// fileOptions write JSON to a file.
func fileOptions(path string) (Options, *logtest.Hook) {
	log, hook := logtest.NewNullLogger()
	return Options{
		Sample: 1, File: path, FileBytes: 1 << 20, Counters: NewCounters(), Log: log,
		NewLogger: func(w io.Writer) logrus.FieldLogger {
			l := logrus.New()
			l.SetOutput(w)
			l.SetFormatter(&logrus.JSONFormatter{})
			return l
		},
	}, hook
}

func TestLinesGoToAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "queries.log")
	o, _ := fileOptions(path)
	l := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	for range 100 {
		l.Observe([]tap.Event{event(t, "10.0.0.9:5353", "web.marathon.mesos.", dns.TypeA, dns.RcodeSuccess)})
	}
	testutil.EventuallyEqual(t, 100, func() int { return int(o.Counters.Written.Load()) }, "lines")
	cancel()
	<-done
	b, err := os.ReadFile(path)
	if err != nil || strings.Count(string(b), "\n") != 100 || strings.Count(string(b), `"rcode":"NOERROR"`) != 100 {
		t.Errorf("got %d lines, %v, want 100 with a code", strings.Count(string(b), "\n"), err)
	}
}

// Where lines cannot be written they are counted, and the log says so once, and once
// more when it is over.
func TestAFileThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	o, hook := fileOptions(filepath.Join(dir, "queries.log"))
	l := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); l.Run(ctx) }()
	one := []tap.Event{event(t, "10.0.0.9:5353", "web.marathon.mesos.", dns.TypeA, dns.RcodeSuccess)}
	for i := range 5 {
		l.Observe(one)
		testutil.EventuallyEqual(t, i+1, func() int { return int(o.Counters.Dropped.Load()) }, "lines dropped")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	l.Observe(one)
	testutil.EventuallyEqual(t, 1, func() int { return int(o.Counters.Written.Load()) }, "lines written")
	cancel()
	<-done
	var levels []string
	for _, e := range hook.AllEntries() {
		levels = append(levels, e.Level.String())
	}
	if got := strings.Join(levels, " "); got != "warning info" {
		t.Errorf("got lines with the levels %q, want one warning and then one info", got)
	}
}

// A log that nobody writes, as one that hangs, costs lines and never time.
func TestAHungLogCostsLinesOnly(t *testing.T) {
	log, _ := logtest.NewNullLogger()
	o := Options{Sample: 1, Counters: NewCounters(), Log: log}
	l := New(o)
	one := []tap.Event{event(t, "10.0.0.9:5353", "web.marathon.mesos.", dns.TypeA, dns.RcodeSuccess)}
	for range 2 * maxLines {
		l.Observe(one) // would never return if it waited
	}
	if got := o.Counters.Dropped.Load(); got != maxLines {
		t.Errorf("got %d lines dropped, want %d", got, maxLines)
	}
}

func FuzzAnyPacket(f *testing.F) {
	e := event(f, "10.0.0.9:5353", "web.marathon.mesos.", dns.TypeA, dns.RcodeSuccess)
	f.Add(e.Query, e.Response)
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, query, response []byte) {
		l := New(Options{Sample: 1, Names: [][]byte{{0}}, Rcodes: []uint16{0, Unanswered}, Counters: NewCounters()})
		e := tap.Event{Query: query, Response: response}
		l.Observe([]tap.Event{e})
		line := newLine(&e)
		fields := logrus.Fields{}
		line.addFields(fields)
		if name, ok := fields["name"].(string); ok && (strings.ContainsAny(name, "\n\r") || len(name) > 4*256) {
			t.Errorf("got the name %q", name)
		}
	})
}
