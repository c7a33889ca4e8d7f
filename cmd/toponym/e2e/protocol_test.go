//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// Unusual queries that dig can send get the responses that the RFCs require.
func TestProtocol(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serveExample(t, nil)
	for _, c := range []struct {
		about, line string
		status      string
		question    string   // as in the response
		records     int      // in the answer section
		flags       []string // that must be set
		without     []string // that must not
	}{
		{about: "the letters of the question come back as they were (0x20)",
			line: "dig WeB.mARathOn.MesOS A", status: "NOERROR", question: "WeB.mARathOn.MesOS. A", records: 3, flags: []string{"aa"}},
		{about: "also for a name that is not there",
			line: "dig NoPe.mARathOn.MesOS A", status: "NXDOMAIN", question: "NoPe.mARathOn.MesOS. A", flags: []string{"aa"}},
		{about: "an EDNS version that does not exist yet",
			line: "dig +edns=1 +noednsnegotiation mesos SOA", status: "BADVERS", question: "mesos. SOA", without: []string{"aa"}},
		{about: "the client lowers the version by itself",
			line: "dig +edns=1 mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, flags: []string{"aa"}},
		{about: "an EDNS option that nobody knows",
			line: "dig +ednsopt=65001:c0ffee mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, flags: []string{"aa"}},
		{about: "EDNS flags that nobody knows",
			line: "dig +ednsflags=0x0080 mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, flags: []string{"aa"}},
		{about: "DNSSEC is asked for: there is none",
			line: "dig +dnssec mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, flags: []string{"aa"}, without: []string{"ad"}},
		{about: "the client's network is named",
			line: "dig +subnet=10.1.0.0/24 web.marathon.mesos A", status: "NOERROR", question: "web.marathon.mesos. A", records: 3, flags: []string{"aa"}},
		{about: "padding, name server id, expiry",
			line: "dig +padding=128 +nsid +expire mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, flags: []string{"aa"}},
		{about: "the last reserved bit of the header, and AD and CD",
			line: "dig +zflag +adflag +cdflag mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, flags: []string{"aa", "cd"}, without: []string{"ad"}},
		{about: "RD comes back, RA is not offered",
			line: "dig +recurse mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, flags: []string{"rd"}, without: []string{"ra"}},
		{about: "without RD",
			line: "dig +norecurse mesos SOA", status: "NOERROR", question: "mesos. SOA", records: 1, without: []string{"rd", "ra"}},
		{about: "a name outside our zones",
			line: "dig example.com A", status: "REFUSED", question: "example.com. A", without: []string{"aa"}},
		{about: "the root",
			line: "dig . NS", status: "REFUSED", question: ". NS", without: []string{"aa"}},
		{about: "a name that only ends like the domain",
			line: "dig xmesos A", status: "REFUSED", question: "xmesos. A", without: []string{"aa"}},
		{about: "another class",
			line: "dig version.bind CH TXT", status: "REFUSED", question: "version.bind. TXT", without: []string{"aa"}},
		{about: "another opcode",
			line: "dig +opcode=STATUS mesos SOA", status: "NOTIMP", without: []string{"aa"}},
		{about: "an update",
			line: "dig +opcode=UPDATE mesos SOA", status: "NOTIMP", without: []string{"aa"}},
		{about: "no question at all, and no cookie",
			line: "dig +header-only +nocookie", status: "FORMERR", without: []string{"aa"}},
		{about: "no question, but a cookie (RFC 7873, section 5.4)",
			line: "dig +header-only +cookie", status: "NOERROR", without: []string{"aa"}},
		{about: "ANY over UDP: one set only (RFC 8482)",
			line: "dig +notcp dual.marathon.mesos ANY", status: "NOERROR", question: "dual.marathon.mesos. ANY", records: 1, flags: []string{"aa"}},
		{about: "ANY over TCP: all",
			line: "dig +tcp dual.marathon.mesos ANY", status: "NOERROR", question: "dual.marathon.mesos. ANY", records: 2, flags: []string{"aa"}},
		{about: "the longest label",
			line: "dig " + strings.Repeat("x", 63) + ".mesos A", status: "NXDOMAIN", question: strings.Repeat("x", 63) + ".mesos. A", flags: []string{"aa"}},
		{about: "octets that are no letters",
			line: `dig \000\255\@.mesos A`, status: "NXDOMAIN", question: `\000\255\@.mesos. A`, flags: []string{"aa"}},
	} {
		t.Run(c.line, func(t *testing.T) {
			t.Log(c.about)
			got := ask(t, s.port, c.line)
			if got.status != c.status || got.question != c.question || len(got.answer) != c.records {
				t.Errorf("got %s, question %q, %d records; want %s, %q, %d",
					got.status, got.question, len(got.answer), c.status, c.question, c.records)
			}
			for _, f := range c.flags {
				if !got.flag(f) {
					t.Errorf("flags: got %v, want %s", got.flags, f)
				}
			}
			for _, f := range append(c.without, "tc") {
				if got.flag(f) {
					t.Errorf("flags: got %v, want no %s", got.flags, f)
				}
			}
			if got.edns == 0 {
				t.Error("OPT record: got none, want one, as in the query")
			}
		})
	}
}

// dig checks that the response has the cookie of the query.
func TestCookie(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serveExample(t, nil)
	r := run(t, "dig", argumentsOf("dig", s.port, []string{"+cookie", "web.marathon.mesos"})...)
	if !strings.Contains(r.stdout, "(good)") {
		t.Errorf("dig: want a good cookie, got\n%s", r)
	}
}

// A zone transfer that is not allowed is refused at once.
func TestTransferRefused(t *testing.T) {
	t.Parallel()
	require(t, "dig", "kdig")
	s := serveExample(t, nil)
	for client, wants := range map[string]string{"dig": "Transfer failed", "kdig": "server replied with error"} {
		r := run(t, client, argumentsOf(client, s.port, []string{"mesos", "AXFR"})...)
		if !strings.Contains(r.String(), wants) || strings.Contains(r.String(), "web") {
			t.Errorf("%s mesos AXFR: want %q, got\n%s", client, wants, r)
		}
	}
}

// One TCP connection can carry several queries.
func TestSeveralQueriesOnOneConnection(t *testing.T) {
	t.Parallel()
	require(t, "dig", "kdig")
	s := serveExample(t, nil)
	for _, line := range []string{
		"dig +tcp +keepopen web.marathon.mesos A nope.mesos A _web._tcp.marathon.mesos SRV",
		"kdig +tcp +keepopen web.marathon.mesos A nope.mesos A _web._tcp.marathon.mesos SRV",
	} {
		var got []string
		for _, a := range askAll(t, s.port, line) {
			got = append(got, a.over+" "+a.status)
		}
		if want := []string{"TCP NOERROR", "TCP NXDOMAIN", "TCP NOERROR"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", line, got, want)
		}
	}
}

// Clients use the first address, so the order changes from response to response.
func TestOrderChanges(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serveExample(t, nil)
	first := map[string]bool{}
	for range 60 { // each of three comes first with a probability of 1 - 3e-11
		r := run(t, "dig", argumentsOf("dig", s.port, []string{"+short", "web.marathon.mesos"})...)
		line, _, _ := strings.Cut(r.stdout, "\n")
		first[line] = true
	}
	if len(first) != 3 {
		t.Errorf("first addresses: got %v, want all three", first)
	}
}
