package sim

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func call(t *testing.T, m *Master, call string) []byte {
	t.Helper()
	r := httptest.NewRequest("POST", "/api/v1", strings.NewReader(`{"type":"`+call+`"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %d %s %s", call, w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	return w.Body.Bytes()
}

// TestOperatorAPIHasTheFieldsOfMesos compares all that the operator API can serve with the list of
// its fields, both ways.
func TestOperatorAPIHasTheFieldsOfMesos(t *testing.T) {
	s := loadShape(t, "v1.shape", "shared.shape")
	seen := map[string]bool{}
	c := fullCluster(t)
	masters := map[string]*Master{
		"full":  NewMaster(c, MasterOptions{Addr: testAddr, Now: clock()}),
		"small": NewMaster(exampleCluster(t, 0), MasterOptions{Addr: testAddr, Now: clock()}),
		"empty": NewMaster(NewCluster(Options{Now: clock()}), MasterOptions{Addr: testAddr, Now: clock()}),
	}
	for name, m := range masters {
		for what := range calls {
			body := call(t, m, what)
			if v := decode(t, body); v["type"] != what || v[strings.ToLower(what)] == nil || len(v) != 2 {
				t.Errorf("%s %s: %s", name, what, body)
			}
			s.compare(t, name+" "+what, body, seen)
		}
	}
	for _, r := range everyEvent(t) {
		s.compare(t, fmt.Sprint(decode(t, r)["type"]), r, seen)
	}
	c.Failover()
	s.compare(t, "failed over", call(t, masters["full"], "GET_AGENTS"), seen)
	s.complete(t, seen)
}

// TestBothAPIsShowTheSameTasks: both show the same tasks on the same agents.
func TestBothAPIsShowTheSameTasks(t *testing.T) {
	c := exampleCluster(t, 0)
	m := NewMaster(c, MasterOptions{Addr: testAddr, Now: clock()})
	id := func(v any) string { return v.(map[string]any)["value"].(string) }
	v1 := map[string]string{}
	tasks := decode(t, call(t, m, "GET_TASKS"))["get_tasks"].(map[string]any)["tasks"].([]any)
	for _, v := range tasks {
		v := v.(map[string]any)
		v1[id(v["task_id"])] = fmt.Sprint(v["name"], id(v["agent_id"]), id(v["framework_id"]), v["state"])
	}
	v0 := map[string]string{}
	for _, f := range decode(t, bodyOf(t, c))["frameworks"].([]any) {
		for _, v := range f.(map[string]any)["tasks"].([]any) {
			v := v.(map[string]any)
			v0[v["id"].(string)] = fmt.Sprint(v["name"], v["slave_id"], v["framework_id"], v["state"])
		}
	}
	if len(v0) == 0 || fmt.Sprint(v0) != fmt.Sprint(v1) {
		t.Errorf("/master/state has %v\nthe operator API %v", v0, v1)
	}
}

func TestCallsAreAnsweredAsByMesos(t *testing.T) {
	const good = `{"type":"GET_HEALTH"}`
	for _, tt := range []struct {
		name                      string
		method, media, accept, in string
		status                    int
		body                      string
	}{
		{"good", "POST", "application/json", "", good, 200, `{"type":"GET_HEALTH","get_health":{"healthy":true}}`},
		{"more in it", "POST", "application/json", "", `{"type":"GET_HEALTH","x":{}}`, 200, "healthy"},
		{"GET", "GET", "application/json", "", "", 405, "Expecting one of { 'POST' }, but received 'GET'"},
		{"no type", "POST", "", "", good, 400, "Content-Type"},
		{"a charset", "POST", "application/json; charset=utf-8", "", good, 415, "application/json"},
		{"text", "POST", "text/plain", "", good, 415, "application/json"},
		{"protobuf", "POST", "application/x-protobuf", "", good, 415, "not simulated"},
		{"not JSON", "POST", "application/json", "", "GET_HEALTH", 400, "JSON"},
		{"nothing", "POST", "application/json", "", "", 400, "JSON"},
		{"no call", "POST", "application/json", "", "{}", 400, "'type'"},
		{"what is not there", "POST", "application/json", "", `{"type":"TEARDOWN"}`, 501, "TEARDOWN"},
		{"too long", "POST", "application/json", "", good + strings.Repeat(" ", maxCall), 400, "bytes"},
		{"JSON accepted", "POST", "application/json", "application/json", good, 200, "healthy"},
		{"JSON accepted least", "POST", "application/json", "application/x-protobuf, application/json;q=0.1", good, 200, "healthy"},
		{"all accepted", "POST", "application/json", "*/*", good, 200, "healthy"},
		{"protobuf accepted", "POST", "application/json", "application/x-protobuf", good, 406, "Accept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMaster(NewCluster(Options{Now: clock()}), MasterOptions{Addr: testAddr, Now: clock()})
			r := httptest.NewRequest(tt.method, "/master/api/v1", strings.NewReader(tt.in))
			r.Header.Set("Content-Type", tt.media)
			if tt.media == "" {
				r.Header.Del("Content-Type")
			}
			r.Header.Set("Accept", tt.accept)
			w := httptest.NewRecorder()
			m.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
				t.Errorf("%d %s, want %d and %s", w.Code, w.Body, tt.status, tt.body)
			}
			if tt.status != 200 && w.Header().Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
			}
		})
	}
}

// TestAnswersBeforeRecoveryDifferByAPI goes through what a master says before it may speak for the
// cluster. The two APIs differ.
func TestAnswersBeforeRecoveryDifferByAPI(t *testing.T) {
	now := testStart
	m := NewMaster(exampleCluster(t, 0), MasterOptions{
		Addr: testAddr, Now: func() time.Time { return now },
		Startup: 35 * time.Millisecond, Recovery: 8 * time.Second,
	})
	for _, step := range []struct {
		name      string
		after     time.Duration
		leader    string
		state, v1 int
		tasks     bool
		location  string
		says      string
	}{
		{"at first", 0, "10.0.1.10:5050", 404, 404, false, "", ""},
		{"handlers are there", 35 * time.Millisecond, "10.0.1.10:5050", 200, 503, false, "", "Master has not finished recovery"},
		{"recovered", 8 * time.Second, "10.0.1.10:5050", 200, 200, true, "", "get_tasks"},
		{"another leads", 0, "m2.test:5050", 307, 307, false, "//m2.test:5050/master/api/v1", ""},
		{"nobody leads", 0, "", 503, 503, false, "", "No leader elected"},
		{"elected again", time.Minute, "10.0.1.10:5050", 200, 503, false, "", "Master has not finished recovery"},
		{"recovered again", 8 * time.Second, "10.0.1.10:5050", 200, 200, true, "", "get_tasks"},
	} {
		now = now.Add(step.after)
		m.SetLeader(step.leader)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest("GET", "/state", nil))
		if w.Code != step.state || strings.Contains(w.Body.String(), "nginx") != step.tasks {
			t.Errorf("%s: /state %d %.100s", step.name, w.Code, w.Body)
		}
		r := httptest.NewRequest("POST", "/api/v1", strings.NewReader(`{"type":"GET_TASKS"}`))
		r.Header.Set("Content-Type", "application/json")
		w = httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if w.Code != step.v1 || w.Header().Get("Location") != step.location || !strings.Contains(w.Body.String(), step.says) {
			t.Errorf("%s: /api/v1 %d %s %.100s", step.name, w.Code, w.Header(), w.Body)
		}
	}
}

// TestMasterWithoutOperatorAPI: before Mesos 1.0 there was none.
func TestMasterWithoutOperatorAPI(t *testing.T) {
	m := NewMaster(NewCluster(Options{}), MasterOptions{Addr: testAddr, NoOperatorAPI: true})
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("POST", "/api/v1", strings.NewReader(`{"type":"SUBSCRIBE"}`)))
	if w.Code != http.StatusNotFound {
		t.Errorf("status %d, want 404", w.Code)
	}
}
