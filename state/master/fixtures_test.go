package master

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toponym/state"
)

const statesDir = "../../testdata/states"

// fixture is the body of a state, see the README.md beside them.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(statesDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fixtures are the names of all of them.
func fixtures(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(statesDir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("got no fixtures (%v), want some", err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, filepath.Base(p))
	}
	return names
}

// decode is decodeWith with one goroutine.
func decode(body io.Reader, withoutTasks bool, keepLabels ...string) (*document, error) {
	return decodeWith(1, body, withoutTasks, keepLabels...)
}

func mustDecode(t testing.TB, body []byte) *document {
	t.Helper()
	doc, err := decode(bytes.NewReader(body), false)
	if err != nil {
		t.Fatalf("got %v, want a state: %.200s", err, body)
	}
	return doc
}

// lines describe a document: one line for each thing in it.
func lines(doc *document) []string {
	l := []string{"leader " + pid(doc.leader) + " answered by " + pid(doc.pid)}
	for _, a := range doc.Agents {
		l = append(l, fmt.Sprintf("agent %s %.40q %s", a.ID, a.Hostname, pid(a.PID)))
	}
	for _, f := range doc.Frameworks {
		l = append(l, fmt.Sprintf("framework %s %q %q %s", f.ID, f.Name, f.Hostname, pid(f.PID)))
	}
	for _, t := range doc.Tasks {
		l = append(l, "task "+describe(t))
	}
	return l
}

// describe is all of a task in one line.
func describe(t *state.Task) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s %.40q on %s %s", t.Key.Framework, t.Key.ID, t.Name, t.AgentID, strings.TrimPrefix(t.State, "TASK_"))
	for _, r := range t.Ports {
		fmt.Fprintf(&b, " %d-%d", r.First, r.Last)
	}
	for _, from := range []struct {
		name  string
		addrs []netip.Addr
	}{{"netinfo", t.Addresses.NetInfo}, {"docker", t.Addresses.Docker}, {"mesos", t.Addresses.Mesos}} {
		if len(from.addrs) > 0 {
			fmt.Fprintf(&b, " %s%v", from.name, from.addrs)
		}
	}
	for _, n := range t.Addresses.Networks {
		fmt.Fprintf(&b, " net%s", network(n))
	}
	switch t.Health {
	case state.Healthy:
		b.WriteString(" healthy")
	case state.Unhealthy:
		b.WriteString(" unhealthy")
	}
	if c := t.Container; c != nil {
		fmt.Fprintf(&b, " container %s%v", c.DockerNetwork, c.Mappings)
		for _, n := range c.Networks {
			b.WriteString(" " + network(n))
		}
	}
	if d := t.Discovery; d != nil {
		fmt.Fprintf(&b, " as %.40q%s", d.Name, d.Visibility)
		for _, p := range d.Ports {
			fmt.Fprintf(&b, " %d/%.20q/%s%s", p.Number, p.Name, p.Protocol, p.Visibility)
			if p.Scope+p.Network != "" {
				fmt.Fprintf(&b, "(%s,%s)", p.Scope, p.Network)
			}
			b.WriteString(labels(p.Labels))
		}
	}
	b.WriteString(labels(t.Labels))
	return b.String()
}

func network(n state.Network) string { return fmt.Sprintf("%q%v%v", n.Name, n.Addrs, n.Mappings) }

func labels(l []state.Label) string {
	if len(l) == 0 {
		return ""
	}
	return fmt.Sprintf(" %v", l)
}

func pid(p state.UPID) string {
	if p.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%s@%s:%d", p.ID, p.Host, p.Port)
}

// smallState has a value in every place that is read, and a few in others.
const smallState = `{
  "version": "1.9.0", "pid": "master@10.0.0.1:5050", "leader": "master@10.0.0.1:5050", "flags": {"port": "5050"},
  "slaves": [{"id": "S0", "hostname": "a0.example", "pid": "slave(1)@10.0.0.11:5051", "attributes": {"rack": "r1"}}, {"id": "S1", "hostname": "10.0.0.12"}],
  "frameworks": [
    {"id": "F0", "name": "marathon", "hostname": "m.example", "pid": "scheduler@10.0.0.2:9000", "tasks": [
      {"id": "t1", "name": "web", "framework_id": "F0", "slave_id": "S0", "state": "TASK_RUNNING",
       "resources": {"cpus": 0.1, "ports": "[31000-31001, 31005-31005]"},
       "statuses": [{"state": "TASK_RUNNING", "timestamp": 1.5, "labels": [{"key": "Docker.NetworkSettings.IPAddress", "value": "172.17.0.2"}],
         "container_status": {"network_infos": [{"ip_addresses": [{"protocol": "IPv6", "ip_address": "fd00::1\/64"}], "name": "net"}, {"ip_address": "192.168.0.1"}]}}],
       "discovery": {"visibility": "FRAMEWORK", "name": "w\u00e9b", "ports": {"ports": [{"number": 31000, "name": "http", "protocol": "tcp", "labels": {"labels": []}}]}}},
      {"id": "t2", "name": "db", "framework_id": "F0", "slave_id": "S1", "state": "TASK_RUNNING",
       "statuses": [{"state": "TASK_RUNNING", "timestamp": 2, "labels": {"labels": [{"key": "MesosContainerizer.NetworkSettings.IPAddress", "value": "192.168.0.2"}]}}]}]},
    {"id": "F1", "name": "batch", "tasks": [{"id": "t1", "name": "job", "framework_id": "F1", "slave_id": "S0", "state": "TASK_STAGING", "statuses": []}]}
  ]
}`

// smallLines is what is read of smallState.
var smallLines = []string{
	`leader master@10.0.0.1:5050 answered by master@10.0.0.1:5050`,
	`agent S0 "a0.example" slave(1)@10.0.0.11:5051`,
	`agent S1 "10.0.0.12" -`,
	`framework F0 "marathon" "m.example" scheduler@10.0.0.2:9000`,
	`framework F1 "batch" "" -`,
	`task F0/t1 "web" on S0 RUNNING 31000-31001 31005-31005 netinfo[fd00::1 192.168.0.1] docker[172.17.0.2] net"net"[fd00::1][] as "wéb"FRAMEWORK 31000/"http"/tcp`,
	`task F0/t2 "db" on S1 RUNNING mesos[192.168.0.2]`,
	`task F1/t1 "job" on S0 STAGING`,
}
