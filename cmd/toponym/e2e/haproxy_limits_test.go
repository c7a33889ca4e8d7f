//go:build e2e

package e2e_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"toponym/internal/testutil"
	"toponym/sim"
)

// haproxyValues are values of labels for HAProxy: right ones, and some of tenants
// who are careless or hostile.
var haproxyValues = map[string][]string{
	"VHOST":                            {"a.org", "b.org,c.org", "A.org.", "*.org", "a b", "x\n    bind *:22", "-i", "{ }", "é.org", strings.Repeat("a,", 2000), strings.Repeat("long.", 60) + "org"},
	"PATH":                             {"/", "/x", "-i /X /y", "/a\"b", "/$(id)", "/%[src]", "/x # y", "/{", "x", strings.Repeat("/p ", 40), "/" + strings.Repeat("q", 3000)},
	"PORT":                             {"10001", "10002", "10003", "10004", "10005", "22", "0", "-1", "99999", "10001\n"},
	"BIND_ADDR":                        {"127.0.0.1", "::1", "0.0.0.0", "eth0", "127.0.0.1:22"},
	"MODE":                             {"http", "tcp", "HTTP", "health", "tcp\n"},
	"BALANCE":                          {"roundrobin", "static-rr", "leastconn", "first", "source", "random", "uri", "hdr(host)", "url_param x", "rdp-cookie"},
	"STICKY":                           {"true", "yes", "false", "\""},
	"REDIRECT_TO_HTTPS":                {"true", "1", "0"},
	"USE_HSTS":                         {"true", "no"},
	"SSL_CERT":                         {"/etc/ssl/cert.pem", "/gone", "", "/a b"},
	"BACKEND_WEIGHT":                   {"1", "-5", "1e9", "99999999999999999999"},
	"BACKEND_NETWORK_ALLOWED_ACL":      {"127.0.0.0/8", "10.0.0.1 fd00::/8", "all", "10.0.0.0/33", "-f /etc/passwd", strings.Repeat("10.0.0.1 ", 60)},
	"BACKEND_HTTP_HEALTHCHECK_OPTIONS": {"option httpchk GET /h", "option httpchk HEAD / HTTP/1.1\n http-check send hdr Host a.org\n http-check expect status 200,204\n timeout check 3s", "http-check expect status 200-399", "http-check expect status 500-200", "timeout check 0", "timeout check 99999999s", "http-check send hdr a b", "external-check command /bin/sh"},
	"BACKEND_SERVER_HTTP_HEALTHCHECK_OPTIONS": {"check inter 5s fall 3 rise 2", "inter 0", "inter 100ms fastinter 200 downinter 1m port 80", "inter 99999999999", "fall 0", "agent-check", "fall -1", "inter 000000000001s", "port 0"},
	"BACKEND_HEAD":        {"backend x\n  mode http", "http-request deny"},
	"GROUP":               {"external", "external,other", "other", ""},
	"ENABLED":             {"true", "false"},
	"AUTH":                {"realm:user:secret"},
	"X\n    bind *:22\n#": {"x"},
}

