//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toponym/internal/testutil"
)

// host is a namespace with a directory in which a reader works.
type host struct {
	namespace
	dir     string
	running map[string]*process // by the program
}

// newHost is a host with the files that a page takes for granted, a simulated cluster, a
// server, and the app web.
func newHost(t *testing.T, page string) *host {
	t.Helper()
	h := &host{namespace: newNamespace(t), dir: t.TempDir(), running: map[string]*process{}}
	for _, d := range []string{"bin", "etc/toponym", "etc/haproxy/certs", "etc/mesos-dns", "etc/systemd/system", "usr/bin", "var/lib/haproxy"} {
		if err := os.MkdirAll(filepath.Join(h.dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"bin/toponym": toponym, "bin/mesos-sim": mesosSim} {
		if err := os.Symlink(to, filepath.Join(h.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	deploy, err := filepath.Abs(filepath.Join(source, "deploy"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(deploy, filepath.Join(h.dir, "deploy")); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"systemctl", "systemd-sysusers"} { // which need a systemd or change the machine
		h.write(t, "bin/"+program, "#!/bin/sh\n", 0o755)
	}
	if page == "docs/simulation.md" {
		b, err := os.ReadFile(filepath.Join(source, page))
		if err != nil {
			t.Fatal(err)
		}
		_, scenario, _ := strings.Cut(string(b), "```yaml\n")
		scenario, _, _ = strings.Cut(scenario, "```")
		h.write(t, "shop.yaml", scenario, 0o644)
		h.write(t, "app.json", `{"id": "/app", "cmd": "serve"}`, 0o644)
		return h
	}
	for _, a := range []string{"10.0.0.1", "10.0.0.5", "10.0.0.53", "10.0.1.1"} {
		h.mustRun(t, "ip", "address", "add", a+"/32", "dev", "lo")
	}
	h.start(t, toponym, "demo", "-master", "10.0.0.1:5050", "-dns", "127.0.0.1:8053", "-http", "127.0.0.1:8124", "-marathon", "127.0.0.1:8080", "-every", "2s")
	h.configure(t)
	h.enter(t, "bin/toponym -config config.json")
	const web = `{"id": "/web", "cmd": "serve", "portDefinitions": [{"name": "http"}]}`
	h.write(t, "web.json", web, 0o644)
	if page != "docs/marathon.md" { // which starts it
		h.enter(t, "curl -s -d @web.json http://127.0.0.1:8080/v2/apps")
	}
	h.enter(t, "dig @127.0.0.1 +short nginx.marathon.mesos")
	if page != "docs/marathon.md" {
		h.enter(t, "dig @127.0.0.1 +short web.marathon.mesos")
	}
	return h
}

func (h *host) write(t *testing.T, name, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// configure writes settings that serve all that the pages ask for.
func (h *host) configure(t *testing.T) {
	t.Helper()
	ca := testutil.NewCA(t)
	cert, key := testutil.PEMs(t, ca.Issue(t, "ns1.example.com"))
	etc := func(name string) string { return filepath.Join(h.dir, "etc/toponym", name) }
	h.write(t, "ca.pem", string(ca.PEM()), 0o644)
	h.write(t, "etc/toponym/cert.pem", string(cert), 0o644)
	h.write(t, "etc/toponym/key.pem", string(key), 0o600)
	const token = "0123456789abcdef0123456789abcdef"
	h.write(t, "axfr.token", token+"\n", 0o600)
	h.write(t, "etc/toponym/axfr.token", token+"\n", 0o600)
	secret := "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	h.write(t, "secondary.key", secret+"\n", 0o600)
	h.write(t, "etc/toponym/secondary.key", secret+"\n", 0o600)
	h.write(t, "hosts.zone", "$ORIGIN example.com.\n$TTL 60\n@ SOA ns1 root 1 60 600 86400 60\n NS ns1\nns1 A 10.0.0.5\nmarathon A 127.0.0.1\n", 0o644)
	path := writeJSON(t, "config.json", settings{
		"masters": []string{"10.0.0.1:5050"}, "refreshSeconds": 1, "stateDir": filepath.Join(h.dir, "var/lib"),
		"tsigKeys":      map[string]any{"secondary.example": map[string]string{"secretFile": etc("secondary.key")}},
		"transferAllow": []string{"10.0.0.0/8 key:secondary.example", "10.0.1.0/24"}, "catalogZone": "catalog.example",
		"notify":      []string{"10.0.1.1 key:secondary.example", "10.0.1.2 key:secondary.example"},
		"staticZones": []string{filepath.Join(h.dir, "hosts.zone")}, "externalon": false,
		"tlsListen": "10.0.0.5:853", "tlsCertFile": etc("cert.pem"), "tlsKeyFile": etc("key.pem"), "httpsListen": "0.0.0.0:8443",
		"httpAuth": map[string]any{"/v1/axfr": map[string]any{"tokenFiles": []string{etc("axfr.token")}, "networks": []string{"127.0.0.0/8"}}},
	})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h.write(t, "config.json", string(b), 0o600)
	h.write(t, "etc/toponym/config.json", string(b), 0o600)
}

// enter runs a command of a page until it works. One that does not end is stopped at
// the end of the test, or when the same one is entered with other flags.
func (h *host) enter(t *testing.T, command string) {
	t.Helper()
	var replace []string
	for _, dir := range []string{"/etc/", "/usr/bin/", "/var/lib/"} {
		replace = append(replace, " "+dir, " "+h.dir+dir)
	}
	// A page need not say that an error is one, nor wait for the largest of clusters.
	line := strings.NewReplacer(append(replace, "curl ", "curl -f ", "-tasks 100000", "-tasks 1000")...).Replace(command)
	line = "cd " + h.dir + "; PATH=" + h.dir + "/bin:$PATH; " + line
	words := strings.Fields(command)
	kind := strings.Join(words[:min(2, len(words))], " ")
	if want, found := endless[kind]; found {
		h.follow(t, words[0], kind, line, want)
		return
	}
	want := ""
	for beginning, shown := range shows {
		if strings.HasPrefix(command, beginning) {
			want = shown
		}
	}
	eventually(t, command+" works and prints "+want, func() (bool, string) {
		r := h.run(t, "sh", "-c", line)
		return r.status == 0 && strings.Contains(r.stdout, want), fmt.Sprintf("exit status %d\n%s", r.status, tail(r.String()))
	})
}

// follow runs a command that does not end until it has printed what is wanted.
func (h *host) follow(t *testing.T, program, kind, line, want string) {
	t.Helper()
	if program == "bin/mesos-sim" {
		kind = program // all of them have the same address
	}
	if p := h.running[kind]; p != nil {
		p.terminate(t)
		p.wait(t)
	}
	at := strings.LastIndex(line, "; ") + 2
	p := h.start(t, "sh", "-c", line[:at]+"exec "+line[at:])
	h.running[kind] = p
	eventually(t, line+" prints "+want, func() (bool, string) {
		if !p.running() {
			t.Fatalf("%s: has ended, want that it runs until it is stopped", line)
		}
		if strings.HasSuffix(kind, " top") { // it shows what is asked meanwhile
			h.run(t, "dig", "@127.0.0.1", "+short", "nginx.marathon.mesos")
		}
		out := p.stdout.String() + p.stderr.String()
		return strings.Contains(out, want), tail(out)
	})
}

// endless are commands that run until they are stopped, by their first two words, and what
// they print or log when they work.
var endless = map[string]string{
	"bin/toponym -config":     "following the events of the leading master",
	"bin/toponym top":         "nginx.marathon.mesos",
	"bin/toponym watch":       "cart-shop.marathon.mesos.",
	"bin/mesos-sim":           "/master/state",
	"bin/mesos-sim -tasks":    "/master/state",
	"bin/mesos-sim -scenario": "/master/state",
	"toponym haproxy":         "haproxy.cfg",
}

// shows has what commands print that end with status 0 in any case, by their beginnings.
var shows = map[string]string{
	"dig @127.0.0.1 web.marathon.mesos":      "status: NOERROR",
	"dig @127.0.0.1 _web._tcp":               "status: NOERROR",
	"dig @10.0.0.5 mesos AXFR":               "SOA",
	"dig @10.0.1.1 mesos SOA +short":         "ns1.mesos.",
	"dig @127.0.0.1 +short":                  ".",
	"kdig":                                   "status: NOERROR",
	"curl -s 'http://127.0.0.1:8123/v1/inst": "cart",
}
