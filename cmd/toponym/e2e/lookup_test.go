//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// apexSOA is the SOA record of the domain.
const apexSOA = "mesos. SOA ns1.mesos. root.ns1.mesos. SERIAL 60 600 86400 10"

// lookup is a question about the example cluster, with the response that every
// client must show.
type lookup struct {
	question                      string
	status                        string // NOERROR when empty
	answer, authority, additional []string
	about                         string
}

var lookups = []lookup{
	{about: "all instances of an app",
		question: "web.marathon.mesos A",
		answer: []string{
			"web.marathon.mesos. A 10.1.0.1",
			"web.marathon.mesos. A 10.1.0.2",
			"web.marathon.mesos. A 10.1.0.3",
		}},
	{about: "one instance",
		question: "web-e844k-s1.marathon.mesos A",
		answer:   []string{"web-e844k-s1.marathon.mesos. A 10.1.0.2"}},
	{about: "the agents of an app",
		question: "web.marathon.slave.mesos A",
		answer: []string{
			"web.marathon.slave.mesos. A 10.0.1.1",
			"web.marathon.slave.mesos. A 10.0.1.2",
			"web.marathon.slave.mesos. A 10.0.1.3",
		}},
	{about: "an IPv6 address, without its prefix length",
		question: "dual.marathon.mesos AAAA",
		answer:   []string{"dual.marathon.mesos. AAAA fd00:1::1"}},
	{about: "no IPv6 address: NODATA",
		question: "web.marathon.mesos AAAA", authority: []string{apexSOA}},
	{about: "a type that no name has: NODATA",
		question: "web.marathon.mesos MX", authority: []string{apexSOA}},
	{about: "a type without a name: NODATA",
		question: "web.marathon.mesos TYPE65280", authority: []string{apexSOA}},
	{about: "Marathon's app /group/app",
		question: "app-group.marathon.mesos A",
		answer:   []string{"app-group.marathon.mesos. A 10.1.2.1"}},
	{about: "its name as it was written",
		question: "app.group.marathon.mesos A",
		answer:   []string{"app.group.marathon.mesos. A 10.1.2.1"}},
	{about: "a service, with the addresses of its targets",
		question: "_web._tcp.marathon.mesos SRV", answer: webSRV("_web._tcp.marathon.mesos."), additional: webAddresses},
	{about: "a named port of a service",
		question: "_http._web._tcp.marathon.mesos SRV", answer: webSRV("_http._web._tcp.marathon.mesos."), additional: webAddresses},
	{about: "a named port in the order of RFC 2782",
		question: "_http._tcp.web.marathon.mesos SRV", answer: webSRV("_http._tcp.web.marathon.mesos."), additional: webAddresses},
	{about: "both families beside a service",
		question:   "_dual._tcp.marathon.mesos SRV",
		answer:     []string{"_dual._tcp.marathon.mesos. SRV 0 1 443 dual-cpqdg-s0.marathon.mesos."},
		additional: []string{"dual-cpqdg-s0.marathon.mesos. A 10.1.1.1", "dual-cpqdg-s0.marathon.mesos. AAAA fd00:1::1"}},
	{about: "a task without a DiscoveryInfo: the ports that it holds",
		question:   "_plain._udp.marathon.mesos SRV",
		answer:     []string{"_plain._udp.marathon.mesos. SRV 0 1 31000 plain-yheni-s0.marathon.slave.mesos."},
		additional: []string{"plain-yheni-s0.marathon.slave.mesos. A 10.0.1.1"}},
	{about: "a framework",
		question: "marathon.mesos A", answer: []string{"marathon.mesos. A 10.0.9.1"}},
	{about: "its scheduler's port",
		question:   "_framework._tcp.marathon.mesos SRV",
		answer:     []string{"_framework._tcp.marathon.mesos. SRV 0 1 15101 marathon.mesos."},
		additional: []string{"marathon.mesos. A 10.0.9.1"}},
	{about: "the leading master",
		question: "leader.mesos A", answer: []string{"leader.mesos. A 127.0.0.1"}},
	{about: "the agents",
		question: "slave.mesos A",
		answer:   []string{"slave.mesos. A 10.0.1.1", "slave.mesos. A 10.0.1.2", "slave.mesos. A 10.0.1.3"}},
	{about: "the apex: SOA",
		question: "mesos SOA", answer: []string{apexSOA}},
	{about: "the apex: NS",
		question:   "mesos NS",
		answer:     []string{"mesos. NS ns1.mesos."},
		additional: []string{"ns1.mesos. A 127.0.0.1"}},
	{about: "the apex: nothing else",
		question: "mesos A", authority: []string{apexSOA}},
	{about: "the name server itself",
		question: "ns1.mesos A", answer: []string{"ns1.mesos. A 127.0.0.1"}},
	{about: "an empty non-terminal is there (RFC 8020)",
		question: "_tcp.marathon.mesos A", authority: []string{apexSOA}},
	{about: "an empty non-terminal below a task",
		question: "_tcp.web.marathon.mesos SRV", authority: []string{apexSOA}},
	{about: "a name that is not there",
		question: "nope.marathon.mesos A", status: "NXDOMAIN", authority: []string{apexSOA}},
	{about: "a service that is not there",
		question: "_nope._tcp.marathon.mesos SRV", status: "NXDOMAIN", authority: []string{apexSOA}},
	{about: "a name below one that is there",
		question: "nope.web.marathon.mesos A", status: "NXDOMAIN", authority: []string{apexSOA}},
}

