//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"toponym/internal/fakemesosdns"
)

// oldServer is the Mesos-DNS of the migration: a stand-in that answers like it, at the
// ports of its configuration file.
type oldServer struct {
	*fakemesosdns.Server
	dnsPort, webPort int

	stopDNS func()
	web     *http.Server
}

// newOldServer starts a stand-in that has read the state of a master.
func newOldServer(t *testing.T, m *master) *oldServer {
	t.Helper()
	resp, err := http.Get("http://" + m.addr.String() + "/master/state")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	state, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	s := fakemesosdns.Settings{Listener: "127.0.0.1", Masters: []string{m.addr.String()}}
	z, err := fakemesosdns.Generate(state, s)
	if err != nil {
		t.Fatal(err)
	}
	o := &oldServer{Server: fakemesosdns.NewServer(s), dnsPort: freePort(t), webPort: freePort(t)}
	o.RefreshSeconds = 1
	o.SetZone(z)
	o.start(t)
	t.Cleanup(o.stop)
	return o
}

func (o *oldServer) start(t *testing.T) {
	t.Helper()
	eventually(t, "the stand-in for Mesos-DNS listens", func() (bool, string) {
		stop, err := o.ListenDNS(netip.MustParseAddrPort(local(o.dnsPort)))
		if err != nil {
			return false, err.Error()
		}
		l, err := net.Listen("tcp", local(o.webPort))
		if err != nil {
			stop()
			return false, err.Error()
		}
		o.stopDNS, o.web = stop, &http.Server{Handler: o}
		go o.web.Serve(l)
		return true, ""
	})
}

func (o *oldServer) stop() {
	if o.web != nil {
		o.stopDNS()
		_ = o.web.Close()
		o.web = nil
	}
}

// serviceManager stands in for systemctl: it starts and stops both servers.
type serviceManager struct {
	t      *testing.T
	old    *oldServer
	config string
	new    *process
}

// do is what "systemctl VERB UNIT" does.
func (s *serviceManager) do(verb, unit string) error {
	switch verb + " " + unit {
	case "stop mesos-dns":
		s.old.stop()
	case "start mesos-dns":
		s.old.start(s.t)
	case "start toponym":
		s.new = start(s.t, toponym, "-config", s.config)
		eventually(s.t, "Toponym is ready", func() (bool, string) {
			resp, err := http.Get("http://" + local(s.old.webPort) + "/readyz")
			if err != nil {
				return false, err.Error()
			}
			resp.Body.Close()
			return resp.StatusCode == http.StatusOK, resp.Status
		})
	case "stop toponym":
		s.new.terminate(s.t)
		s.new.wait(s.t)
	default:
		return fmt.Errorf("systemctl %s %s: no such command", verb, unit)
	}
	return nil
}

// The commands of docs/migration.md lead from a stand-in for Mesos-DNS to Toponym and
// back, in the order of the page.
func TestCommandsOfTheMigrationPage(t *testing.T) {
	requireTool(t, "dig", "bind9-dnsutils")
	requireTool(t, "curl", "curl")
	page, err := os.ReadFile("../../../docs/migration.md")
	if err != nil {
		t.Fatal(err)
	}
	m := newMaster(t, example(t).Cluster)
	old := newOldServer(t, m)
	dir := t.TempDir()
	file := func(name string, content any) string {
		b, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := file("mesos-dns.json", settings{
		"masters": []string{m.addr.String()}, "listener": "127.0.0.1", "port": old.dnsPort,
		"HTTPListener": "127.0.0.1", "httpport": old.webPort, "refreshSeconds": 1, "externalon": false,
	})
	ports := map[string]int{"5353": freePort(t), "8124": freePort(t), "5354": freePort(t), "8125": freePort(t)}
	file("edge.json", settings{
		"masters": []string{m.addr.String()}, "domain": "edge", "listener": "127.0.0.1", "HTTPListener": "127.0.0.1",
		"resolvers": []string{"127.0.0.1:1"}, "zoneResolvers": map[string][]string{"mesos": {local(ports["5353"])}},
	})
	installed := filepath.Join(dir, "toponym.json")
	manager := &serviceManager{t: t, old: old, config: installed}
	units := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := manager.do(r.FormValue("verb"), r.FormValue("unit")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	defer units.Close()
	programs := filepath.Join(dir, "bin")
	if err := os.Mkdir(programs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(toponym, filepath.Join(programs, "toponym")); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec curl -fsS \"%s/?verb=$1&unit=$2\"\n", units.URL)
	if err := os.WriteFile(filepath.Join(programs, "systemctl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	replace := []string{
		"/etc/mesos-dns/config.json", config, "/etc/toponym/config.json", installed,
		" -g toponym ", " ", // a group that the package makes
		"10.0.0.1:5050", m.addr.String(),
		"127.0.0.1:8123", local(old.webPort), "dig @127.0.0.1 +short", fmt.Sprintf("dig @127.0.0.1 -p %d +short", old.dnsPort),
	}
	for is, port := range ports {
		replace = append(replace, "-p "+is, fmt.Sprint("-p ", port), "PORT="+is, fmt.Sprint("PORT=", port), "127.0.0.1:"+is, local(port))
	}
	shell := func(command string) *exec.Cmd {
		c := exec.Command("sh", "-c", command)
		c.Dir = dir
		c.Env = append(environ(), "PATH="+programs+":"+os.Getenv("PATH"))
		return c
	}
	commands := regexp.MustCompile(`(?m)^    \$ (.*)$`).FindAllStringSubmatch(string(page), -1)
	if len(commands) < 20 {
		t.Fatalf("got %d commands in docs/migration.md, want at least 20", len(commands))
	}
	for _, match := range commands {
		command := strings.NewReplacer(replace...).Replace(match[1])
		if background, ok := strings.CutSuffix(command, " &"); ok {
			startCommand(t, shell("exec env "+background))
			continue
		}
		// A server that a command has just started takes its time.
		eventually(t, match[1]+" works", func() (bool, string) {
			out, err := shell(command).CombinedOutput()
			return err == nil && worked(match[1], string(out)), fmt.Sprintf("%v\n%s", err, out)
		})
	}
	for name, want := range map[string]string{"compare.html": "<!DOCTYPE html>", "compare.json": `"unexplained": 0`} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: got %v and %.200q, want %q in it", name, err, text, want)
		}
	}
}

// worked reports whether the output of a command that ended with status 0 is what the
// reader of the page expects.
func worked(command, out string) bool {
	switch {
	case strings.HasPrefix(command, "dig "):
		return strings.TrimSpace(out) == "127.0.0.1" // the address of the leading master
	case strings.Contains(command, "/v1/hosts/"):
		return strings.Contains(out, `"ip": "127.0.0.1"`)
	case strings.HasPrefix(command, "toponym compare") && !strings.Contains(command, ">"):
		return strings.Contains(out, " 0 differ without explanation")
	case strings.HasPrefix(command, "toponym check"):
		return strings.Contains(out, "masters")
	}
	return true
}