// Whatever labels say, the configuration is one that HAProxy accepts: a tenant must
// not keep the others from being served.
func TestHAProxyAcceptsTheConfigurationWhateverLabelsSay(t *testing.T) {
	t.Parallel()
	require(t, "haproxy")
	const seed, apps = 15, 400
	r := rand.New(rand.NewPCG(seed, 0))
	c := newCluster(t)
	for n := range apps {
		name := fmt.Sprintf("app%d", n)
		if n%3 == 0 {
			name = oddName(r) + strconv.Itoa(n)
		}
		task := labelledTask(name, 1000+n, fmt.Sprintf("10.1.%d.%d", n/200, 1+n%200))
		// Most have a host and a port of their own, and each has few other labels.
		for key, value := range map[string]string{"VHOST": fmt.Sprintf("h%d.org", n), "PORT": strconv.Itoa(20000 + n)} {
			if r.IntN(4) > 0 {
				task.Labels = append(task.Labels, sim.Label{Key: "HAPROXY_0_" + key, Value: value})
			}
		}
		for _, key := range slices.Sorted(maps.Keys(haproxyValues)) {
			if values := haproxyValues[key]; r.IntN(8) == 0 {
				task.Labels = append(task.Labels, sim.Label{Key: "HAPROXY_0_" + key, Value: values[r.IntN(len(values))]})
			}
		}
		c.start(t, n, task)
	}
	s := serve(t, newMaster(t, c.Cluster), settings{"haproxyBindAddresses": []string{"127.0.0.1", "::1"}, "haproxyPorts": []string{"1-65535"}})
	certs := t.TempDir()
	cert, key := testutil.PEMs(t, testutil.NewCA(t).Issue(t, "acme.org"))
	if err := os.WriteFile(filepath.Join(certs, "acme.pem"), append(cert, key...), 0o600); err != nil {
		t.Fatal(err)
	}
	status, body, err := s.get("/v1/sd/haproxy?" + url.Values{"group": {"external"}, "certs": {certs}}.Encode())
	if err != nil || status != http.StatusOK {
		t.Fatalf("got status %d, error %v: %s", status, err, body)
	}
	conf := writeFile(t, "haproxy.cfg", body)
	result := run(t, "haproxy", "-c", "-f", conf)
	backends, ports := strings.Count(body, "\nbackend "), strings.Count(body, "\nfrontend port_")
	if result.status != 0 {
		t.Errorf("seed %d: haproxy -c: got status %d: %s\n%s", seed, result.status, result, body)
	}
	if backends < apps/4 || ports < apps/8 {
		t.Errorf("got %d backends and %d ports of %d apps, want enough for the test to mean something", backends, ports, apps)
	}
}

// An app with more instances than fit into a response over UDP is served by all of
// them, on a port of its own. While Toponym is away, HAProxy keeps the servers that
// it has.
func TestHAProxyWithManyInstancesWhileToponymIsAway(t *testing.T) {
	t.Parallel()
	require(t, "haproxy")
	const many = 150
	c := newCluster(t)
	addresses := addressesFrom("127.0.5.1", many)
	port, front := instances(t, addresses), freePort(t)
	begin := func(number int) {
		c.start(t, number, labelledTask("many", int(port), addresses[number],
			sim.Label{Key: "HAPROXY_0_PORT", Value: strconv.Itoa(front)}, sim.Label{Key: "HAPROXY_0_BIND_ADDR", Value: "127.0.0.1"}))
	}
	for number := range many - 1 {
		begin(number)
	}
	m := newMaster(t, c.Cluster)
	more := settings{"ttl": 1, "haproxyPorts": []string{"10000-30000"}, "haproxyBindAddresses": []string{"127.0.0.1"}}
	s := serve(t, m, more)

	h := &haproxy{socket: filepath.Join(t.TempDir(), "socket"), front: front, started: time.Now(), backend: "marathon_many_0"}
	_, body, err := s.get("/v1/sd/haproxy?group=external&http=none&stats=none&head=none")
	if err != nil {
		t.Fatal(err)
	}
	h.process = start(t, "haproxy", "-db", "-f", writeFile(t, "haproxy.cfg", fmt.Sprintf(haproxyHead, h.socket)+body))
	up := func(want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d servers are up", want), func() (bool, string) {
			if !h.running() {
				t.Fatalf("HAProxy has ended; its configuration is\n%s", body)
			}
			up, err := h.up()
			return len(up) == want, fmt.Sprint(len(up), err)
		})
	}
	up(many - 1)
	h.wantSpread(t, addresses[:many-1])

	s.kill(t)
	sent := func() int { return h.resolverCounters(t)["sent"] }
	before := sent()
	eventually(t, "HAProxy sends queries in vain", func() (bool, string) {
		if servers, err := h.up(); err != nil || len(servers) != many-1 {
			t.Fatalf("while Toponym is away: got %d servers, error %v; want %d", len(servers), err, many-1)
		}
		n := sent() - before
		return n >= 8, fmt.Sprint(n) // more than it tries for one resolution
	})
	h.wantSpread(t, addresses[:many-1])

	begin(many - 1)
	again := &server{port: s.port, url: s.url}
	again.process = start(t, toponym, "-config", configFile(t, m, again, more))
	up(many)
}
