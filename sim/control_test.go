package sim

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestControl: the control API, on masters that it can kill.
func TestControl(t *testing.T) {
	s := testSimulation(t, testScenario)
	m, err := s.Serve(MastersOptions{Listen: []string{"127.0.0.1:0", "127.0.0.1:0"}, Session: time.Millisecond})
	noError(t, err)
	noError(t, m.Listen())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.Run(ctx) }()
	defer func() { cancel(); noError(t, <-done) }()

	h := m.handler(m.Master(1))
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
	if o := overview(); o.Tasks != 7 || o.Agents != 4 || o.Frameworks != 2 || len(o.Masters) != 2 || o.Leader != 0 {
		t.Errorf("%+v", o)
	}
	for _, tt := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"do":"start","app":"web"}`, 200, "web.instance-"},
		{`[{"do":"kill","app":"web","count":1},{"do":"end","app":"web","count":1}]`, 200, "web.instance-"},
		{`[{"do":"start","app":"web"},{"do":"start","app":"nobody"}]`, 409, `no app \"nobody\"`},
		{`{"do":"master-freeze"}`, 200, "ids"},
		{`{"do":"master-thaw","master":0}`, 200, "ids"},
		{`[{"do":"streams-break"},{"do":"streams-close"}]`, 200, "ids"},
		{`{"do":"master-start","master":9}`, 409, "no master 9"},
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
	if status, body := ask("POST", "/sim/do", `{"do":"master-kill"}`); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	for deadline := time.Now().Add(5 * time.Second); overview().Leader != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%+v", overview())
		}
	}
}
