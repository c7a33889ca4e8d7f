package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/internal/server"
	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/marathon"
)

// simulation is a simulated cluster with a Marathon, and a server that answers for
// the tasks that Marathon starts.
type simulation struct {
	*server.Server
	cluster  *sim.Cluster
	marathon string          // URL
	before   map[string]bool // names that exist without any task
}

// startSimulation starts a simulation with a number of agents, which have the
// addresses from 10.0.0.1. Instances run as soon as they are launched.
func startSimulation(t *testing.T, agents int) *simulation {
	t.Helper()
	s := &simulation{cluster: sim.NewCluster(sim.Options{Seed: 1})}
	for _, n := range sim.StandardNetworks() {
		s.cluster.AddNetwork(n)
	}
	for i := range agents {
		id, err := s.cluster.AddAgent(sim.Agent{Addr: netip.AddrPortFrom(agentAddr(i), 5051), Resources: sim.Resources{
			CPUs: 8, Mem: 4096, Disk: 4096, GPUs: 2,
			Ports: sim.Ports{{First: 5353, Last: 5353}, {First: 8443, Last: 8443}, {First: 9000, Last: 9001}, {First: 31000, Last: 32000}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		// The search for free ports goes on where it ended: at 31000.
		if _, err := s.cluster.FreePorts(id, 4); err != nil {
			t.Fatal(err)
		}
	}
	scheduler, err := marathon.NewScheduler(s.cluster, marathon.Options{Settings: marathon.Settings{DefaultNetworkName: "dcos"}})
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(scheduler)
	t.Cleanup(api.Close)
	s.marathon = api.URL
	web := httptest.NewUnstartedServer(nil)
	at := netip.MustParseAddrPort(web.Listener.Addr().String())
	web.Config.Handler = sim.NewMaster(s.cluster, sim.MasterOptions{Addr: at})
	web.Start()
	t.Cleanup(web.Close)

	c := config.Defaults()
	c.Masters = []config.HostPort{{Host: at.Addr().String(), Port: at.Port()}}
	c.Refresh = 10 * time.Millisecond
	c.Listener, c.Port = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0
	c.HTTPOn = false
	log, _ := test.NewNullLogger()
	s.Server = serving(t, c, log)
	testutil.Eventually(t, func() bool { return s.Zone().Ready() }, "a state is read")
	s.before = s.names()
	return s
}

// serving runs a server until the test is over.
func serving(t *testing.T, c *config.Config, log logrus.Ext1FieldLogger) *server.Server {
	t.Helper()
	s, err := server.New(server.Options{Config: c, Version: version(), URL: projectURL, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return s
}

// names returns the names with records, except those that exist without any task.
func (s *simulation) names() map[string]bool {
	out := map[string]bool{}
	for n := range s.Zone().All() {
		if len(n.A)+len(n.AAAA)+len(n.SRV)+len(n.PTR) == 0 {
			continue // it exists because of names below it only
		}
		if name := n.Name.String(); !s.before[name] {
			out[name] = true
		}
	}
	return out
}

// ask queries a name and a type, such as "web.marathon.mesos. A", and returns the
// data of the answer.
func (s *simulation) ask(t *testing.T, key string) []string {
	t.Helper()
	name, kind, _ := strings.Cut(key, " ")
	m := new(dns.Msg).SetQuestion(name, dns.StringToType[kind])
	m.SetEdns0(4096, false)
	r, err := dns.Exchange(m, s.DNSAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	var data []string
	for _, rr := range r.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			data = append(data, rr.A.String())
		case *dns.AAAA:
			data = append(data, rr.AAAA.String())
		case *dns.SRV:
			data = append(data, fmt.Sprintf("%d %d %d %s", rr.Priority, rr.Weight, rr.Port, rr.Target))
		}
	}
	return data
}

// send posts the definition of an app or a pod to a Marathon.
func send(t *testing.T, url, file string) (status int, body string) {
	t.Helper()
	definition, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	path := "/v2/apps"
	if strings.Contains(file, "pods/") {
		path = "/v2/pods"
	}
	resp, err := http.Post(url+path, "application/json", bytes.NewReader(definition))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// runningTask is a task that was started for a definition.
type runningTask struct{ id, agentID string }

// suffix returns the end of the task's canonical name: the first 5 characters of
// zbase32(sha1(task id)), and the end of the agent's id.
func (t runningTask) suffix() string {
	sum := sha1.Sum([]byte(t.id))
	const zbase32 = "ybndrfg8ejkmcpqxot1uwisza345h769"
	hash := base32.NewEncoding(zbase32).EncodeToString(sum[:])
	return hash[:5] + "-" + strings.ToLower(t.agentID[strings.LastIndex(t.agentID, "-")+1:])
}

// post posts a definition and returns its tasks in the order in which they were
// launched.
func (s *simulation) post(t *testing.T, file string) []runningTask {
	t.Helper()
	if status, body := send(t, s.marathon, file); status != http.StatusCreated {
		t.Fatalf("posting %s: got status %d, %s, want %d", file, status, body, http.StatusCreated)
	}
	var apps struct {
		Tasks []struct{ ID, SlaveID string }
	}
	s.get(t, "/v2/tasks", &apps)
	var pods []struct {
		Instances []struct {
			AgentID    string
			Containers []struct{ ContainerID string }
		}
	}
	s.get(t, "/v2/pods/::status", &pods)
	var out []runningTask
	for _, task := range apps.Tasks {
		out = append(out, runningTask{task.ID, task.SlaveID})
	}
	for _, p := range pods {
		for _, i := range p.Instances {
			for _, c := range i.Containers {
				out = append(out, runningTask{c.ContainerID, i.AgentID})
			}
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s: got no tasks, want some", file)
	}
	return out
}

func (s *simulation) get(t *testing.T, path string, v any) {
	t.Helper()
	resp, err := http.Get(s.marathon + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatalf("%s: got error %v, want JSON", path, err)
	}
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return false
	}
	return reflect.DeepEqual(x, y)
}
