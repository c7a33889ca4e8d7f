//go:build e2e

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"toponym/internal/testutil"
)

// haproxyConf balances over the instances of an app, whose addresses and ports
// HAProxy takes from SRV records. Its times are short, so that a server that flaps
// shows soon.
const haproxyConf = `
global
	stats socket %[1]s mode 600 level admin

defaults
	mode tcp
	timeout connect 5s
	timeout client 30s
	timeout server 30s

resolvers toponym
	nameserver toponym 127.0.0.1:%[2]d
	accepted_payload_size 8192
	resolve_retries 3
	timeout resolve 500ms
	timeout retry 1s
	hold valid 500ms
	hold obsolete 1s
	hold nx 1s
	hold timeout 1s
	hold refused 1s
	hold other 1s

listen web
	bind 127.0.0.1:%[3]d
	balance roundrobin
	default-server check inter 2s fall 3 rise 1
	server-template srv %[4]d _web._tcp.marathon.mesos resolvers toponym init-addr none
`

// haproxyServers is the number of instances, each with its own address.
const haproxyServers = 40

func TestHAProxy(t *testing.T) {
	t.Parallel()
	require(t, "haproxy")
	c := newCluster(t)
	addresses := addressesFrom("127.0.1.1", haproxyServers)
	c.app(t, "web", haproxyServers, addresses[0], instances(t, addresses))
	s := serve(t, newMaster(t, c.Cluster), settings{"ttl": 1})

	h := &haproxy{socket: filepath.Join(t.TempDir(), "socket"), front: freePort(t), backend: "web", started: time.Now()}
	conf := writeFile(t, "haproxy.cfg", fmt.Sprintf(haproxyConf, h.socket, s.port, h.front, haproxyServers))
	if r := run(t, "haproxy", "-c", "-f", conf); r.status != 0 {
		t.Fatalf("haproxy -c:\n%s", r)
	}
	h.process = start(t, "haproxy", "-db", "-f", conf)

	allUp := func(want int) func() (bool, string) {
		return func() (bool, string) {
			if !h.running() {
				t.Fatal("HAProxy has ended")
			}
			up, err := h.up()
			return len(up) == want, fmt.Sprintf("%d, error %v", len(up), err)
		}
	}
	eventually(t, fmt.Sprintf("%d servers are up", haproxyServers), allUp(haproxyServers))
	h.wantSteady(t, addresses)
	h.wantSpread(t, addresses)
	h.wantCleanAnswers(t)

	// One instance ends: its server goes, the others stay as they are.
	c.end(t, "web", 7)
	eventually(t, "the ended instance is gone", func() (bool, string) {
		up, err := h.up()
		_, there := up[addresses[7]]
		return len(up) == haproxyServers-1 && !there, fmt.Sprintf("%d servers up, the ended one among them: %v, error %v", len(up), there, err)
	})
	h.wantSteady(t, append(addresses[:7:7], addresses[8:]...))
}

// instances listens on one port of each address. Each connection is sent the
// address.
func instances(t *testing.T, addresses []string) uint16 {
	t.Helper()
	port := freePort(t)
	for _, a := range addresses {
		testutil.Serve(t, "tcp", net.JoinHostPort(a, strconv.Itoa(port)), func(c net.Conn) {
			_, _ = io.WriteString(c, a) // health checks do not read it
		})
	}
	return uint16(port)
}

type haproxy struct {
	*process
	socket  string
	front   int    // port
	backend string // or the listen section
	started time.Time
}

// command sends a command to HAProxy's stats socket and returns the output.
func (h *haproxy) command(line string) (string, error) {
	c, err := net.DialTimeout("unix", h.socket, patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	b, err := io.ReadAll(c)
	return string(b), err
}

// up returns the servers that take connections, by address.
func (h *haproxy) up() (map[string]backend, error) {
	text, err := h.command("show servers state " + h.backend)
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	up := map[string]backend{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) > 2 && f[0] == "#" {
			for i, name := range f[1:] {
				column[name] = i
			}
		}
		if len(f) < 10 || f[0] == "#" || f[column["srv_op_state"]] != "2" {
			continue
		}
		admin, err := strconv.Atoi(f[column["srv_admin_state"]])
		if err != nil {
			return nil, err
		}
		if admin&^nameFromDNS != 0 {
			continue
		}
		seconds, err := strconv.Atoi(f[column["srv_time_since_last_change"]])
		if err != nil {
			return nil, err
		}
		up[f[column["srv_addr"]]] = backend{f[column["srv_name"]], time.Now(), time.Duration(seconds) * time.Second}
	}
	return up, nil
}

