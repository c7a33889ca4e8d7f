//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toponym/sim"
)

// haproxyHead stands before the configuration of /v1/sd/haproxy in tests: HAProxy
// listens on a socket of the test, and logs nothing.
const haproxyHead = `
global
    stats socket %s mode 600 level admin

defaults
    option redispatch 1
    retries 3
    retry-on conn-failure empty-response
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout check 2s
`

// The last example of Calico's page about Marathon: an app with a host is reached
// through HAProxy, over all of its instances. These are followed by DNS, without a
// reload and without a request that fails.
func TestHAProxyServesAnAppByItsHost(t *testing.T) {
	t.Parallel()
	require(t, "haproxy", "curl")
	c := newCluster(t)
	app := &webApp{port: freePort(t), instances: map[string]*http.Server{}}
	launchInstance := func(number int, address string) {
		t.Helper()
		app.listen(t, address)
		c.start(t, number, labelledTask("mytask", app.port, address, sim.Label{Key: "HAPROXY_0_VHOST", Value: "mytask.acme.org"}))
	}
	for number, address := range []string{"127.0.2.1", "127.0.2.2", "127.0.2.3"} {
		launchInstance(number, address)
	}
	s := serve(t, newMaster(t, c.Cluster), settings{"ttl": 1})

	front := freePort(t)
	query := url.Values{"group": {"external"}, "http": {local(front)}, "stats": {"none"}, "head": {"none"}}.Encode()
	body := func() string {
		status, body, err := s.get("/v1/sd/haproxy?" + query)
		if err != nil || status != http.StatusOK {
			t.Fatalf("/v1/sd/haproxy: got status %d, error %v: %s", status, err, body)
		}
		return body
	}
	file := body()
	h := &haproxy{socket: filepath.Join(t.TempDir(), "socket"), front: front, started: time.Now(), backend: "marathon_mytask_0"}
	conf := writeFile(t, "haproxy.cfg", fmt.Sprintf(haproxyHead, h.socket)+file)
	if r := run(t, "haproxy", "-c", "-f", conf); r.status != 0 {
		t.Fatalf("haproxy -c:\n%s\n%s", r, file)
	}
	h.process = start(t, "haproxy", "-db", "-f", conf)
	eventually(t, "three servers are up", func() (bool, string) {
		up, err := h.up()
		return len(up) == 3, fmt.Sprint(len(up), err)
	})

	seen := map[string]int{}
	for range 30 {
		r := run(t, "curl", "-sS", "-f", "-H", "Host: mytask.acme.org", "http://"+local(front)+"/")
		seen[r.stdout]++
		if r.status != 0 {
			t.Fatalf("curl: got status %d: %s", r.status, r)
		}
	}
	for _, address := range []string{"127.0.2.1", "127.0.2.2", "127.0.2.3"} {
		if n := seen[address]; n < 5 || n > 15 {
			t.Errorf("%s: got %d of 30 requests, want about 10", address, n)
		}
	}
	if r := run(t, "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Host: other.acme.org", "http://"+local(front)+"/"); r.stdout != "503" {
		t.Errorf("another host: got status %s, want 503", r.stdout)
	}

	traffic := send(t, front, "mytask.acme.org")
	follow := func(what string, change func(), followed func(since time.Time) (bool, string)) {
		t.Helper()
		begin := time.Now()
		change()
		eventually(t, "HAProxy follows "+what, func() (bool, string) { return followed(begin) })
		t.Logf("%s: HAProxy has followed after %v", what, time.Since(begin).Round(time.Millisecond))
	}
	served := func(address string) func(time.Time) (bool, string) {
		return func(since time.Time) (bool, string) {
			return traffic.last(address).After(since), "no answer of " + address
		}
	}
	unused := func(address string) func(time.Time) (bool, string) {
		return func(time.Time) (bool, string) {
			up, err := h.up()
			_, used := up[address]
			return err == nil && !used, fmt.Sprintf("%s is used: %v, error %v", address, used, err)
		}
	}
	follow("an added instance", func() { launchInstance(3, "127.0.2.4") }, served("127.0.2.4"))
	follow("a moved instance", func() {
		launchInstance(4, "127.0.2.5")
		app.kill("127.0.2.1")
		c.end(t, "mytask", 0)
	}, func(since time.Time) (bool, string) {
		if ok, got := served("127.0.2.5")(since); !ok {
			return ok, got
		}
		return unused("127.0.2.1")(since)
	})
	follow("an unhealthy instance", func() {
		if err := c.SetHealth(c.marathon, "mytask.1", false); err != nil {
			t.Fatal(err)
		}
	}, unused("127.0.2.2"))
	follow("an instance that is healthy again", func() {
		if err := c.SetHealth(c.marathon, "mytask.1", true); err != nil {
			t.Fatal(err)
		}
	}, served("127.0.2.2"))
	follow("a killed instance", func() {
		app.kill("127.0.2.3")
		c.end(t, "mytask", 2)
	}, unused("127.0.2.3"))
	// The agent is cut off: Mesos says nothing, and health checks notice.
	follow("an instance that Mesos thinks is there", func() { app.kill("127.0.2.4") }, unused("127.0.2.4"))
	traffic.finish(t)

	if now := body(); now != file {
		t.Errorf("the configuration has changed with instances: got\n%s\nwant\n%s", now, file)
	}
}

