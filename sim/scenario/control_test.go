package scenario

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"toponym/sim"
)

// TestControlAPIBesideAMaster: the control API reports and acts, and the master
// behind it goes on answering.
func TestControlAPIBesideAMaster(t *testing.T) {
	s := testSimulation(t, testScenario)
	h := s.Handler(s.NewMaster(sim.MasterOptions{Addr: testAddr}))
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	overview := func() (o Overview) {
		status, body := ask("GET", "/sim/status", "")
		if err := json.Unmarshal([]byte(body), &o); status != 200 || err != nil {
			t.Fatalf("%d %s", status, body)
		}
		return o
	}
	if o := overview(); o.Tasks != 7 || o.Agents != 4 || o.Frameworks != 2 || len(o.Masters) != 1 || o.Leader != 0 {
		t.Errorf("%+v", o)
	}
	for _, tt := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"do":"start","app":"web"}`, 200, "web."},
		{`[{"do":"kill","app":"web","count":1},{"do":"end","app":"web","count":1}]`, 200, "web."},
		{`[{"do":"start","app":"web"},{"do":"start","app":"nobody"}]`, 409, `no app \"nobody\"`},
		{`{"do":"master-kill"}`, 409, "mesos-sim"},
		{`[{"do":"streams-break"},{"do":"streams-close"}]`, 200, "ids"},
		{`{"do":"streams-break","master":9}`, 409, "no master 9"},
		{`{"do":"start","ap":"web"}`, 400, "ap"},
		{`nothing`, 400, "neither"},
		{strings.Repeat(" ", maxActions+1), 400, "bytes"},
	} {
		if status, body := ask("POST", "/sim/do", tt.body); status != tt.status || !strings.Contains(body, tt.says) {
			t.Errorf("%.80s: %d %s", tt.body, status, body)
		}
	}
	if status, body := ask("GET", "/sim/actions", ""); status != 200 || !strings.Contains(body, `"agent-gone"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := ask("GET", "/sim/nothing", ""); status != 404 {
		t.Errorf("status %d", status)
	}
	if status, _ := ask("GET", "/version", ""); status != 200 {
		t.Errorf("the master itself: %d", status)
	}
}
