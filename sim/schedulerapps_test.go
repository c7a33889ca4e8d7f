package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim/marathon"
)

func TestScheduledPod(t *testing.T) {
	withScheduler(t, 2, func(s *scheduled) {
		s.do("POST", "/v2/pods", `{"id": "/shop/search", "networks": [{"mode": "container/bridge"}],
			"containers": [
				{"name": "web", "resources": {"cpus": 1, "mem": 64}, "endpoints": [{"name": "http", "containerPort": 80, "hostPort": 8080}],
				 "healthCheck": {"http": {"endpoint": "http"}}},
				{"name": "sidecar", "resources": {"cpus": 1, "mem": 64}, "endpoints": [{"name": "metrics", "containerPort": 9102}]}
			]}`, 201)
		s.after(time.Second, "web", TaskRunning)
		web, sidecar := s.after(10*time.Second, "web", TaskRunning)[0], s.after(0, "sidecar", TaskRunning)[0]
		if !strings.HasPrefix(web.ID, "shop_search.instance-") || strings.TrimSuffix(web.ID, ".web") != strings.TrimSuffix(sidecar.ID, ".sidecar") {
			t.Errorf("ids %s and %s", web.ID, sidecar.ID)
		}
		if web.ExecutorID != sidecar.ExecutorID || !strings.HasPrefix(web.ExecutorID, "instance-shop_search.") {
			t.Errorf("executors %s and %s", web.ExecutorID, sidecar.ExecutorID)
		}
		a, b := web.Statuses[1].Container, sidecar.Statuses[1].Container
		if a.ParentID == "" || a.ParentID != b.ParentID || a.ID == b.ID || fmt.Sprint(a.Networks) != fmt.Sprint(b.Networks) {
			t.Errorf("containers %+v and %+v", a, b)
		}
		if h := web.Statuses[len(web.Statuses)-1].Healthy; h == nil || !*h || sidecar.Statuses[len(sidecar.Statuses)-1].Healthy != nil {
			t.Error("who is checked is healthy, who is not says nothing")
		}
		// The executor holds the ports, the tasks hold none.
		if len(web.Resources.Ports)+len(sidecar.Resources.Ports) != 0 {
			t.Error("a task of a pod holds ports")
		}
		executors := s.cluster.snapshot(nil).frameworks[0].executors
		if len(executors) != 1 || executors[0].ports.String() != "[8080-8080, 31000-31000]" {
			t.Errorf("executors %+v", executors)
		}
		var status []struct {
			Status    string
			Instances []struct {
				Containers []struct {
					Endpoints []struct{ AllocatedHostPort int }
				}
			}
		}
		noError(t, json.Unmarshal([]byte(s.do("GET", "/v2/pods/::status", "", 200)), &status))
		if status[0].Status != "STABLE" || status[0].Instances[0].Containers[1].Endpoints[0].AllocatedHostPort != 31000 {
			t.Errorf("%+v", status)
		}

		// The two live and die together, and with them their ports.
		noError(t, s.cluster.EndTask(s.framework, sidecar.ID, TaskFailed))
		next := s.after(5*time.Second, "web", TaskRunning)[0]
		if next.ID == web.ID {
			t.Error("a container outlives its pod")
		}
		s.do("PUT", "/v2/pods/shop/search", `{"id": "/shop/search", "scaling": {"kind": "fixed", "instances": 2},
			"containers": [{"name": "only", "resources": {"cpus": 1, "mem": 64}}]}`, 200)
		s.after(time.Second, "only", TaskRunning, TaskRunning)
		s.after(0, "web")
		s.do("DELETE", "/v2/pods/shop/search", "", 202)
		s.after(0, "only")
	})
}

// TestScheduledSteps: a scenario knows the apps that Marathon runs.
func TestScheduledSteps(t *testing.T) {
	s := testSimulation(t, "agents: 2\nmarathon: {startup: 1s, healthy: 3s, backoff: 2s}")
	m, err := s.NewScheduler(netip.MustParseAddrPort("127.0.0.1:8080"), marathon.Settings{})
	noError(t, err)
	if o := m.options; o.Startup != time.Second || o.Healthy != 3*time.Second || o.Backoff != 2*time.Second {
		t.Errorf("%+v", o)
	}
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("POST", "/v2/apps", strings.NewReader(`{"id": "web", "cmd": "x", "instances": 2}`)))
	for _, a := range []Action{{Do: "advance", App: "web"}, {Do: "advance", App: "web"}, {Do: "health", App: "web", Count: 1}} {
		if _, err := s.Do(a); err != nil {
			t.Errorf("%s: %v", a.Do, err)
		}
	}
	if _, err := s.Do(Action{Do: "kill", App: "other"}); err == nil {
		t.Error("no app, and no error")
	}
	healthy := 0
	for _, task := range s.Tasks() {
		if h := task.Statuses[len(task.Statuses)-1].Healthy; task.State != TaskRunning {
			t.Errorf("%s is %s", task.ID, task.State)
		} else if h != nil && !*h {
			healthy++
		}
	}
	if healthy != 1 {
		t.Errorf("%d are unhealthy", healthy)
	}
}

// TestDemoMarathon: Marathon's API knows the apps of the demo, keeps its hands
// off them, and can take them away.
func TestDemoMarathon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDemo(DemoOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		s := &scheduled{Scheduler: d.scheduler, t: t}
		before := addresses(d.Cluster)
		s.do("PUT", "/v2/apps/nginx", `{"instances": 3}`, 200)
		time.Sleep(25 * time.Second) // two have moved
		synctest.Wait()
		after := addresses(d.Cluster)
		for name := range before {
			if same := slices.Equal(before[name], after[name]); same != (name != moving) {
				t.Errorf("%s was at %v and is at %v", name, before[name], after[name])
			}
		}
		var list struct {
			Apps []struct {
				ID                      string
				Instances, TasksRunning int
			}
		}
		noError(t, json.Unmarshal([]byte(s.do("GET", "/v2/apps", "", 200)), &list))
		if len(list.Apps) != len(demoInstances) {
			t.Errorf("%d apps", len(list.Apps))
		}
		for _, a := range list.Apps {
			if a.Instances != len(demoInstances[a.ID]) || a.TasksRunning != a.Instances {
				t.Errorf("%+v", a)
			}
		}
		s.do("DELETE", "/v2/apps/shop/cart", "", 200)
		s.do("PUT", "/v2/apps/api", `{"instances": 3}`, 200)
		s.do("PUT", "/v2/apps/blog", `{"instances": 1}`, 200) // has health checks
		time.Sleep(time.Hour)
		synctest.Wait()
		after = addresses(d.Cluster)
		if len(after[moving]) != 0 || len(after["api"]) != 3 || len(after["blog"]) != 1 {
			t.Errorf("%v", after)
		}
		if list := s.do("GET", "/v2/deployments", "", 200); list != "[]" {
			t.Errorf("after an hour there is %s", list)
		}
		cancel()
		noError(t, <-done)
	})
}