// nameFromDNS is the bit of srv_admin_state for a server whose host name came
// from an SRV record. All other bits take a server out of use.
const nameFromDNS = 0x40

// backend is a server of HAProxy that is up.
type backend struct {
	name      string
	seen      time.Time     // when HAProxy was asked
	unchanged time.Duration // since its state changed last, as of then
}

// steadyQueries is how many queries HAProxy sends while wantSteady watches.
const steadyQueries = 30

// wantSteady watches that each server stays up and keeps its address while
// HAProxy resolves them steadyQueries times.
func (h *haproxy) wantSteady(t *testing.T, addresses []string) {
	t.Helper()
	first, err := h.up()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	var last map[string]backend
	sent := h.resolverCounters(t)["sent"]
	for h.resolverCounters(t)["sent"] < sent+steadyQueries {
		time.Sleep(200 * time.Millisecond) // between two looks
		watched := time.Since(begin)
		if last, err = h.up(); err != nil {
			t.Fatal(err)
		}
		for _, a := range addresses {
			if last[a].name == "" || last[a].name != first[a].name {
				t.Fatalf("after %v: %s is server %q, want %q; %d are up", watched, a, last[a].name, first[a].name, len(last))
			}
		}
		if len(last) != len(addresses) {
			t.Fatalf("after %v: got %d servers up, want %d", watched, len(last), len(addresses))
		}
	}
	// A change between two looks shows here. HAProxy counts whole seconds, by a
	// clock that it reads once in each turn of its event loop.
	const resolution = 3 * time.Second
	for a, b := range last {
		if since := b.seen.Add(-b.unchanged).Sub(first[a].seen.Add(-first[a].unchanged)); since > resolution {
			t.Errorf("%s (%s): got a change %v after the previous one, want none", a, b.name, since)
		}
	}
}

// wantSpread connects through HAProxy until each instance has answered.
func (h *haproxy) wantSpread(t *testing.T, addresses []string) {
	t.Helper()
	seen := map[string]bool{}
	for range 2 * len(addresses) {
		c, err := net.DialTimeout("tcp", local(h.front), patience)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(patience))
		b, err := io.ReadAll(c)
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen[string(b)] = true
	}
	for _, a := range addresses {
		if !seen[a] {
			t.Errorf("connections to %s: got none, want some", a)
		}
	}
}

// wantCleanAnswers checks that HAProxy accepted every response, and that the SRV
// responses carried the addresses of their targets: without them HAProxy asks for
// each target by itself.
func (h *haproxy) wantCleanAnswers(t *testing.T) {
	t.Helper()
	count := h.resolverCounters(t)
	for _, bad := range []string{"snd_error", "cname_error", "any_err", "nx", "timeout", "refused", "other", "invalid", "too_big", "truncated"} {
		if count[bad] > 0 {
			t.Errorf("HAProxy's counter %s: got %d, want 0; all are %v", bad, count[bad], count)
		}
	}
	// HAProxy asks one question every timeout resolve, for SRV records alone.
	seconds := int(time.Since(h.started).Seconds()) + 1
	if sent, most := count["sent"], 2*seconds+haproxyServers; sent > most {
		t.Errorf("queries of HAProxy in %d s: got %d, want at most %d", seconds, sent, most)
	}
}

// resolverCounters returns HAProxy's counters of its resolvers section.
func (h *haproxy) resolverCounters(t *testing.T) map[string]int {
	t.Helper()
	text, err := h.command("show resolvers toponym")
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			count[strings.TrimSpace(key)], _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	return count
}
