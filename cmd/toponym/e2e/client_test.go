//go:build e2e

package e2e_test

import (
	"strconv"
	"strings"
	"testing"
)

// packageOf says in which Debian package a client is.
var packageOf = map[string]string{
	"dig":               "bind9-dnsutils",
	"nslookup":          "bind9-dnsutils",
	"host":              "bind9-host",
	"kdig":              "knot-dnsutils",
	"drill":             "ldnsutils",
	"unbound":           "unbound",
	"unbound-checkconf": "unbound",
	"haproxy":           "haproxy",
	"curl":              "curl",
	"nginx":             "nginx-light",
	"caddy":             "caddy",
	"chromium":          "chromium",
	"nsd":               "nsd",
	"prometheus":        "prometheus",
	"promtool":          "prometheus",
	"busybox":           "busybox",
	"musl-gcc":          "musl-tools",
	"node":              "nodejs",
	"unshare":           "util-linux",
	"nsenter":           "util-linux",
	"getent":            "libc-bin",
	"ip":                "iproute2",
	"named-checkzone":   "bind9-utils",
	"nsd-checkzone":     "nsd",
	"kzonecheck":        "knot-dnssecutils",
	"ldns-read-zone":    "ldnsutils",
}

// require skips the test when a client is missing.
func require(t *testing.T, clients ...string) {
	t.Helper()
	for _, c := range clients {
		requireTool(t, c, packageOf[c])
	}
}

// argumentsOf adds to what is given for dig, kdig or drill where to ask, and
// that a reply that is lost is not asked for again.
func argumentsOf(client string, port int, arguments []string) []string {
	p := strconv.Itoa(port)
	var all []string
	switch client {
	case "dig": // -r: not what ~/.digrc says
		all = []string{"-r", "@127.0.0.1", "-p", p, "+tries=1", "+time=20"}
	case "kdig":
		all = []string{"@127.0.0.1", "-p", p, "+retry=0", "+time=20"}
	case "drill":
		all = []string{"@127.0.0.1", "-p", p}
	}
	return append(all, arguments...)
}

// ask runs a command line of dig, kdig or drill, such as
// "dig +tcp web.marathon.mesos SRV", against a port of this machine.
func ask(t *testing.T, port int, line string) answer {
	t.Helper()
	all := askAll(t, port, line)
	if len(all) != 1 {
		t.Fatalf("%s: %d replies, want one", line, len(all))
	}
	return all[0]
}

// askAll is ask for command lines with several questions.
func askAll(t *testing.T, port int, line string) []answer {
	t.Helper()
	f := strings.Fields(line)
	r := run(t, f[0], argumentsOf(f[0], port, f[1:])...)
	all := parseAnswers(t, r.stderr+r.stdout) // warnings first, as they were printed
	if r.status != 0 || t.Failed() {
		t.Fatalf("%s: exit status %d\n%s", line, r.status, tail(r.String()))
	}
	return all
}

// askMany asks dig a batch of questions, such as "web.marathon.mesos SRV", one
// after the other. There is an answer for each.
func askMany(t *testing.T, port int, questions []string, options ...string) []answer {
	t.Helper()
	args := argumentsOf("dig", port, append(options, "-f", "-"))
	// What stands before -f holds for all lines, except the server.
	var batch strings.Builder
	for _, q := range questions {
		batch.WriteString("@127.0.0.1 " + q + "\n")
	}
	r := runWith(t, strings.NewReader(batch.String()), "dig", args...)
	all := parseAnswers(t, r.stderr+r.stdout) // warnings first, as they were printed
	if r.status != 0 || len(all) != len(questions) {
		t.Fatalf("dig: exit status %d, %d replies to %d questions\n%s", r.status, len(all), len(questions), tail(r.String()))
	}
	return all
}
