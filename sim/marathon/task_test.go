package marathon

import (
	"encoding/json"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"

	"toponym/sim"
)

// TestTasksAreShownAsByARealMaster: what a master shows of tasks that Marathon
// asked for, in the shape in which a real one showed them for a real Marathon.
func TestTasksAreShownAsByARealMaster(t *testing.T) {
	for file, want := range map[string]string{
		"host-vip": `{"resources":"[31000-31001]","container":null,"discovery":{"name":"search.store","visibility":"FRAMEWORK","ports":[
			{"name":"api","number":31000,"protocol":"udp","labels":{"labels":[{"key":"VIP_0","value":"/search:80"}]}},
			{"name":"api","number":31000,"protocol":"tcp","labels":{"labels":[{"key":"VIP_0","value":"/search:80"}]}},
			{"name":"peers","number":31001,"protocol":"tcp"}]}}`,
		"bridge.1.4": `{"resources":"[31000-31000]","container":{"type":"DOCKER","network":"BRIDGE","mappings":[{"container_port":80,"host_port":31000,"protocol":"tcp"}],"networks":null},
			"discovery":{"name":"cart.store","visibility":"FRAMEWORK","ports":[
			{"name":"web","number":31000,"protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"host"}]}}]}}`,
		"bridge-mesos": `{"resources":"[31000-31001]","container":{"type":"MESOS","network":"","mappings":null,"networks":[{"ip_addresses":[{"protocol":"IPv4"}],"name":"mesos-bridge","port_mappings":[
			{"container_port":25,"host_port":31000,"protocol":"tcp"},{"container_port":53,"host_port":31001,"protocol":"udp"},{"container_port":53,"host_port":31001,"protocol":"tcp"}]}]},
			"discovery":{"name":"mail.store","visibility":"FRAMEWORK","ports":[
			{"name":"smtp","number":31000,"protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"host"}]}},
			{"name":"dns","number":31001,"protocol":"udp","labels":{"labels":[{"key":"network-scope","value":"host"}]}},
			{"name":"dns","number":31001,"protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"host"}]}}]}}`,
		"dcos-virtual-network.1.4": `{"resources":"","container":{"type":"DOCKER","network":"USER","mappings":null,"networks":[{"name":"dcos-1"}]},
			"discovery":{"name":"my-networking","visibility":"FRAMEWORK","ports":[
			{"name":"foo","number":123,"protocol":"tcp","labels":{"labels":[{"key":"network-scope","value":"container"},{"key":"network-name","value":"dcos-1"}]}}]}}`,
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile("../../testdata/marathon/apps/" + file + ".json")
			noError(t, err)
			a, err := Parse(data, Settings{})
			noError(t, err)
			ports := a.HostPorts()
			for i := range ports {
				ports[i] = 31000 + uint16(i)
			}
			tasks, err := a.Tasks(a.TaskID("1"), ports)
			noError(t, err)

			c := sim.NewCluster(sim.Options{})
			agent, err := c.AddAgent(sim.Agent{Addr: netip.MustParseAddrPort("10.0.1.10:5050")})
			noError(t, err)
			framework, err := c.AddFramework(sim.Framework{Name: "marathon"})
			noError(t, err)
			task := tasks[0]
			task.AgentID, task.FrameworkID = agent, framework
			for i := range task.Networks {
				task.Networks[i].Addresses = append(task.Networks[i].Addresses, sim.Address("192.168.0.2"))
			}
			if _, err = c.StartTask(task); err != nil {
				t.Fatal(err)
			}
			if got, want := shownTask(t, c), compact(t, want); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// shownTask is what the state says of the only task, as far as it is compared.
func shownTask(t *testing.T, c *sim.Cluster) string {
	t.Helper()
	w := httptest.NewRecorder()
	sim.NewMaster(c, sim.MasterOptions{Addr: netip.MustParseAddrPort("10.0.1.10:5050")}).ServeHTTP(w, httptest.NewRequest("GET", "/master/state", nil))
	var s struct {
		Frameworks []struct {
			Tasks []struct {
				Resources struct{ Ports string }
				Container map[string]any
				Discovery map[string]any
			}
		}
	}
	noError(t, json.Unmarshal(w.Body.Bytes(), &s))
	task := s.Frameworks[0].Tasks[0]
	shown := map[string]any{"resources": task.Resources.Ports, "container": nil, "discovery": map[string]any{
		"name": task.Discovery["name"], "visibility": task.Discovery["visibility"],
		"ports": task.Discovery["ports"].(map[string]any)["ports"],
	}}
	if task.Container != nil {
		container := map[string]any{"type": task.Container["type"], "network": "", "mappings": nil, "networks": task.Container["network_infos"]}
		if docker, ok := task.Container["docker"].(map[string]any); ok {
			container["network"], container["mappings"] = docker["network"], docker["port_mappings"]
		}
		shown["container"] = container
	}
	b, err := json.Marshal(shown)
	noError(t, err)
	return string(b)
}

// compact writes JSON as json.Marshal writes what it decodes to.
func compact(t *testing.T, s string) string {
	t.Helper()
	var v any
	noError(t, json.NewDecoder(strings.NewReader(s)).Decode(&v))
	b, err := json.Marshal(v)
	noError(t, err)
	return string(b)
}
