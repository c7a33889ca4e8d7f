//go:build e2e

package e2e_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// host and nslookup send several queries for a name, and print text.
func TestHostAndNslookup(t *testing.T) {
	t.Parallel()
	s := serveExample(t, settings{"ReverseDnsOn": true})
	port := strconv.Itoa(s.port)
	for _, c := range []struct {
		line   string
		status int
		want   []string // lines in any order
	}{
		// host asks for A, AAAA and MX records.
		{"host dual.marathon.mesos.", 0, []string{
			"dual.marathon.mesos has address 10.1.1.1",
			"dual.marathon.mesos has IPv6 address fd00:1::1",
		}},
		{"host -T web.marathon.mesos.", 0, []string{
			"web.marathon.mesos has address 10.1.0.1",
			"web.marathon.mesos has address 10.1.0.2",
			"web.marathon.mesos has address 10.1.0.3",
		}},
		{"host -t SRV _web._tcp.marathon.mesos.", 0, []string{
			"_web._tcp.marathon.mesos has SRV record 0 1 8080 web-e844k-s1.marathon.mesos.",
			"_web._tcp.marathon.mesos has SRV record 0 1 8080 web-izm16-s2.marathon.mesos.",
			"_web._tcp.marathon.mesos has SRV record 0 1 8080 web-q9rt1-s0.marathon.mesos.",
		}},
		{"host -t NS mesos.", 0, []string{"mesos name server ns1.mesos."}},
		{"host -t MX web.marathon.mesos.", 0, []string{"web.marathon.mesos has no MX record"}},
		{"host -t A _tcp.marathon.mesos.", 0, []string{"_tcp.marathon.mesos has no A record"}},
		{"host nope.marathon.mesos.", 1, []string{"Host nope.marathon.mesos. not found: 3(NXDOMAIN)"}},
		{"host example.com.", 1, []string{"Host example.com not found: 5(REFUSED)"}},
		{"host 10.1.0.2", 0, []string{"2.0.1.10.in-addr.arpa domain name pointer web.marathon.mesos."}},
		{"nslookup dual.marathon.mesos.", 0, []string{
			"Name:\tdual.marathon.mesos", "Address: 10.1.1.1", "Address: fd00:1::1",
		}},
		{"nslookup -vc -type=A web.marathon.mesos.", 0, []string{
			"Name:\tweb.marathon.mesos", "Address: 10.1.0.1", "Address: 10.1.0.2", "Address: 10.1.0.3",
		}},
		{"nslookup -type=SRV _http._tcp.web.marathon.mesos.", 0, []string{
			"_http._tcp.web.marathon.mesos\tservice = 0 1 8080 web-e844k-s1.marathon.mesos.",
			"_http._tcp.web.marathon.mesos\tservice = 0 1 8080 web-izm16-s2.marathon.mesos.",
			"_http._tcp.web.marathon.mesos\tservice = 0 1 8080 web-q9rt1-s0.marathon.mesos.",
		}},
		{"nslookup nope.marathon.mesos.", 1, []string{"** server can't find nope.marathon.mesos: NXDOMAIN"}},
		{"nslookup 10.1.0.2", 0, []string{"2.0.1.10.in-addr.arpa\tname = web.marathon.mesos."}},
	} {
		t.Run(c.line, func(t *testing.T) {
			args := strings.Fields(c.line)
			require(t, args[0])
			if args[0] == "host" {
				args = append([]string{"host", "-p", port}, append(args[1:], "127.0.0.1")...)
			} else {
				args = append([]string{"nslookup", "-port=" + port}, append(args[1:], "127.0.0.1")...)
			}
			r := run(t, args[0], args[1:]...)
			if got := sentences(r.stdout); r.status != c.status || !slices.Equal(got, sorted(c.want)) {
				t.Errorf("got exit status %d:\n  %s\nwant %d:\n  %s",
					r.status, strings.Join(got, "\n  "), c.status, strings.Join(sorted(c.want), "\n  "))
			}
		})
	}
}

// sentences returns the lines of host and nslookup that are about a name.
func sentences(s string) []string {
	var all []string
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", strings.HasPrefix(line, "Using domain server"), line == "Name: 127.0.0.1",
			strings.HasPrefix(line, "Server:"), strings.Contains(line, "127.0.0.1#"), strings.HasPrefix(line, "Aliases:"):
		default:
			all = append(all, line)
		}
	}
	return slices.Compact(sorted(all)) // nslookup repeats the name for each address
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }
