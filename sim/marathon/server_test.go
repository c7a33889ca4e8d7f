package marathon

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"toponym/sim"
)

// server is a Scheduler on a cluster of one agent, where instances run as soon as
// they are launched.
type server struct {
	*Scheduler
	t      testing.TB
	agent  string
	launch []string // "+" and "-" with the ids of tasks, in the order of their starts and ends
}

func newServer(t testing.TB) *server {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := sim.NewCluster(sim.Options{Seed: 1, Now: func() time.Time { now = now.Add(time.Second); return now }})
	for _, n := range sim.StandardNetworks() {
		c.AddNetwork(n)
	}
	s := &server{t: t}
	s.agent = s.add(c, 1000)
	var err error
	if s.Scheduler, err = NewScheduler(c, Options{Settings: Settings{DefaultNetworkName: "dcos"}, MaxInstances: 100_000}); err != nil {
		t.Fatal(err)
	}
	c.Listen(s.framework, func(n sim.SchedulerNews) {
		switch {
		case n.Task != nil && n.Status == nil:
			s.launch = append(s.launch, "+"+n.Task.ID)
		case n.Status != nil && sim.Terminal(n.Status.State):
			s.launch = append(s.launch, "-"+n.Task.ID)
		}
	})
	return s
}

// add gives a cluster an agent with so many CPUs.
func (s *server) add(c *sim.Cluster, cpus float64) string {
	s.t.Helper()
	id, err := c.AddAgent(sim.Agent{
		Addr:      netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(len(c.Agents()) + 1)}), 5051),
		Resources: sim.Resources{CPUs: cpus, Mem: 1 << 20, Disk: 1 << 20, GPUs: 8, Ports: sim.Ports{{First: 7000, Last: 9000}, {First: 31000, Last: 32000}}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := c.FreePorts(id, 2001); err != nil { // the search goes on at 31000
		s.t.Fatal(err)
	}
	return id
}

// names are the names of all tasks that have not ended, sorted.
func (s *server) names() string {
	var names []string
	for _, t := range s.cluster.Tasks() {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// portsInUse are the host ports that tasks hold.
func (s *server) portsInUse() (ports []uint16) {
	for _, t := range s.cluster.Tasks() {
		for p := range t.HostPorts() {
			ports = append(ports, p)
		}
	}
	return ports
}

// do sends a request and wants a status. It returns the body.
func (s *server) do(method, path, body string, status int) string {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, "http://marathon"+path, strings.NewReader(body)))
	if w.Code != status {
		s.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	if w.Header().Get("Content-Type") == "application/json" && !jsonValid(w.Body.Bytes()) {
		s.t.Fatalf("%s %s: no JSON: %s", method, path, w.Body)
	}
	return w.Body.String()
}

func jsonValid(b []byte) bool {
	var v any
	return json.UnmarshalRead(bytes.NewReader(b), &v) == nil
}

// get decodes the answer to a GET.
func get[T any](s *server, path string) T {
	s.t.Helper()
	var v T
	body := s.do(http.MethodGet, path, "", http.StatusOK)
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		s.t.Fatalf("GET %s: %v\n%s", path, err, body)
	}
	return v
}

func (s *server) want(names string) {
	s.t.Helper()
	if got := s.names(); got != names {
		s.t.Fatalf("tasks %q, want %q", got, names)
	}
}
