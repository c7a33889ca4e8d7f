//go:build e2e

package e2e_test

import (
	"strings"
	"testing"
)

func TestReverseNames(t *testing.T) {
	t.Parallel()
	s := serveExample(t, settings{"ReverseDnsOn": true})
	for _, way := range []string{"dig", "dig +tcp", "dig +noedns", "kdig", "kdig +tcp", "drill", "drill -t"} {
		t.Run(way, func(t *testing.T) {
			client, _, _ := strings.Cut(way, " ")
			require(t, client)
			for _, c := range []struct{ address, owner, want string }{
				{"10.1.0.2", "2.0.1.10.in-addr.arpa.", "web.marathon.mesos."},
				{"fd00:1::1", "1." + strings.Repeat("0.", 23) + "1.0.0.0.0.0.d.f.ip6.arpa.", "dual.marathon.mesos."},
				{"10.1.0.99", "99.0.1.10.in-addr.arpa.", ""},
			} {
				got := ask(t, s.port, way+" -x "+c.address)
				status, records := "NOERROR", []string{c.owner + " PTR " + c.want}
				if c.want == "" {
					status, records = "NXDOMAIN", nil
				}
				if got.status != status {
					t.Errorf("%s: got %s, want %s", c.address, got.status, status)
				}
				same(t, "answer", got.answer, records)
			}
		})
	}
}

// The names between the reverse name of an address and the origin exist.
func TestReverseEmptyNonTerminals(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serveExample(t, settings{"ReverseDnsOn": true})
	for _, name := range []string{"0.1.10.in-addr.arpa", "1.10.in-addr.arpa", "10.in-addr.arpa", "d.f.ip6.arpa"} {
		if got := ask(t, s.port, "dig "+name+" A"); got.status != "NOERROR" || len(got.answer) > 0 {
			t.Errorf("%s: got %s with %v, want NODATA", name, got.status, got.answer)
		}
	}
	for _, origin := range []string{"10.in-addr.arpa", "16.172.in-addr.arpa", "168.192.in-addr.arpa", "d.f.ip6.arpa"} {
		if got := ask(t, s.port, "dig "+origin+" SOA"); len(got.answer) != 1 {
			t.Errorf("%s: got SOA records %v, want one", origin, got.answer)
		}
	}
	// What is above is not ours, nor the addresses of others.
	for _, question := range []string{"in-addr.arpa SOA", "ip6.arpa SOA", "-x 192.0.2.1"} {
		if got := ask(t, s.port, "dig "+question); got.status != "REFUSED" {
			t.Errorf("%s: got %s, want REFUSED", question, got.status)
		}
	}
}

// Without ReverseDnsOn, reverse names are outside of the zones.
func TestReverseOff(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serveExample(t, nil)
	if got := ask(t, s.port, "dig -x 10.1.0.2"); got.status != "REFUSED" {
		t.Errorf("got %s, want REFUSED", got.status)
	}
}
