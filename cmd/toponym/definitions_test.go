package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/marathon"
)

// expected lists names and records of the documented apps and pods. {0} stands for
// the suffix of the first task's canonical name, such as "4f1b6-s0", and D for
// dcos.thisdcos.directory. The agents have the addresses from 10.0.0.1.
//
// Names beside these must be the same in preview and in the server, but are not
// listed.
var expected = map[string]string{
	// "Migrating tools to the 1.5 networking API", host networking: a port is
	// one of the agent.
	"host": `
		front-store.marathon.mesos                     A   10.0.0.1
		front-store.marathon.slave.mesos               A   10.0.0.1
		front-store-{0}.marathon.mesos                 A   10.0.0.1
		front-store.marathon.autoip.D                  A   10.0.0.1
		front-store.marathon.containerip.D             A   10.0.0.1
		_front-store._tcp.marathon.mesos               SRV 31000 front-store-{0}.marathon.mesos
		_web._front-store._tcp.marathon.mesos          SRV 31000 front-store-{0}.marathon.mesos
		_web._front-store._tcp.marathon.slave.mesos    SRV 31000 front-store-{0}.marathon.slave.mesos
		_web._tcp.front-store.marathon.mesos           SRV 31000 front-store-{0}.marathon.mesos`,

	// The same page, bridge networking: others reach the port of the agent
	// only.
	"bridge": `
		cart-store.marathon.mesos                      A   10.0.0.1
		cart-store.marathon.slave.mesos                A   10.0.0.1
		cart-store.marathon.autoip.D                   A   10.0.0.1
		cart-store.marathon.agentip.D                  A   10.0.0.1
		_cart-store._tcp.marathon.mesos                SRV 31000 cart-store-{0}.marathon.slave.mesos
		_web._cart-store._tcp.marathon.mesos           SRV 31000 cart-store-{0}.marathon.slave.mesos
		_web._tcp.cart-store.marathon.mesos            SRV 31000 cart-store-{0}.marathon.slave.mesos`,
	"bridge-mesos": `
		mail-store.marathon.mesos                      A   10.0.0.1
		_smtp._mail-store._tcp.marathon.mesos          SRV 31000 mail-store-{0}.marathon.slave.mesos
		_dns._mail-store._tcp.marathon.mesos           SRV 5353 mail-store-{0}.marathon.slave.mesos
		_dns._mail-store._udp.marathon.mesos           SRV 5353 mail-store-{0}.marathon.slave.mesos`,
	"bridge-with-name": `
		queue-store.marathon.mesos                     A   10.0.0.1
		_amqp._tcp.queue-store.marathon.mesos          SRV 31000 queue-store-{0}.marathon.slave.mesos`,

	// The same page, a container network: the container's own address and port.
	"container": `
		stock-store.marathon.mesos                     A   9.128.0.2
		stock-store.marathon.slave.mesos               A   10.0.0.1
		stock-store.marathon.autoip.D                  A   9.128.0.2
		stock-store.marathon.agentip.D                 A   10.0.0.1
		stock-store.marathon.containerip.D             A   9.128.0.2
		stock-store.marathon.dcos.network.mesos        A   9.128.0.2
		stock-store-{0}.marathon.mesos                 A   9.128.0.2
		_stock-store._tcp.marathon.mesos               SRV 80 stock-store-{0}.marathon.mesos
		_web._stock-store._tcp.marathon.mesos          SRV 80 stock-store-{0}.marathon.mesos
		_web._tcp.stock-store.marathon.mesos           SRV 80 stock-store-{0}.marathon.mesos`,
	"container-host-port": `
		ledger-store.marathon.mesos                    A   10.0.0.1
		ledger-store.marathon.dcos.network.mesos       A   9.128.0.2
		_http._tcp.ledger-store.marathon.mesos         SRV 31000 ledger-store-{0}.marathon.slave.mesos
		_metrics._tcp.ledger-store.marathon.mesos      SRV 9102 ledger-store-{0}.marathon.dcos.network.mesos
		ledger-store-{0}.marathon.dcos.network.mesos   A   9.128.0.2`,
	"container-default-port": `
		probe.marathon.mesos                           A   9.128.0.2
		probe-{0}.marathon.slave.mesos                 A   10.0.0.1`,

	// The same page, several container networks: each port on its own.
	"several": `
		gateway-store.marathon.first.network.mesos     A   10.128.0.2
		gateway-store.marathon.second.network.mesos    A   10.129.0.2
		gateway-store.marathon.containerip.D           A   10.128.0.2
		gateway-store.marathon.containerip.D           A   10.129.0.2
		gateway-store.marathon.slave.mesos             A   10.0.0.1
		_web._tcp.gateway-store.marathon.mesos         SRV 80 gateway-store-{0}.marathon.first.network.mesos
		_admin._tcp.gateway-store.marathon.mesos       SRV 81 gateway-store-{0}.marathon.second.network.mesos
		_dns._udp.gateway-store.marathon.mesos         SRV 53 gateway-store-{0}.marathon.first.network.mesos
		_dns._udp.gateway-store.marathon.mesos         SRV 53 gateway-store-{0}.marathon.second.network.mesos
		_tls._tcp.gateway-store.marathon.mesos         SRV 31000 gateway-store-{0}.marathon.slave.mesos`,

	// IP-per-task.
	"ip-address-empty": `
		i-have-my-own-ip.marathon.mesos                A   9.128.0.2
		i-have-my-own-ip-{0}.marathon.mesos            A   9.128.0.2
		i-have-my-own-ip.marathon.slave.mesos          A   10.0.0.1`,
	"ip-address-groups": `
		i-am-in-groups.marathon.mesos                  A   9.128.0.2
		i-am-in-groups.marathon.dcos.network.mesos     A   9.128.0.2`,
	"ip-address-discovery": `
		i-tell-my-port.marathon.mesos                  A   192.168.0.2
		_http._i-tell-my-port._tcp.marathon.mesos      SRV 80 i-tell-my-port-{0}.marathon.mesos
		_http._tcp.i-tell-my-port.marathon.mesos       SRV 80 i-tell-my-port-{0}.marathon.mesos`,
	"ip-address-bridge": `
		bridged.marathon.mesos                         A   10.0.0.1
		_default._tcp.bridged.marathon.mesos           SRV 31000 bridged-{0}.marathon.slave.mesos`,

	// A virtual network of DC/OS. The service port is nowhere.
	"dcos-virtual-network": `
		my-networking.marathon.mesos                   A   9.0.0.2
		my-networking.marathon.slave.mesos             A   10.0.0.1
		my-networking.marathon.dcos-1.network.mesos    A   9.0.0.2
		my-networking.marathon.autoip.D                A   9.0.0.2
		my-networking.marathon.agentip.D               A   10.0.0.1
		_foo._my-networking._tcp.marathon.mesos        SRV 123 my-networking-{0}.marathon.mesos
		_foo._tcp.my-networking.marathon.mesos         SRV 123 my-networking-{0}.marathon.mesos`,

	// Calico, three instances in blocks of 64 addresses.
	"calico-nginx": `
		nginx.marathon.mesos                           A   192.168.0.2
		nginx.marathon.mesos                           A   192.168.0.66
		nginx.marathon.mesos                           A   192.168.0.130
		nginx.marathon.slave.mesos                     A   10.0.0.1
		nginx.marathon.slave.mesos                     A   10.0.0.2
		nginx.marathon.slave.mesos                     A   10.0.0.3
		nginx-{0}.marathon.mesos                       A   192.168.0.2
		nginx-{1}.marathon.mesos                       A   192.168.0.66
		nginx-{2}.marathon.mesos                       A   192.168.0.130
		nginx-{2}.marathon.slave.mesos                 A   10.0.0.3
		_http._tcp.nginx.marathon.mesos                SRV 80 nginx-{0}.marathon.mesos
		_http._tcp.nginx.marathon.mesos                SRV 80 nginx-{1}.marathon.mesos
		_http._tcp.nginx.marathon.mesos                SRV 80 nginx-{2}.marathon.mesos`,
	"calico-nginx-docker": `
		nginx-docker.marathon.mesos                    A   192.168.0.2
		_http._nginx-docker._tcp.marathon.mesos        SRV 80 nginx-docker-{0}.marathon.mesos`,

	"host-ports": `
		_legacy._tcp.marathon.mesos                    SRV 9000 legacy-{0}.marathon.mesos
		_legacy._tcp.marathon.mesos                    SRV 9001 legacy-{0}.marathon.mesos`,
	"host-default-port": `
		sleeper.marathon.mesos                         A   10.0.0.1
		_default._tcp.sleeper.marathon.mesos           SRV 31000 sleeper-{0}.marathon.mesos`,
	"host-no-ports": `
		batch.marathon.mesos                           A   10.0.0.1`,
	"host-vip": `
		_api._tcp.search-store.marathon.mesos          SRV 31000 search-store-{0}.marathon.mesos
		_api._udp.search-store.marathon.mesos          SRV 31000 search-store-{0}.marathon.mesos
		_peers._tcp.search-store.marathon.mesos        SRV 31001 search-store-{0}.marathon.mesos`,

	// Pods.
	"on-host": `
		pod-on-host.marathon.mesos                     A   10.0.0.1
		_http._tcp.pod-on-host.marathon.mesos          SRV 31000 pod-on-host-{0}.marathon.mesos`,
	"on-dcos": `
		pod-on-dcos.marathon.mesos                     A   9.128.0.2
		pod-on-dcos.marathon.slave.mesos               A   10.0.0.1
		_http._tcp.pod-on-dcos.marathon.mesos          SRV 8080 pod-on-dcos-{0}.marathon.mesos`,
	"on-bridge": `
		pod-on-bridge.marathon.mesos                   A   10.0.0.1
		_http._tcp.pod-on-bridge.marathon.mesos        SRV 31000 pod-on-bridge-{0}.marathon.slave.mesos`,
	// The protocol of an endpoint can be any name; Marathon's examples have "http".
	"documented": `
		simple-pod.marathon.mesos                      A   9.128.0.2
		simple-pod.marathon.mesos                      A   10.0.0.1
		_web._http.simple-pod.marathon.mesos           SRV 80 simple-pod-{0}.marathon.mesos
		_web._simple-pod._http.marathon.mesos          SRV 80 simple-pod-{0}.marathon.mesos
		_admin._http.simple-pod.marathon.mesos         SRV 31000 simple-pod-{1}.marathon.slave.mesos
		_admin._https.simple-pod.marathon.mesos        SRV 31000 simple-pod-{1}.marathon.slave.mesos
		_admin._tcp.simple-pod.marathon.mesos          SRV 31000 simple-pod-{1}.marathon.slave.mesos
		_admin._https.simple-pod.marathon.containerip.D SRV 8080 simple-pod-{1}.marathon.containerip.mesos`,
	"store": `
		store.marathon.first.network.mesos             A   10.128.0.2
		store.marathon.first.network.mesos             A   10.128.1.2
		store.marathon.dcos.network.mesos              A   9.128.0.2
		store.marathon.dcos.network.mesos              A   9.128.1.2
		_http._tcp.store.marathon.mesos                SRV 80 store-{0}.marathon.first.network.mesos
		_http._tcp.store.marathon.mesos                SRV 80 store-{3}.marathon.first.network.mesos
		_tls._tcp.store.marathon.mesos                 SRV 8443 store-{0}.marathon.slave.mesos
		_tls._tcp.store.marathon.mesos                 SRV 8443 store-{3}.marathon.slave.mesos
		_dns._udp.store.marathon.mesos                 SRV 31000 store-{1}.marathon.slave.mesos
		_dns._udp.store.marathon.mesos                 SRV 31000 store-{4}.marathon.slave.mesos
		store-{5}.marathon.dcos.network.mesos          A   9.128.1.2`,
}