// labelledTask is a task on a container network with labels for HAProxy.
func labelledTask(name string, port int, address string, labels ...sim.Label) sim.Task {
	task := networkTask(name, uint16(port), address)
	task.Labels = append([]sim.Label{{Key: "HAPROXY_GROUP", Value: "external"}}, labels...)
	return task
}

// The command reloads HAProxy for a new app, and requests for the others do not
// notice.
func TestHAProxyCommandKeepsTheFileUpToDate(t *testing.T) {
	t.Parallel()
	require(t, "haproxy")
	c := newCluster(t)
	app := &webApp{port: freePort(t), instances: map[string]*http.Server{}}
	launch := func(name string, number int, address string) {
		t.Helper()
		app.listen(t, address)
		c.start(t, number, labelledTask(name, app.port, address, sim.Label{Key: "HAPROXY_0_VHOST", Value: name + ".acme.org"}))
	}
	launch("first", 0, "127.0.3.1")
	launch("first", 1, "127.0.3.2")
	s := serve(t, newMaster(t, c.Cluster), settings{"ttl": 1})

	dir, front := t.TempDir(), freePort(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	head := fmt.Sprintf(haproxyHead, in("socket"))
	head = strings.Replace(head, "defaults\n", "    server-state-file "+in("state")+"\n\ndefaults\n    load-server-state-from-file global\n", 1)
	writeHead := func(text string) {
		t.Helper()
		if err := os.WriteFile(in("head"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeHead(head)
	flags := []string{
		"haproxy", "-server", s.url, "-group", "external", "-http", local(front), "-stats", "none", "-head", in("head"), "-out", in("haproxy.cfg"),
		"-state", in("state"), "-socket", in("socket"), "-reload", "kill -USR2 $(cat " + in("pid") + ")", "-interval", "100ms", "-pause", "0s",
	}
	if r := run(t, toponym, append(flags, "-once", "-reload", "")...); r.status != 0 {
		t.Fatalf("toponym haproxy -once: got status %d: %s", r.status, r)
	}
	h := &haproxy{socket: in("socket"), front: front, backend: "marathon_first_0"}
	h.process = start(t, "haproxy", "-W", "-db", "-p", in("pid"), "-f", in("haproxy.cfg"))
	up := func(backend string, want int) {
		t.Helper()
		h.backend = backend
		eventually(t, fmt.Sprintf("%d servers of %s are up", want, backend), func() (bool, string) {
			up, err := h.up()
			return len(up) == want, fmt.Sprint(len(up), err)
		})
	}
	up("marathon_first_0", 2)
	traffic := send(t, front, "first.acme.org")
	command := start(t, toponym, flags...)

	for n := range 3 {
		name := fmt.Sprintf("new%d", n)
		launch(name, n, fmt.Sprintf("127.0.3.%d", 10+n))
		up(fmt.Sprintf("marathon_%s_0", name), 1)
		if body, err := get(&http.Client{Timeout: patience}, front, name+".acme.org"); err != nil || body != fmt.Sprintf("127.0.3.%d", 10+n) {
			t.Errorf("%s: got %q, error %v", name, body, err)
		}
	}
	eventually(t, "three reloads", func() (bool, string) {
		n := strings.Count(command.stderr.String(), "HAProxy is reloaded")
		return n == 3, fmt.Sprint(n)
	})

	before, err := os.ReadFile(in("haproxy.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	writeHead(head + "    unheard-of\n")
	eventually(t, "the log says what HAProxy says about the wrong file", func() (bool, string) {
		log := command.stderr.String()
		return strings.Contains(log, "keeping the old one") && strings.Contains(log, "unknown keyword 'unheard-of' in 'defaults' section"), tail(log)
	})
	if after, err := os.ReadFile(in("haproxy.cfg")); err != nil || string(after) != string(before) {
		t.Errorf("after a wrong one: got the file\n%s\nerror %v, want\n%s", after, err, before)
	}
	traffic.finish(t)
	command.terminate(t)
	if status := command.wait(t); status != 0 {
		t.Errorf("after SIGTERM: got status %d, want 0", status)
	}
}
