//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"toponym/sim/scenario"
)

// simulation is a mesos-sim that runs as a process.
type simulation struct {
	*process
	masters []netip.AddrPort
	control string // URL
}

func simulate(t *testing.T, flags ...string) *simulation {
	t.Helper()
	s := &simulation{process: start(t, mesosSim, append([]string{"-listen", "127.0.0.1:0", "-control", "127.0.0.1:0"}, flags...)...)}
	eventually(t, "the simulation prints its addresses", func() (bool, string) {
		text := s.stdout.String()
		return strings.Contains(text, "Stop with Ctrl-C"), text + s.stderr.String()
	})
	text := s.stdout.String()
	for _, m := range regexp.MustCompile(`(?m)^  master \d +http://(\S+)/master/state`).FindAllStringSubmatch(text, -1) {
		s.masters = append(s.masters, netip.MustParseAddrPort(m[1]))
	}
	s.control = regexp.MustCompile(`control +(http://\S+)/sim/status`).FindStringSubmatch(text)[1]
	return s
}

func (s *simulation) do(t *testing.T, action string) {
	t.Helper()
	resp, err := http.Post(s.control+"/sim/do", "application/json", strings.NewReader(action))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: got status %s %s, want 200", action, resp.Status, b)
	}
}

func (s *simulation) overview(t *testing.T) (o scenario.Overview) {
	t.Helper()
	resp, err := http.Get(s.control + "/sim/status")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&o); err != nil {
		t.Fatal(err)
	}
	return o
}

const simulateScenario = `
agents: 3
apps:
  - id: /web
    cmd: serve
    instances: 2
    networks: [{mode: container, name: dcos-1}]
    container: {type: MESOS, portMappings: [{containerPort: 80, name: http}]}
`

// A server that reads three simulated masters goes on answering when the leader is
// killed, and follows the next one.
func TestFollowSimulatedMasters(t *testing.T) {
	t.Parallel()
	s := simulate(t, "-scenario", writeFile(t, "scenario.yaml", simulateScenario),
		"-masters", "3", "-session", "500ms", "-reregister", "500ms")
	var masters []string
	for _, m := range s.masters {
		masters = append(masters, m.String())
	}
	server := serve(t, &master{addr: s.masters[0]}, settings{"masters": masters})
	want := func(addresses ...string) {
		t.Helper()
		eventually(t, "web.marathon.mesos is at "+strings.Join(addresses, " "), func() (bool, string) {
			got, err := server.addresses("web.marathon.mesos")
			slices.Sort(got)
			return slices.Equal(got, addresses), fmt.Sprint(got, err)
		})
	}
	want("9.0.0.2", "9.0.1.2")
	s.do(t, `{"do": "scale", "app": "web", "count": 3}`)
	want("9.0.0.2", "9.0.1.2", "9.0.2.2")
	s.do(t, `{"do": "master-kill"}`)
	eventually(t, "another master leads, and the agents are back", func() (bool, string) {
		o := s.overview(t)
		return o.Leader == 1 && o.Agents == 3, fmt.Sprintf("%+v", o)
	})
	s.do(t, `[{"do": "master-start", "master": 0}, {"do": "scale", "app": "web", "count": 1}]`)
	want("9.0.0.2")
	s.terminate(t)
}

// As a Mesos master does: a standby goes on, but knows no leader until it has a session
// again.
func TestSimulatedLeaderThatLosesZooKeeperExits(t *testing.T) {
	t.Parallel()
	servers := newZooKeeper(t, 1)
	s := simulate(t, "-masters", "2", "-session", "5s", "-reregister", "0s", "-zk", zkURL(servers, "", "/mesos"))
	servers[0].kill(t)
	answer := func(i int) string {
		resp, err := http.Get("http://" + s.masters[i].String() + "/master/redirect")
		if err != nil {
			return err.Error()
		}
		resp.Body.Close()
		return resp.Status
	}
	eventually(t, "the leader exits, and the standby knows no leader", func() (bool, string) {
		leader, standby := answer(0), answer(1)
		return strings.Contains(leader, "refused") && strings.HasPrefix(standby, "503"), leader + ", " + standby
	})
	servers[0].run(t)
	servers[0].waitServing(t)
	eventually(t, "the standby leads", func() (bool, string) {
		o := s.overview(t)
		return o.Leader == 1, fmt.Sprintf("%+v", o)
	})
	s.do(t, `{"do": "master-start", "master": 0}`)
	s.terminate(t)
}

// The simulated masters register in ZooKeeper as Mesos does: the lowest number
// leads, and the node of a killed master stays until its session expires.
func TestSimulateZooKeeper(t *testing.T) {
	t.Parallel()
	servers := newZooKeeper(t, 1)
	conn := zkClient(t, servers)
	s := simulate(t, "-masters", "3", "-session", "5s", "-reregister", "0s", "-zk", zkURL(servers, "", "/lab/mesos"))
	children := func() (infos []string, others int) {
		names, _, err := conn.Children("/lab/mesos")
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			if strings.HasPrefix(n, "json.info_") {
				infos = append(infos, n)
			} else {
				others++
			}
		}
		slices.Sort(infos)
		return infos, others
	}
	first, others := children()
	if len(first) != 3 || others != 1 {
		t.Fatalf("got nodes %v and %d others, want three masters and log_replicas", first, others)
	}
	for i, n := range first {
		b, stat, err := conn.Get("/lab/mesos/" + n)
		if err != nil {
			t.Fatal(err)
		}
		var info struct {
			Address struct {
				IP   netip.Addr
				Port uint16
			}
			Hostname, ID, PID, Version string
		}
		if err := json.Unmarshal(b, &info); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if netip.AddrPortFrom(info.Address.IP, info.Address.Port) != s.masters[i] || info.PID != "master@"+s.masters[i].String() || stat.EphemeralOwner == 0 {
			t.Errorf("%s: got %s, want master %d at %v", n, b, i, s.masters[i])
		}
	}
	s.do(t, `{"do": "master-kill"}`)
	if now, _ := children(); !slices.Equal(now, first) {
		t.Errorf("nodes after a kill: got %v, want that of the killed master among them", now)
	}
	eventually(t, "its session is over, and the next one leads", func() (bool, string) {
		now, _ := children()
		o := s.overview(t)
		return slices.Equal(now, first[1:]) && o.Leader == 1, fmt.Sprint(now, o)
	})
	s.do(t, `{"do": "master-start", "master": 0}`)
	third, _ := children()
	if len(third) != 3 || third[0] != first[1] {
		t.Errorf("nodes: got %v, want a third one after %v", third, first[1:])
	}
	s.do(t, `{"do": "master-freeze", "master": 2}`)
	eventually(t, "the session of a frozen standby is over", func() (bool, string) {
		now, _ := children()
		return len(now) == 2, fmt.Sprint(now)
	})
	s.do(t, `{"do": "master-thaw", "master": 2}`)
	eventually(t, "it announces itself again", func() (bool, string) {
		now, _ := children()
		return len(now) == 3 && now[2] > third[2], fmt.Sprint(now)
	})
	s.terminate(t)
	eventually(t, "a simulation that ends leaves no master behind", func() (bool, string) {
		now, _ := children()
		return len(now) == 0, fmt.Sprint(now)
	})
}