// expectedOf returns the data by name and type, for these tasks.
func expectedOf(t *testing.T, name string, tasks []runningTask) map[string][]string {
	t.Helper()
	text := strings.ReplaceAll(expected[name], ".D ", ".dcos.thisdcos.directory ")
	for i, task := range tasks {
		text = strings.ReplaceAll(text, "{"+string(rune('0'+i))+"}", task.suffix())
	}
	out := map[string][]string{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 3 && f[1] == "A":
			out[f[0]+". A"] = append(out[f[0]+". A"], f[2])
		case len(f) == 4 && f[1] == "SRV":
			out[f[0]+". SRV"] = append(out[f[0]+". SRV"], "0 1 "+f[2]+" "+f[3]+".")
		case len(f) > 0:
			t.Fatalf("got %q, want a name, a type and data", line)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s: got no expectation, want one", name)
	}
	return out
}

// The preview of an app, the answers of the server once the app runs, and the
// expectations above are the same.
func TestPreviewIsWhatTheServerAnswers(t *testing.T) {
	seen := map[string]bool{}
	for _, pattern := range []string{"apps/*.json", "pods/*.json"} {
		files, err := filepath.Glob(definitions + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got no files, error %v, want some", pattern, err)
		}
		for _, file := range files {
			base := strings.TrimSuffix(filepath.Base(file), ".json")
			name := strings.TrimSuffix(strings.TrimSuffix(base, ".1.4"), ".1.5")
			seen[name] = true
			if name == "everything" {
				continue // has no instances
			}
			t.Run(base, func(t *testing.T) { testDefinition(t, file, name) })
		}
	}
	for _, name := range slices.Sorted(maps.Keys(expected)) {
		if !seen[name] {
			t.Errorf("%s: got no definition, want one", name)
		}
	}
}

