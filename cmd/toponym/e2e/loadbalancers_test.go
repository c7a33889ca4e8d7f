//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// configOf returns the configuration of a program in docs/load-balancers.md, with
// texts replaced in pairs. All of them must be there.
func configOf(t *testing.T, program string, replace ...string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/load-balancers.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?ms)^```" + program + "\n(.*?)^```$").FindSubmatch(page)
	if m == nil {
		t.Fatalf("docs/load-balancers.md: got no configuration of %s, want one", program)
	}
	conf := string(m[1])
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(conf, replace[i]) {
			t.Fatalf("the configuration of %s: got no %q, want it in\n%s", program, replace[i], conf)
		}
		conf = strings.ReplaceAll(conf, replace[i], replace[i+1])
	}
	return conf
}

// The configurations that the documentation has for load balancers reach all
// instances of an app, and follow one that is added and one that is killed without
// a request that fails.
func TestLoadBalancersOfTheDocumentation(t *testing.T) {
	t.Parallel()
	for network, b := range []struct {
		program string
		start   func(t *testing.T, s *server, app *webApp, front int) *process
	}{
		{"haproxy", func(t *testing.T, s *server, _ *webApp, front int) *process {
			conf := configOf(t, "haproxy", "10.0.0.53:53", s.addr(), "*:80", local(front))
			return start(t, "haproxy", "-db", "-f", writeFile(t, "haproxy.cfg", conf))
		}},
		{"nginx", func(t *testing.T, s *server, app *webApp, front int) *process {
			conf := configOf(t, "nginx", "10.0.0.53:53", s.addr(), "0.0.0.0:80", local(front), ":8080", fmt.Sprintf(":%d", app.port))
			dir := t.TempDir()
			return start(t, "nginx", "-p", dir, "-e", "stderr", "-g", "daemon off; master_process off; pid "+filepath.Join(dir, "pid")+";", "-c", writeFile(t, "nginx.conf", conf))
		}},
		{"caddy", func(t *testing.T, s *server, _ *webApp, front int) *process {
			conf := "{\n\tadmin off\n}\n" + configOf(t, "caddy", "10.0.0.53:53", s.addr(), ":80 {\n", fmt.Sprintf(":%d {\n\tbind 127.0.0.1\n", front))
			cmd := exec.Command("caddy", "run", "--adapter", "caddyfile", "--config", writeFile(t, "Caddyfile", conf))
			dir := t.TempDir()
			cmd.Env = []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
			return startCommand(t, cmd)
		}},
	} {
		t.Run(b.program, func(t *testing.T) {
			t.Parallel()
			require(t, b.program)
			addresses := addressesFrom(fmt.Sprintf("127.0.4.%d", 1+10*network), 4)
			c := newCluster(t)
			app := &webApp{port: freePort(t), instances: map[string]*http.Server{}}
			launch := func(number int) {
				app.listen(t, addresses[number])
				c.start(t, number, networkTask("web", uint16(app.port), addresses[number]))
			}
			for number := range 3 {
				launch(number)
			}
			front := freePort(t)
			s := serve(t, newMaster(t, c.Cluster), settings{"ttl": 1})
			p := b.start(t, s, app, front)
			reached := func(want ...string) func() (bool, string) {
				seen := map[string]bool{}
				return func() (bool, string) {
					if !p.running() {
						t.Fatalf("%s has ended", b.program)
					}
					body, err := get(&http.Client{Timeout: patience}, front, "web.example.com")
					if err == nil {
						seen[body] = true
					}
					missing := slices.DeleteFunc(slices.Clone(want), func(a string) bool { return seen[a] })
					return len(missing) == 0, fmt.Sprintf("no answer of %v, error %v", missing, err)
				}
			}
			eventually(t, "three instances are reached", reached(addresses[:3]...))
			traffic := send(t, front, "web.example.com")
			launch(3)
			eventually(t, "the added instance is reached", reached(addresses[3]))
			app.kill(addresses[0])
			c.end(t, "web", 0)
			eventually(t, "the others are reached", reached(addresses[1:]...))
			traffic.wait(t, 500) // some after the TTL
			traffic.finish(t)
		})
	}
}

// Prometheus takes targets from the configuration of the documentation.
func TestPrometheusOfTheDocumentation(t *testing.T) {
	t.Parallel()
	require(t, "prometheus")
	c := newCluster(t)
	for number, address := range addressesFrom("127.0.4.101", 3) {
		c.start(t, number, networkTask("web", exporter(t, address, "/metrics"), address))
	}
	c.start(t, 0, networkTask("other", 80, "127.0.4.110"))
	s := serve(t, newMaster(t, c.Cluster), nil)
	web := freePort(t)
	conf := configOf(t, "prometheus", "10.0.0.53:8123", s.web(), "refresh_interval: 5s", "refresh_interval: 1s\n    # a shorter time for the test")
	conf = "global:\n  scrape_interval: 1s\n" + conf
	start(t, "prometheus", "--config.file="+writeFile(t, "prometheus.yml", conf), "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+local(web))
	want := []string{"web up", "web up", "web up"}
	eventually(t, "Prometheus scrapes three tasks", scrapes(web, "mesos", want))
	c.end(t, "web", 1)
	eventually(t, "Prometheus drops the task that has ended", scrapes(web, "mesos", want[:2]))
}
