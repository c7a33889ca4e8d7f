//go:build e2e

package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// inNamespace starts Toponym in a namespace that has a simulated cluster.
func inNamespace(t *testing.T, n namespace, set settings) *process {
	t.Helper()
	n.start(t, toponym, "demo", "-dns", "127.0.0.3:5300", "-http", "127.0.0.3:8124", "-every", "10m")
	all := settings{"masters": []string{"127.0.0.1:5050"}, "HTTPListener": "127.0.0.1", "refreshSeconds": 1, "externalon": false}
	for key, value := range set {
		all[key] = value
	}
	config, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return n.start(t, toponym, "-config", writeFile(t, "config.json", string(config)))
}

// answers waits until a task's name is answered at an address, over UDP and TCP.
func (n namespace) answers(t *testing.T, at string) {
	t.Helper()
	for _, transport := range []string{"+notcp", "+tcp"} {
		eventually(t, "an answer at "+at+" "+transport, func() (bool, string) {
			r := n.run(t, "dig", "@"+at, "+short", "+tries=1", "+time=1", transport, "nginx.marathon.mesos")
			return r.status == 0 && strings.Contains(r.stdout, "192.168."), r.String()
		})
	}
}

func (n namespace) mustRun(t *testing.T, line ...string) {
	t.Helper()
	if r := n.run(t, line...); r.status != 0 {
		t.Fatal(r)
	}
}

// Without the setting listener, IPv4 and IPv6 are answered.
func TestBothFamiliesAreAnsweredByDefault(t *testing.T) {
	n := newNamespace(t)
	require(t, "dig")
	p := inNamespace(t, n, nil)
	for _, at := range []string{"127.0.0.1", "198.18.0.1", "::1", "fd00:18::1"} {
		if strings.Contains(at, ":") && n.run(t, "ip", "-6", "address", "show", "to", at).stdout == "" {
			continue // the machine has no IPv6
		}
		n.answers(t, at)
	}
	if log := p.stderr.String(); strings.Contains(log, "cannot answer DNS there") {
		t.Errorf("want no address that cannot be used, got\n%s", log)
	}
}

// Addresses and interfaces that appear later are answered without a restart, and
// again after they were gone.
func TestAddressesThatComeLaterAreAnswered(t *testing.T) {
	n := newNamespace(t)
	require(t, "dig")
	p := inNamespace(t, n, settings{"listener": []string{"127.0.0.1", "198.51.100.1", "late0", "late0:5353"}})
	n.answers(t, "127.0.0.1")
	if r := n.run(t, "dig", "@198.51.100.1", "+tries=1", "+time=1", "nginx.marathon.mesos"); r.status == 0 {
		t.Fatalf("got an answer at an address that is not there: %s", r)
	}
	for range 2 {
		// Some systems have no interfaces of the kind dummy.
		n.mustRun(t, "sh", "-ec", `ip link add late0 type dummy || ip link add late0 type bridge; ip link set late0 up
			for a in 198.51.100.1 198.51.100.2; do ip address add $a/32 dev late0; done
			ip address add fd00:19::1/128 dev late0 nodad || true`)
		for _, at := range []string{"198.51.100.1", "198.51.100.2", "fd00:19::1"} {
			if strings.Contains(at, ":") && n.run(t, "ip", "-6", "address", "show", "to", at).stdout == "" {
				continue
			}
			n.answers(t, at)
		}
		eventually(t, "an answer at the other port", func() (bool, string) {
			r := n.run(t, "dig", "@198.51.100.2", "-p", "5353", "+short", "+tries=1", "+time=1", "nginx.marathon.mesos")
			return strings.Contains(r.stdout, "192.168."), r.String()
		})
		stopped := strings.Count(p.stderr.String(), "stopped answering DNS")
		n.mustRun(t, "ip", "link", "delete", "late0")
		eventually(t, "the sockets are closed", func() (bool, string) {
			log := p.stderr.String()
			return strings.Count(log, "stopped answering DNS") >= stopped+2, log
		})
		n.answers(t, "127.0.0.1")
	}
}
