//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"toponym/sim"
)

// prometheusConf takes all targets from Toponym. Its times are short, so that the
// test sees changes soon.
const prometheusConf = `
global:
  scrape_interval: 1s
scrape_configs:
- job_name: mesos
  http_sd_configs:
  - url: %[1]s/v1/sd/prometheus
    refresh_interval: 1s
  relabel_configs:
  - source_labels: [__meta_mesos_task]
    target_label: task
  - source_labels: [__meta_mesos_scope, __meta_mesos_network]
    target_label: side
  - source_labels: [__meta_mesos_task_label_prometheus_team]
    target_label: team
- job_name: masters
  http_sd_configs:
  - url: %[1]s/v1/sd/prometheus?source=masters
    refresh_interval: 1s
`

// Prometheus scrapes instances where their ports are open: on the agent by a port
// mapping, on a network of their own, and on the network of the agent. It forgets
// one that has ended.
func TestPrometheusScrapesTasks(t *testing.T) {
	t.Parallel()
	require(t, "prometheus")
	c := newCluster(t)
	const agent, own = "127.0.2.1", "127.0.2.10"
	id, err := c.AddAgent(sim.Agent{ID: "7c4c0c0e-4e4f-4b1c-9a39-2c9b9a6b9a01-S9", Addr: netip.MustParseAddrPort(agent + ":5051")})
	if err != nil {
		t.Fatal(err)
	}
	run := func(task sim.Task, labels ...sim.Label) {
		task.ID, task.FrameworkID, task.AgentID, task.Labels = task.Name+".1", c.marathon, id, labels
		if _, err := c.StartTask(task); err != nil {
			t.Fatal(err)
		}
	}
	onAgent := func(port uint16) *sim.Discovery {
		return &sim.Discovery{Ports: []sim.DiscoveryPort{{Number: port, Name: "http", Protocol: "tcp", Labels: []sim.Label{{Key: "network-scope", Value: "host"}}}}}
	}

	port := exporter(t, agent, "/metrics")
	mapped := sim.Task{
		Name: "mapped", Discovery: onAgent(port), Resources: sim.Resources{CPUs: 1, Mem: 64, Ports: sim.PortList(port)},
		Container: &sim.Container{Type: "DOCKER", Docker: &sim.Docker{Network: "BRIDGE", PortMappings: []sim.PortMapping{{HostPort: port, ContainerPort: 80, Protocol: "tcp"}}}},
		Networks:  []sim.NetworkInfo{{Addresses: []netip.Prefix{sim.Address("172.17.0.2")}}},
	}
	mapped.Discovery.Name = mapped.Name
	run(mapped)
	run(networkTask("container", exporter(t, own, "/deep/metrics"), own),
		sim.Label{Key: "prometheus.path", Value: "/deep/metrics"}, sim.Label{Key: "prometheus.team", Value: "blue"})
	port = exporter(t, agent, "/metrics")
	host := sim.Task{Name: "host", Discovery: onAgent(port), Resources: sim.Resources{CPUs: 1, Mem: 64, Ports: sim.PortList(port)}}
	host.Discovery.Name = host.Name
	run(host)

	m := newMaster(t, c.Cluster)
	s := serve(t, m, nil)
	web := freePort(t)
	start(t, "prometheus", "--config.file="+writeFile(t, "prometheus.yml", fmt.Sprintf(prometheusConf, s.url)),
		"--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+local(web))

	// The tasks of Marathon itself have no port.
	want := []string{"container container;calico blue up", "host host; up", "mapped host; up"}
	eventually(t, "Prometheus scrapes the three tasks", scrapes(web, "mesos", want))
	eventually(t, "Prometheus knows the master", func() (bool, string) {
		targets, err := prometheusTargets(web, "masters")
		got := fmt.Sprint(targets, err)
		return len(targets) == 1 && targets[0].DiscoveredLabels["__address__"] == m.addr.String() && targets[0].DiscoveredLabels["__meta_mesos_leader"] == "true", got
	})

	c.end(t, "host", 1)
	eventually(t, "Prometheus drops the task that has ended", scrapes(web, "mesos", []string{want[0], want[2]}))
}

// exporter serves a metric on a free port of an address.
func exporter(t *testing.T, address, path string) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "works 1\n") })
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// prometheusTarget is a target as Prometheus's API shows it.
type prometheusTarget struct {
	Labels           map[string]string `json:"labels"`
	DiscoveredLabels map[string]string `json:"discoveredLabels"`
	Health           string            `json:"health"`
	LastError        string            `json:"lastError"`
}

// prometheusTargets returns the active targets of a job.
func prometheusTargets(web int, job string) (targets []prometheusTarget, err error) {
	r, err := http.Get("http://" + local(web) + "/api/v1/targets?state=active")
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var answer struct {
		Data struct {
			ActiveTargets []prometheusTarget `json:"activeTargets"`
		} `json:"data"`
	}
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(answer.Data.ActiveTargets, func(t prometheusTarget) bool { return t.Labels["job"] != job }), nil
}

// scrapes checks the targets of a job: task, side, team and health.
func scrapes(web int, job string, want []string) func() (bool, string) {
	return func() (bool, string) {
		targets, err := prometheusTargets(web, job)
		var got []string
		for _, t := range targets {
			got = append(got, strings.Join(strings.Fields(fmt.Sprint(t.Labels["task"], " ", t.Labels["side"], " ", t.Labels["team"], " ", t.Health)), " "))
		}
		slices.Sort(got)
		return slices.Equal(got, want), fmt.Sprintf("%q, error %v, of %+v", got, err, targets)
	}
}
