package marathon

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"toponym/internal/testutil"
	"toponym/sim"
)

// eventReader is a client of /v2/events.
type eventReader struct {
	t  *testing.T
	in *bufio.Reader
}

// events subscribes to the events of a scheduler.
func (s *scheduled) events(query string) *eventReader {
	s.t.Helper()
	p := testutil.ServePipes(s.t, s.o.Addr, s.Scheduler)
	c, err := p.Dial()
	noError(s.t, err)
	s.t.Cleanup(func() { c.Close() })
	go fmt.Fprintf(c, "GET /v2/events%s HTTP/1.1\r\nHost: marathon\r\nAccept: text/event-stream\r\n\r\n", query)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	noError(s.t, err)
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		s.t.Fatalf("status %d with %s, want 200 with text/event-stream", resp.StatusCode, got)
	}
	return &eventReader{s.t, bufio.NewReader(resp.Body)}
}

// next reads an event, and skips heartbeats.
func (r *eventReader) next() map[string]any {
	r.t.Helper()
	var kind string
	for {
		line, err := r.in.ReadString('\n')
		noError(r.t, err)
		switch field, value, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ": "); field {
		case "event":
			kind = value
		case "data":
			var v map[string]any
			noError(r.t, json.Unmarshal([]byte(value), &v))
			if v["eventType"] != kind || v["timestamp"] == nil {
				r.t.Errorf("the event %s has the data %s", kind, value)
			}
			return v
		}
	}
}

// until reads events until one is of a type, and returns it.
func (r *eventReader) until(kind string) map[string]any {
	r.t.Helper()
	for {
		if e := r.next(); e["eventType"] == kind {
			return e
		}
	}
}

// TestLoadBalancersHearOfEveryChangeOfAnApp: marathon-lb and its like follow the
// events of the tasks, their health, and the API.
func TestLoadBalancersHearOfEveryChangeOfAnApp(t *testing.T) {
	withScheduler(t, 1, func(s *scheduled) {
		in := s.events("")
		if e := in.next(); e["eventType"] != "event_stream_attached" {
			t.Errorf("the first event is %v", e)
		}
		s.do("POST", "/v2/apps", `{"id": "/shop/web", "cmd": "x", "healthChecks": [{"protocol": "MESOS_HTTP"}]}`, 201)
		if e := in.until("api_post_event"); e["uri"] != "/v2/apps" || e["appDefinition"].(map[string]any)["id"] != "/shop/web" {
			t.Errorf("api_post_event %v", e)
		}
		for _, want := range []string{sim.TaskStaging, sim.TaskStarting, sim.TaskRunning} {
			e := in.until("status_update_event")
			if e["taskStatus"] != want || e["appId"] != "/shop/web" || e["host"] != "10.0.0.1" || e["slaveId"] == "" || len(e["ports"].([]any)) != 1 || e["version"] == "" {
				t.Errorf("got %v, want %s of /shop/web", e, want)
			}
			if want == sim.TaskRunning && fmt.Sprint(e["ipAddresses"]) != "[map[ipAddress:10.0.0.1 protocol:IPv4]]" {
				t.Errorf("addresses %v, want 10.0.0.1", e["ipAddresses"])
			}
		}
		if e := in.until("health_status_changed_event"); e["appId"] != "/shop/web" || e["alive"] != true || e["taskId"] == "" {
			t.Errorf("health_status_changed_event %v", e)
		}
		s.do("DELETE", "/v2/apps/shop/web", "", 200)
		if e := in.until("status_update_event"); e["taskStatus"] != sim.TaskKilling {
			t.Errorf("got %v, want %s", e, sim.TaskKilling)
		}
		if e := in.until("status_update_event"); e["taskStatus"] != sim.TaskKilled {
			t.Errorf("got %v, want %s", e, sim.TaskKilled)
		}
		s.do("GET", "/v2/deployments", "", 200)
	})
}

// TestEventsOfATypeAlone: event_type chooses, and Marathon's own checks are events.
func TestEventsOfATypeAlone(t *testing.T) {
	withScheduler(t, 1, func(s *scheduled) {
		in := s.events("?event_type=health_status_changed_event&event_type=deployment_success")
		s.do("POST", "/v2/apps", `{"id": "web", "cmd": "x", "healthChecks": [{"protocol": "HTTP"}]}`, 201)
		time.Sleep(time.Minute)
		s.do("GET", "/v2/deployments", "", 200)
		var got []string
		for range 2 {
			got = append(got, in.next()["eventType"].(string))
		}
		slices.Sort(got)
		if fmt.Sprint(got) != "[deployment_success health_status_changed_event]" {
			t.Errorf("events %v", got)
		}
	})
}

