package scenario

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"toponym/sim"
)

// FuzzScenario: whatever a file says, it is a scenario or an error.
func FuzzScenario(f *testing.F) {
	f.Add(testScenario)
	f.Add("tasks: 10\nsteps: [{at: 1s, do: kill, master: 1}]")
	f.Add("a: &a [*a, *a]")
	f.Add(string(demo))
	f.Fuzz(func(t *testing.T, text string) {
		sc, err := Read(strings.NewReader(text))
		if err != nil || sc.Tasks > 100 || sc.Agents.Count > 100 {
			return
		}
		instances := 0
		for _, f := range append(sc.Frameworks, Framework{Apps: sc.Apps}) {
			for _, a := range f.Apps {
				instances += a.Instances
			}
		}
		if instances > 100 {
			return
		}
		s, err := New(sc, Options{Now: clock()})
		if err != nil {
			return
		}
		for _, step := range s.steps {
			if step.Count < 100 {
				s.Do(step.Action)
			}
		}
		s.WriteState(io.Discard, testAddr)
	})
}

// FuzzCall: whatever a client sends, it gets an answer.
func FuzzCall(f *testing.F) {
	f.Add("/api/v1", `{"type":"GET_STATE"}`, "Basic cDpz")
	f.Add("/sim/do", `[{"do":"scale","app":"web","count":1}]`, "")
	f.Add("/master/state", "", "Basic !")
	f.Fuzz(func(t *testing.T, path, body, authorization string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \r\n%?#\x00") || strings.Contains(body, "SUBSCRIBE") {
			return
		}
		s := testSimulation(t, "agents: 2\napps: [{id: web, cmd: x}]")
		m := sim.NewMaster(s.Cluster, sim.MasterOptions{Addr: testAddr, Now: clock()})
		r := httptest.NewRequest("POST", "/x", strings.NewReader(body))
		r.URL.Path = path
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", authorization)
		w := httptest.NewRecorder()
		if strings.HasPrefix(path, controlPath) {
			if a, err := readActions(strings.NewReader(body)); err == nil {
				for _, a := range a {
					if a.Count > 100 {
						return
					}
				}
			}
			s.Control().ServeHTTP(w, r)
		} else {
			m.ServeHTTP(w, r)
		}
		if w.Code < 200 || w.Code > 599 {
			t.Errorf("status %d", w.Code)
		}
	})
}