func testDefinition(t *testing.T, file, name string) {
	s := startSimulation(t, 3)
	tasks := s.post(t, file)
	var ids []string
	for _, task := range tasks {
		ids = append(ids, task.id)
	}
	shown, _ := previewed(t, "-default-network", "dcos", "-task-ids", strings.Join(ids, ","), file)
	want := expectedOf(t, name, tasks)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got := shown[key]; !equalSets(got, want[key]) {
			t.Errorf("preview of %s: got %q, want %q", key, got, want[key])
		}
	}
	if len(shown) < len(want) {
		t.Errorf("preview: got %d names, want at least %d", len(shown), len(want))
	}
	// A task may run for a moment before its address is known.
	known := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(shown)) {
		name, _, _ := strings.Cut(key, " ")
		known[name] = true
		testutil.Eventually(t, func() bool { return equalSets(s.ask(t, key), shown[key]) }, "the server answers %s with what preview shows, %q", key, shown[key])
	}
	for name := range s.names() {
		if !known[name] {
			t.Errorf("the server: got %s, want only names that preview shows", name)
		}
	}
}

func equalSets(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// Preview refuses a definition in the words of Marathon's API.
func TestPreviewRefusesAsTheAPIDoes(t *testing.T) {
	scheduler, err := marathon.NewScheduler(sim.NewCluster(sim.Options{}), marathon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(scheduler)
	defer api.Close()
	for _, pattern := range []string{"refused/*.json", "refused-pods/*.json"} {
		files, err := filepath.Glob(definitions + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: got no files, error %v, want some", pattern, err)
		}
		for _, file := range files {
			status, body := send(t, api.URL, file)
			o := runWith(t, "preview", "-json", file)
			if status != http.StatusUnprocessableEntity || o.status != statusFailed || !sameJSON(body, o.stdout) {
				t.Errorf("%s: got %s from preview, want %s, which Marathon answers with status %d", file, o.stdout, body, status)
			}
		}
	}
}
