//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// aliasSettings are the default aliases, which are those of DC/OS, and one more.
var aliasSettings = settings{
	"addressDomains": []string{"dcos.thisdcos.directory"},
	"aliases": map[string]string{
		"mesos.thisdcos.directory": "mesos",
		"thisdcos.global":          "thisdcos.directory",
		"shop.example":             "web.marathon.mesos",
	},
}

// aliasSOA is the SOA record of an apex that is an alias.
func aliasSOA(apex string) string { return strings.Replace(apexSOA, "mesos.", apex, 1) }

var aliasLookups = []lookup{
	{question: "web.marathon.mesos.thisdcos.directory A", answer: []string{
		"web.marathon.mesos.thisdcos.directory. A 10.1.0.1",
		"web.marathon.mesos.thisdcos.directory. A 10.1.0.2",
		"web.marathon.mesos.thisdcos.directory. A 10.1.0.3",
	}},
	{about: "an alias of an alias",
		question: "web-e844k-s1.marathon.mesos.thisdcos.global A",
		answer:   []string{"web-e844k-s1.marathon.mesos.thisdcos.global. A 10.1.0.2"}},
	{about: "a service, whose target can be asked for in the same way",
		question:   "_dual._tcp.marathon.mesos.thisdcos.directory SRV",
		answer:     []string{"_dual._tcp.marathon.mesos.thisdcos.directory. SRV 0 1 443 dual-cpqdg-s0.marathon.mesos.thisdcos.directory."},
		additional: []string{"dual-cpqdg-s0.marathon.mesos.thisdcos.directory. A 10.1.1.1", "dual-cpqdg-s0.marathon.mesos.thisdcos.directory. AAAA fd00:1::1"}},
	{about: "no such type", question: "web.marathon.mesos.thisdcos.directory AAAA", authority: []string{aliasSOA("mesos.thisdcos.directory.")}},
	{about: "no such name", question: "nope.marathon.mesos.thisdcos.directory A", status: "NXDOMAIN", authority: []string{aliasSOA("mesos.thisdcos.directory.")}},
	{about: "no such name, by two aliases", question: "nope.mesos.thisdcos.global A", status: "NXDOMAIN", authority: []string{aliasSOA("mesos.thisdcos.global.")}},
	{about: "an empty non-terminal", question: "_tcp.marathon.mesos.thisdcos.global A", authority: []string{aliasSOA("mesos.thisdcos.global.")}},
	{about: "the apex", question: "mesos.thisdcos.directory SOA", answer: []string{aliasSOA("mesos.thisdcos.directory.")}},
	{question: "mesos.thisdcos.global NS",
		answer: []string{"mesos.thisdcos.global. NS ns1.mesos."}, additional: []string{"ns1.mesos. A 127.0.0.1"}},
	{about: "an alias of a name", question: "shop.example A",
		answer: []string{"shop.example. A 10.1.0.1", "shop.example. A 10.1.0.2", "shop.example. A 10.1.0.3"}},
	{question: "_nope._tcp.shop.example SRV", status: "NXDOMAIN", authority: []string{aliasSOA("shop.example.")}},
	{question: "shop.example SOA", answer: []string{aliasSOA("shop.example.")}},
	{about: "an alias whose target is in no zone is a zone even so", question: "thisdcos.global SOA", answer: []string{aliasSOA("thisdcos.global.")}},
	{about: "what servers with copies of the zone answer from", question: "mesos.thisdcos.directory DNAME",
		answer: []string{"mesos.thisdcos.directory. DNAME mesos."}},
}

func TestAliases(t *testing.T) {
	t.Parallel()
	s := serveExample(t, aliasSettings)
	for _, way := range []string{"dig", "dig +tcp", "dig +noedns", "kdig", "kdig +tcp +edns", "drill"} {
		t.Run(way, func(t *testing.T) {
			client, _, _ := strings.Cut(way, " ")
			require(t, client)
			for _, l := range aliasLookups {
				t.Run(l.question, func(t *testing.T) {
					l.compare(t, ask(t, s.port, way+" "+l.question))
				})
			}
			for _, q := range []string{"thisdcos.directory SOA", "x.thisdcos.global A", "example A"} {
				if got := ask(t, s.port, way+" "+q); got.status != "REFUSED" {
					t.Errorf("%s: got %s, want REFUSED", q, got.status)
				}
			}
			// The address trees have a TTL of their own.
			for _, apex := range []string{"dcos.thisdcos.directory.", "dcos.thisdcos.global."} {
				got := ask(t, s.port, way+" nope."+apex+" A")
				same(t, "authority", got.authority, []string{aliasSOA(apex)})
				if got.status != "NXDOMAIN" || !slices.Equal(got.ttls, []string{"5"}) {
					t.Errorf("%s: got %s with TTL %v, want NXDOMAIN with 5", apex, got.status, got.ttls)
				}
			}
		})
	}
}

// Unbound accepts the answers for names below an alias, and the proof of their
// absence.
func TestUnboundResolvesAliases(t *testing.T) {
	t.Parallel()
	require(t, "unbound", "dig")
	s := serveExample(t, aliasSettings)
	for _, modules := range []string{"iterator", "validator iterator"} {
		t.Run(modules, func(t *testing.T) {
			port := startUnbound(t, s, modules, "mesos.thisdcos.directory.", "thisdcos.global.", "shop.example.")
			for range 2 { // with a cold and a warm cache
				for _, apex := range []string{"mesos.thisdcos.directory", "mesos.thisdcos.global"} {
					for _, l := range []lookup{
						{question: "nope.marathon." + apex + " A", status: "NXDOMAIN"},
						{question: "_tcp.marathon." + apex + " A"},
						{question: "web.marathon." + apex + " A", answer: []string{
							"web.marathon." + apex + ". A 10.1.0.1", "web.marathon." + apex + ". A 10.1.0.2", "web.marathon." + apex + ". A 10.1.0.3"}},
						{question: "web.marathon." + apex + " AAAA"},
						{question: "_http._tcp.dual.marathon." + apex + " SRV",
							answer: []string{"_http._tcp.dual.marathon." + apex + ". SRV 0 1 443 dual-cpqdg-s0.marathon." + apex + "."}},
						{question: "dual-cpqdg-s0.marathon." + apex + " AAAA", answer: []string{"dual-cpqdg-s0.marathon." + apex + ". AAAA fd00:1::1"}},
						{question: "_nope._tcp." + apex + " SRV", status: "NXDOMAIN"},
					} {
						got := ask(t, port, "dig "+l.question)
						if l.status == "" {
							l.status = "NOERROR"
						}
						if got.status != l.status {
							t.Errorf("%s: got %s, want %s", l.question, got.status, l.status)
						}
						same(t, l.question+": answer", got.answer, l.answer)
						// Unbound drops a SOA record whose owner is not
						// above the name.
						if len(l.answer) == 0 && (len(got.authority) != 1 || !strings.HasPrefix(got.authority[0], apex+". SOA ")) {
							t.Errorf("%s: got authority %v, want the SOA record of %s", l.question, got.authority, apex)
						}
					}
				}
				if got := ask(t, port, "dig shop.example A"); len(got.answer) != 3 {
					t.Errorf("shop.example: got %s %v, want 3 addresses", got.status, got.answer)
				}
				if got := ask(t, port, "dig nope.shop.example A"); got.status != "NXDOMAIN" || len(got.authority) != 1 {
					t.Errorf("nope.shop.example: got %s %v, want NXDOMAIN with a SOA record", got.status, got.authority)
				}
			}
		})
	}
}