// TestEventStreamEndsForAClientThatDoesNotRead: what waits for it is bounded.
func TestEventStreamEndsForAClientThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := NewScheduler(sim.NewCluster(sim.Options{}), Options{})
		noError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := &blockedWriter{header: http.Header{}, until: ctx.Done()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeHTTP(w, httptest.NewRequest("GET", "/v2/events", nil).WithContext(ctx))
		}()
		synctest.Wait()
		for range maxWaitingEvents + 2 {
			s.events.publish("test", time.Now(), nil)
		}
		if n := len(s.events.clients); n != 0 {
			t.Errorf("%d clients, want none", n)
		}
		cancel()
		<-done
	})
}

// blockedWriter is a response to a client that reads nothing.
type blockedWriter struct {
	header http.Header
	until  <-chan struct{}
}

func (w *blockedWriter) Header() http.Header       { return w.header }
func (w *blockedWriter) WriteHeader(int)           {}
func (w *blockedWriter) Write([]byte) (int, error) { <-w.until; return 0, http.ErrAbortHandler }
func (w *blockedWriter) Flush()                    {}

// TestEventsAreServerSentOnly: other methods and types are refused.
func TestEventsAreServerSentOnly(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/events", "", http.StatusMethodNotAllowed)
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/v2/events", nil)
	r.Header.Set("Accept", "application/json")
	s.ServeHTTP(w, r)
	if w.Code != http.StatusNotAcceptable {
		t.Errorf("status %d, want 406", w.Code)
	}
}

// TestQueueHasWhatWaitsForRoom: apps and pods that lack instances.
func TestQueueHasWhatWaitsForRoom(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/apps", `{"id":"here","cmd":"x"}`, http.StatusCreated)
	s.do("POST", "/v2/apps", `{"id":"big","cmd":"x","cpus":600,"instances":3}`, http.StatusCreated)
	s.do("POST", "/v2/pods", `{"id":"/pod","containers":[{"name":"c","resources":{"cpus":5000,"mem":1}}]}`, http.StatusCreated)
	queue := get[struct {
		Queue []struct {
			Count int `json:"count"`
			Delay struct {
				TimeLeftSeconds int  `json:"timeLeftSeconds"`
				Overdue         bool `json:"overdue"`
			} `json:"delay"`
			App *struct {
				ID string `json:"id"`
			} `json:"app"`
			Pod *struct {
				ID string `json:"id"`
			} `json:"pod"`
		} `json:"queue"`
	}](s, "/v2/queue").Queue
	if len(queue) != 2 || queue[0].Count != 2 || queue[0].App.ID != "/big" || queue[1].Count != 1 || queue[1].Pod.ID != "/pod" {
		t.Errorf("the queue is %+v, want two of /big and one of /pod", queue)
	}
	s.do("DELETE", "/v2/queue", "", http.StatusMethodNotAllowed)
}

// TestLeaderIsTheMarathonThatIsAsked: there is no other.
func TestLeaderIsTheMarathonThatIsAsked(t *testing.T) {
	s := newServer(t)
	if l := get[map[string]string](s, "/v2/leader"); l["leader"] != "marathon" {
		t.Errorf("the leader is %v, want the host that was asked", l)
	}
}

// TestEnvAndLabelsArePresentWhenEmpty: programs such as marathon-lb read them
// without asking whether they are there.
func TestEnvAndLabelsArePresentWhenEmpty(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/apps", `{"id":"a","cmd":"x"}`, http.StatusCreated)
	for _, path := range []string{"/v2/apps", "/v2/apps/a", "/v2/apps?embed=apps.tasks", "/v2/groups", "/v2/groups/apps"} {
		body := s.do("GET", path, "", http.StatusOK)
		for _, want := range []string{`"env":{}`, `"labels":{}`} {
			if !strings.Contains(body, want) {
				t.Errorf("GET %s has no %s: %s", path, want, body)
			}
		}
	}
}
