//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// namespace is a network namespace that has only a loopback interface, and whose
// resolv.conf names only Toponym. It ends with the test.
type namespace struct{ pid string }

// newNamespace needs root. Without root the test is skipped, except in CI. It runs
// beside others, as nothing outside of a namespace is shared.
func newNamespace(t *testing.T) namespace {
	t.Helper()
	t.Parallel()
	require(t, "unshare", "nsenter", "ip")
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("a network namespace needs root")
		}
		t.Skip("a network namespace needs root")
	}
	conf := writeFile(t, "resolv.conf", "nameserver 127.0.0.1\n")
	if err := os.Chmod(conf, 0o644); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(t.TempDir(), "ready")
	// glibc asks for addresses of a family only when the machine has an address of
	// that family that is not a loopback address.
	p := start(t, "unshare", "--net", "--mount", "--propagation", "private", "--", "sh", "-ec",
		fmt.Sprintf("mount --bind %s /etc/resolv.conf; ip link set lo up; ip address add 198.18.0.1/32 dev lo; ip address add fd00:18::1/128 dev lo || true; touch %s; exec sleep 600", conf, ready))
	eventually(t, "the namespace is there", func() (bool, string) {
		if !p.running() {
			t.Fatalf("unshare has ended: %s", p.stderr.String())
		}
		_, err := os.Stat(ready)
		return err == nil, fmt.Sprint(err)
	})
	return namespace{fmt.Sprint(p.cmd.Process.Pid)}
}

// command returns the arguments of nsenter that run line in the namespace.
func (n namespace) command(line ...string) []string {
	return append([]string{"-t", n.pid, "-n", "-m", "--"}, line...)
}

func (n namespace) start(t *testing.T, line ...string) *process {
	t.Helper()
	return start(t, "nsenter", n.command(line...)...)
}

func (n namespace) run(t *testing.T, line ...string) result {
	t.Helper()
	return run(t, "nsenter", n.command(line...)...)
}

// muslProgram prints the addresses that getaddrinfo finds.
const muslProgram = `#include <netdb.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
	struct addrinfo hints, *list, *a;
	char text[64];
	memset(&hints, 0, sizeof hints);
	hints.ai_socktype = SOCK_STREAM;
	int error = getaddrinfo(argv[1], 0, &hints, &list);
	if (error) { printf("%s\n", gai_strerror(error)); return 1; }
	for (a = list; a; a = a->ai_next) {
		void *addr = a->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr : (void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr;
		puts(inet_ntop(a->ai_family, addr, text, sizeof text));
	}
	return 0;
}
`

const nodeProgram = `const dns = require('dns');
const all = [];
const name = process.argv[1];
dns.resolve4(name, (e4, four) => dns.resolve6(name, (e6, six) => {
	for (const a of (four || []).concat(six || [])) console.log(a);
	if (!four && !six) { console.log(e4.code); process.exit(1); }
}));
`

// goLookup names the environment variable that tells this test program to look
// up a name with Go's resolver.
const goLookup = "E2E_LOOK_UP"

func TestGoLookup(t *testing.T) {
	name := os.Getenv(goLookup)
	if name == "" {
		t.Skip("runs in a namespace that another test makes")
	}
	found, err := (&net.Resolver{PreferGo: true}).LookupHost(t.Context(), name)
	if err != nil {
		fmt.Println(err)
		t.Fail()
	}
	for _, a := range found {
		fmt.Println(a)
	}
}

// Toponym can be the only name server of a node: for C programs with glibc and
// with musl, for busybox, Go, and Node with c-ares.
func TestOnlyNameServerOfANode(t *testing.T) {
	n := newNamespace(t)
	require(t, "nsd", "musl-gcc", "node", "busybox", "getent")
	n.start(t, "nsd", "-d", "-c", nsdFiles(t, "127.0.0.2", 53))
	n.start(t, toponym, "demo", "-dns", "127.0.0.3:53", "-http", "127.0.0.3:8123", "-every", "10m")
	config, err := json.Marshal(settings{
		"masters": []string{"127.0.0.1:5050"}, "listener": "127.0.0.1", "port": 53, "HTTPListener": "127.0.0.1", "refreshSeconds": 1,
		"zoneResolvers": map[string]any{outsideName: []string{"127.0.0.2"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	n.start(t, toponym, "-config", writeFile(t, "config.json", string(config)))

	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	source, musl := writeFile(t, "lookup.c", muslProgram), filepath.Join(dir, "lookup-musl")
	if r := run(t, "musl-gcc", "-static", "-o", musl, source); r.status != 0 {
		t.Fatal(r)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cluster is known", func() (bool, string) {
		r := n.run(t, "getent", "ahostsv4", "nginx.marathon.mesos")
		return r.status == 0, r.String()
	})
	for _, client := range []struct {
		name string
		tcp  bool // retries truncated responses over TCP
		line func(name string) []string
	}{
		{"glibc", true, func(name string) []string { return []string{"getent", "ahosts", name} }},
		// Before version 1.2.4.
		{"musl", false, func(name string) []string { return []string{musl, name} }},
		{"busybox", false, func(name string) []string { return []string{"busybox", "nslookup", name} }},
		{"Go", true, func(name string) []string {
			return []string{"env", goLookup + "=" + name, self, "-test.run=^TestGoLookup$"}
		}},
		{"Node", true, func(name string) []string { return []string{"node", "-e", nodeProgram, name} }},
	} {
		t.Run(client.name, func(t *testing.T) {
			for _, x := range []struct {
				ask  string
				want []string
			}{
				{"www." + outsideName, []string{"192.0.2.1", "2001:db8::1"}},
				{"x.any." + outsideName, []string{"192.0.2.7"}},
				{"big." + outsideName, []string{"10.9.0.0", "10.9.0.199"}},
				{"nginx.marathon.mesos", []string{"192.168."}},
				{"nope." + outsideName, nil},
				{"nope.marathon.mesos", nil},
			} {
				r := n.run(t, client.line(x.ask)...)
				if (r.status == 0) != (x.want != nil) {
					t.Errorf("%s: exit status %d\n%s", x.ask, r.status, r)
				}
				for i, want := range x.want {
					if i > 0 && strings.HasPrefix(x.ask, "big.") && !client.tcp {
						continue // it uses what fits in a packet
					}
					if !strings.Contains(r.stdout, want) {
						t.Errorf("%s: got\n%s\nwant %s in it", x.ask, tail(r.String()), want)
					}
				}
			}
		})
	}
}