func webSRV(owner string) []string {
	return []string{
		owner + " SRV 0 1 8080 web-e844k-s1.marathon.mesos.",
		owner + " SRV 0 1 8080 web-izm16-s2.marathon.mesos.",
		owner + " SRV 0 1 8080 web-q9rt1-s0.marathon.mesos.",
	}
}

var webAddresses = []string{
	"web-e844k-s1.marathon.mesos. A 10.1.0.2",
	"web-izm16-s2.marathon.mesos. A 10.1.0.3",
	"web-q9rt1-s0.marathon.mesos. A 10.1.0.1",
}

// ways are the clients and options that all questions are asked with.
var ways = []struct {
	command string
	over    string // the transport, if the client shows it
	edns    bool
}{
	{"dig", "UDP", true},
	{"dig +noedns", "UDP", false},
	{"dig +bufsize=512", "UDP", true},
	{"dig +bufsize=1232", "UDP", true},
	{"dig +bufsize=4096", "UDP", true},
	{"dig +nocookie +norecurse +ignore", "UDP", true},
	{"dig +tcp", "TCP", true},
	{"dig +tcp +noedns", "TCP", false},
	{"kdig", "UDP", false},
	{"kdig +edns +bufsize=1232", "UDP", true},
	{"kdig +tcp", "TCP", false},
	{"kdig +tcp +edns", "TCP", true},
	{"drill", "", false},
	{"drill -b 1232", "", true},
	{"drill -t", "", false},
}

func TestLookups(t *testing.T) {
	t.Parallel()
	s := serveExample(t, nil)
	for _, way := range ways {
		t.Run(way.command, func(t *testing.T) {
			client, _, _ := strings.Cut(way.command, " ")
			require(t, client)
			for _, l := range lookups {
				t.Run(l.question, func(t *testing.T) {
					t.Log(l.about)
					got := ask(t, s.port, way.command+" "+l.question)
					l.compare(t, got)
					if got.over != way.over && client != "drill" {
						t.Errorf("transport: got %s, want %s", got.over, way.over)
					}
					if (got.edns > 0) != way.edns {
						t.Errorf("OPT record: got %v, want %v", got.edns > 0, way.edns)
					}
					if !got.flag("aa") || got.flag("tc") || got.flag("ad") {
						t.Errorf("flags: got %v, want aa, and neither tc nor ad", got.flags)
					}
				})
			}
		})
	}
}

// compare checks the parts of a response that are the same for all clients.
func (l *lookup) compare(t *testing.T, got answer) {
	t.Helper()
	status := l.status
	if status == "" {
		status = "NOERROR"
	}
	if got.status != status {
		t.Errorf("status: got %s, want %s", got.status, status)
	}
	name, qtype, _ := strings.Cut(l.question, " ")
	if want := name + ". " + qtype; got.question != want {
		t.Errorf("question: got %q, want %q", got.question, want)
	}
	if !slices.Equal(got.ttls, []string{"10"}) {
		t.Errorf("TTLs: got %v, want 10", got.ttls)
	}
	same(t, "answer", got.answer, l.answer)
	same(t, "authority", got.authority, l.authority)
	same(t, "additional", got.additional, l.additional)
}

// same compares two sets of records, both sorted.
func same(t *testing.T, section string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s section: got\n  %s\nwant\n  %s", section, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
