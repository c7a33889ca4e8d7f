package marathon

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// fake is a Launcher with one agent whose ports are all there is.
type fake struct {
	t      testing.TB
	room   int // for tasks
	state  string
	tasks  map[string][]*Task // by instance
	ports  map[uint16]string
	launch []string // task ids in the order of their starts and ends
}

func newFake(t testing.TB) *fake {
	return &fake{t: t, room: 100, state: taskRunning, tasks: map[string][]*Task{}, ports: map[uint16]string{}}
}

func (f *fake) Launch(i Instance) error {
	if len(f.tasks) >= f.room {
		return errors.New("no room")
	}
	ports := i.Needs().HostPorts
	for n, p := range ports {
		for next := uint16(31000); p == 0; next++ {
			if f.ports[next] == "" && !slices.Contains(ports[:n], next) {
				p = next
			}
		}
		if f.ports[p] != "" {
			return errors.New("the port is taken")
		}
		ports[n] = p
	}
	list, err := i.Tasks(ports)
	if err != nil {
		f.t.Errorf("tasks of %s: %v", i.ID, err)
		return err
	}
	for _, p := range ports {
		f.ports[p] = i.ID
	}
	f.tasks[i.ID] = list
	f.launch = append(f.launch, "+"+i.ID)
	return nil
}

func (f *fake) Kill(id string) {
	if f.tasks[id] == nil {
		return
	}
	delete(f.tasks, id)
	for p, owner := range f.ports {
		if owner == id {
			delete(f.ports, p)
		}
	}
	f.launch = append(f.launch, "-"+id)
}

func (f *fake) Status(id string) (Status, bool) {
	t := f.tasks[id]
	if t == nil {
		return Status{}, false
	}
	healthy := true
	return Status{
		State: f.state, AgentID: "S0", Host: "10.0.0.1", HostPorts: t[0].Needs.HostPorts, Healthy: &healthy,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")},
		Staged:    time.Unix(0, 0), Started: time.Unix(1, 0),
	}, true
}

// names are the names of all tasks, sorted.
func (f *fake) names() string {
	var names []string
	for _, list := range f.tasks {
		for _, t := range list {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// server is a Marathon with a fake, a clock and ids that count.
type server struct {
	*Marathon
	*fake
	t testing.TB
}

func newServer(t testing.TB) *server {
	t.Helper()
	f := newFake(t)
	now, ids := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), 0
	m := New(f, Options{
		Settings: Settings{DefaultNetworkName: "dcos"},
		Now:      func() time.Time { now = now.Add(time.Second); return now },
		NewID:    func() string { ids++; return fmt.Sprintf("00000000-0000-4000-8000-%012d", ids) },
	})
	return &server{m, f, t}
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
