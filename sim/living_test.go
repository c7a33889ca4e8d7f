package sim_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/internal/testutil"
	"toponym/sim"
	"toponym/sim/marathon"
	"toponym/sim/scenario"
)

var testAddr = netip.MustParseAddrPort("10.0.1.10:5050")

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// post sends a definition to a Marathon.
func post(t *testing.T, m http.Handler, path, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)))
	if w.Code != http.StatusCreated {
		t.Fatalf("POST %s: status %d, want 201: %s", path, w.Code, w.Body)
	}
}

// TestEventsAndStatesAreAsDocumented: a decoder that takes the documentation by the
// letter reads every event and every state.
func TestEventsAndStatesAreAsDocumented(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.NewCluster(sim.Options{Seed: 1})
		schedulers, err := scenario.Populate(c, scenario.Spec{Tasks: 300, Agents: 15})
		noError(t, err)
		m, err := marathon.NewScheduler(c, marathon.Options{})
		noError(t, err)
		p := testutil.ServePipes(t, testAddr, sim.NewMaster(c, sim.MasterOptions{Addr: testAddr}))
		state := func() {
			t.Helper()
			status, _, body := p.Do(t, "POST", "/api/v1", `{"type":"GET_STATE"}`)
			if err := sim.StrictState([]byte(body)); err != nil || status != 200 {
				t.Fatalf("GET_STATE: status %d, %v", status, err)
			}
		}
		state()
		in := p.Subscribe(t)
		kinds := map[string]int{}
		read := make(chan struct{})
		go func() {
			defer close(read)
			for {
				b, err := in.Chunk()
				if err != nil || len(b) == 0 {
					return
				}
				_, message, _ := bytes.Cut(b, []byte("\n"))
				kind, err := sim.StrictEvent(message)
				if err != nil {
					t.Errorf("%v in %s", err, message)
					return
				}
				kinds[kind]++
			}
		}()

		l := scenario.NewLife(c, schedulers, scenario.LifeOptions{Seed: 3, Rate: 100, AgentRate: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		noError(t, l.Run(ctx))
		// All that Marathon can start, and a pod.
		post(t, m, "/v2/apps", `{"id": "tcp", "cmd": "x", "healthChecks": [{"protocol": "MESOS_TCP"}]}`)
		post(t, m, "/v2/apps", `{"id": "https", "cmd": "x", "healthChecks": [{"protocol": "MESOS_HTTPS", "path": "/"}]}`)
		post(t, m, "/v2/apps", `{"id": "command", "cmd": "x", "healthChecks": [{"protocol": "COMMAND", "command": {"value": "true"}}]}`)
		post(t, m, "/v2/apps", `{"id": "bridge", "container": {"type": "MESOS", "docker": {"image": "x"},
			"volumes": [{"hostPath": "/a", "containerPath": "/b", "mode": "RO"}]}, "networks": [{"mode": "container/bridge"}]}`)
		post(t, m, "/v2/pods", `{"id": "pod", "networks": [{"mode": "container", "name": "dcos6"}], "containers": [
			{"name": "a", "resources": {"cpus": 0.1, "mem": 1}, "endpoints": [{"name": "x", "containerPort": 80, "hostPort": 0}]},
			{"name": "b", "resources": {"cpus": 0.1, "mem": 1}}]}`)
		state()
		for _, a := range c.Agents()[:3] {
			if a.State == sim.AgentRegistered {
				noError(t, c.RemoveAgent(a.ID))
			}
		}
		f := c.Frameworks()[0].ID
		noError(t, c.SetConnected(f, false))
		noError(t, c.SetConnected(f, true))
		state()
		noError(t, c.RemoveFramework(f))
		_, err = c.AddFramework(sim.Framework{Name: "new", Labels: []sim.Label{{Key: "a", NoValue: true}}})
		noError(t, err)
		state()
		synctest.Wait()
		c.Failover()
		<-read
		state()
		for _, want := range strings.Fields(sim.EventTypes) {
			if kinds[want] == 0 {
				t.Errorf("the stream had no %s: %v", want, kinds)
			}
		}
	})
}

// TestLivingClustersHaveTheShapeOfAState: what schedulers run is shown with the
// fields of a real master's state.
func TestLivingClustersHaveTheShapeOfAState(t *testing.T) {
	now := func() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }
	body := func(c *sim.Cluster) []byte {
		var b bytes.Buffer
		noError(t, c.WriteState(&b, testAddr))
		return b.Bytes()
	}
	demo, err := scenario.New(scenario.Demo(), scenario.Options{Now: now})
	noError(t, err)
	sim.CompareState(t, "demo", body(demo.Cluster))
	for name, tasks := range map[string]int{"populated": 3000, "without tasks": 0} {
		c := sim.NewCluster(sim.Options{Now: now})
		_, err := scenario.Populate(c, scenario.Spec{Tasks: tasks, Seed: 7})
		noError(t, err)
		sim.CompareState(t, name, body(c))
		sim.CheckHeld(t, c)
	}
}

// BenchmarkChange is one change to a cluster of 100,000 tasks that a subscriber
// follows.
func BenchmarkChange(b *testing.B) {
	c := sim.NewCluster(sim.Options{})
	schedulers, err := scenario.Populate(c, scenario.Spec{Tasks: 100000, Agents: 5000})
	noError(b, err)
	take := sim.Follow(c)
	l := scenario.NewLife(c, schedulers, scenario.LifeOptions{Rate: 1000})
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		l.Step()
		for _, r := range take() {
			size += len(r)
		}
	}
	b.ReportMetric(float64(size)/float64(b.N), "bytes/op")
}

// BenchmarkState is a response to /master/state with as many.
func BenchmarkState(b *testing.B) {
	c := sim.NewCluster(sim.Options{})
	_, err := scenario.Populate(c, scenario.Spec{Tasks: 100000, Agents: 5000})
	noError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		noError(b, c.WriteState(io.Discard, testAddr))
	}
}
