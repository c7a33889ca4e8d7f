//go:build e2e

package e2e_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// dcosApp has a VIP whose port is that of its instances, and one with another port.
const dcosApp = `{"id": "/store", "cmd": "serve", "instances": 2, "requirePorts": true,
	"portDefinitions": [{"port": 31777, "name": "http", "protocol": "tcp", "labels": {"VIP_0": "/store:31777", "VIP_1": "/front:80"}}]}`

// With the profile dcos, a node has what dcos-net gave it.
func TestProfileDCOS(t *testing.T) {
	n := newNamespace(t)
	require(t, "dig", "curl")
	n.start(t, toponym, "demo", "-dns", "127.0.0.3:5300", "-http", "127.0.0.3:8124", "-every", "10m")
	config, err := json.Marshal(settings{"profile": "dcos", "masters": []string{"127.0.0.1:5050"}, "zk": "zk://198.18.0.1:2181/mesos", "refreshSeconds": 1})
	if err != nil {
		t.Fatal(err)
	}
	n.start(t, toponym, "-config", writeFile(t, "config.json", string(config)))
	// The interface comes after the server.
	n.mustRun(t, "sh", "-ec", `ip link add spartan type dummy || ip link add spartan type bridge; ip link set spartan up
		for i in 1 2 3; do ip address add 198.51.100.$i/32 dev spartan; done`)
	for _, at := range []string{"198.51.100.1", "198.51.100.2", "198.51.100.3"} {
		n.answers(t, at)
	}
	n.mustRun(t, "curl", "-sfo", "/dev/null", "-d", dcosApp, "http://127.0.0.1:8080/v2/apps")

	dig := func(question ...string) string {
		r := n.run(t, append([]string{"dig", "@198.51.100.1", "+tries=2", "+time=5"}, question...)...)
		return r.stdout
	}
	short := func(question ...string) []string {
		lines := strings.Fields(dig(append(question, "+short")...))
		slices.Sort(lines)
		return lines
	}
	eventually(t, "the VIP has two backends", func() (bool, string) {
		got := short("store.marathon.l4lb.thisdcos.directory")
		return len(got) == 2, strings.Join(got, " ")
	})
	for _, x := range []struct{ name, want string }{
		{"ready.spartan", "127.0.0.1"},
		{"zk-1.zk", "198.18.0.1"},
		{"zk-5.zk", "198.18.0.1"},
		{"front.marathon.l4lb.thisdcos.directory", ""}, // no instance is reached at its port
	} {
		if got := strings.Join(short(x.name), " "); got != x.want {
			t.Errorf("%s: got %q, want %q", x.name, got, x.want)
		}
	}
	direct, byVIP := short("store.marathon.mesos"), short("store.marathon.l4lb.thisdcos.global")
	if !slices.Equal(direct, byVIP) {
		t.Errorf("addresses of the VIP: got %v, want %v", byVIP, direct)
	}
	if got := strings.Count(dig("_80._tcp.front.marathon.l4lb.thisdcos.directory", "SRV", "+short"), " 31777 store-"); got != 2 {
		t.Errorf("SRV records of the other VIP: got %d, want 2", got)
	}
	for _, name := range []string{"nope.thisdcos.directory", "nope.l4lb.thisdcos.directory", "nope.thisdcos.global", "nope.spartan", "nope.zk"} {
		if got := dig(name); !strings.Contains(got, "NXDOMAIN") || !strings.Contains(got, "flags: qr aa") {
			t.Errorf("%s: got\n%s, want NXDOMAIN from a zone of this server", name, got)
		}
	}

	var vips []struct {
		VIP, Protocol string
		Backend       []struct {
			IP   string
			Port int
		}
	}
	if err := json.Unmarshal([]byte(n.run(t, "curl", "-s", "http://127.0.0.1:62080/v1/vips").stdout), &vips); err != nil {
		t.Fatal(err)
	}
	if len(vips) != 2 || vips[0].VIP != "front.marathon.l4lb.thisdcos.directory:80" || len(vips[0].Backend) != 2 || vips[0].Backend[0].Port != 31777 {
		t.Errorf("/v1/vips: got %+v, want front and store with two backends each", vips)
	}
	if got := n.run(t, "curl", "-s", "http://127.0.0.1:62080/v1/records").stdout; !strings.Contains(got, `{"name":"ready.spartan","host":"127.0.0.1","rtype":"A"}`) {
		t.Errorf("/v1/records: got %.300s, want ready.spartan in it", got)
	}
	if got := n.run(t, "curl", "-s", "http://127.0.0.1:62080/v1/hosts/ready.spartan").stdout; strings.Join(strings.Fields(got), "") != `[{"host":"ready.spartan","ip":"127.0.0.1"}]` {
		t.Errorf("/v1/hosts: got %s, want the address of ready.spartan", got)
	}
}
