package master

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"

	"toponym/sim/scenario"
	"toponym/state"
)

// plainState is a state for encoding/json: the usual way to read one, and what
// the streaming decoder is held against.
type plainState struct {
	PID        string           `json:"pid"`
	Leader     string           `json:"leader"`
	Slaves     []plainAgent     `json:"slaves"`
	Frameworks []plainFramework `json:"frameworks"`
}

type plainAgent struct {
	ID       string `json:"id"`
	Hostname string `json:"hostname"`
	PID      string `json:"pid"`
}

type plainFramework struct {
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Hostname string      `json:"hostname"`
	PID      string      `json:"pid"`
	Tasks    []plainTask `json:"tasks"`
}

type plainTask struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	AgentID   string `json:"slave_id"`
	State     string `json:"state"`
	Resources struct {
		Ports string `json:"ports"`
	} `json:"resources"`
	Statuses []struct {
		State     string  `json:"state"`
		Timestamp float64 `json:"timestamp"`
		Labels    []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
		} `json:"labels"`
		ContainerStatus struct {
			NetworkInfos []struct {
				IPAddresses []struct {
					IPAddress string `json:"ip_address"`
				} `json:"ip_addresses"`
				IPAddress string `json:"ip_address"`
			} `json:"network_infos"`
		} `json:"container_status"`
	} `json:"statuses"`
	Discovery *struct {
		Name  string `json:"name"`
		Ports struct {
			Ports []struct {
				Number   int    `json:"number"`
				Name     string `json:"name"`
				Protocol string `json:"protocol"`
			} `json:"ports"`
		} `json:"ports"`
	} `json:"discovery"`
}

func readPlain(r io.Reader) (*plainState, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	s := &plainState{}
	return s, json.Unmarshal(body, s)
}

func (s *plainState) tasks() int {
	n := 0
	for _, f := range s.Frameworks {
		n += len(f.Tasks)
	}
	return n
}

func TestDecodesWhatEncodingJSONDoes(t *testing.T) {
	var body bytes.Buffer
	if err := scenario.WriteState(&body, scenario.Spec{Tasks: 500}); err != nil {
		t.Fatal(err)
	}
	doc := mustDecode(t, body.Bytes())
	plain, err := readPlain(&body)
	if err != nil {
		t.Fatal(err)
	}
	if len(doc.Tasks) != 500 || plain.tasks() != 500 || len(doc.Agents) != len(plain.Slaves) || len(doc.Frameworks) != len(plain.Frameworks) {
		t.Fatalf("%d, %d, %d tasks, agents, frameworks; encoding/json has %d, %d, %d",
			len(doc.Tasks), len(doc.Agents), len(doc.Frameworks), plain.tasks(), len(plain.Slaves), len(plain.Frameworks))
	}
	for i, a := range plain.Slaves {
		if got := doc.Agents[i]; got.ID != a.ID || got.Hostname != a.Hostname || pid(got.PID) != a.PID {
			t.Errorf("agent %+v, want %+v", got, a)
		}
	}
	rest := doc.Tasks
	for i, f := range plain.Frameworks {
		if got := doc.Frameworks[i]; got.ID != f.ID || got.Name != f.Name || got.Hostname != f.Hostname {
			t.Errorf("framework %+v, want %+v", got, f)
		}
		for _, want := range f.Tasks {
			sameTask(t, rest[0], f.ID, want)
			rest = rest[1:]
		}
	}
}

func sameTask(t *testing.T, got *state.Task, framework string, want plainTask) {
	t.Helper()
	ports, err := state.ParsePorts(want.Resources.Ports)
	if want.Resources.Ports != "" && err != nil {
		t.Fatal(err)
	}
	if got.Key != (state.TaskKey{Framework: framework, ID: want.ID}) || got.Name != want.Name || got.AgentID != want.AgentID ||
		got.State != want.State || len(got.Ports) != len(ports) || (got.Discovery == nil) != (want.Discovery == nil) {
		t.Errorf("task %+v, want %+v", got, want)
	}
	if d := want.Discovery; d != nil && (got.Discovery.Name != d.Name || len(got.Discovery.Ports) != len(d.Ports.Ports)) {
		t.Errorf("discovery %+v, want %+v", got.Discovery, d)
	}
	infos := want.Statuses[len(want.Statuses)-1].ContainerStatus.NetworkInfos
	n := 0
	for _, i := range infos {
		n += len(i.IPAddresses)
	}
	if len(got.Addresses.NetInfo) != n {
		t.Errorf("task %s: addresses %v, want %d", want.ID, got.Addresses.NetInfo, n)
	}
}
