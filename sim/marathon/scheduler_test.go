package marathon

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

	"toponym/sim"
)

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scheduled is a Scheduler on a cluster of its own, in a synctest bubble.
type scheduled struct {
	*Scheduler
	t *testing.T
}

// withScheduler runs a test with a Scheduler and so many agents, 10.0.0.1 and
// on.
func withScheduler(t *testing.T, agents int, test func(s *scheduled)) {
	synctest.Test(t, func(t *testing.T) {
		c := sim.NewCluster(sim.Options{Seed: 1})
		for _, n := range sim.StandardNetworks() {
			c.AddNetwork(n)
		}
		s := &scheduled{t: t}
		var err error
		s.Scheduler, err = NewScheduler(c, Options{
			Addr: netip.MustParseAddrPort("10.0.0.254:8080"), Startup: time.Second, Healthy: 10 * time.Second, Backoff: 3 * time.Second,
		})
		noError(t, err)
		for i := range agents {
			s.addAgent(i)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		defer func() { cancel(); noError(t, <-done) }()
		test(s)
		synctest.Wait()
	})
}

func (s *scheduled) addAgent(i int) string {
	id, err := s.cluster.AddAgent(sim.Agent{
		Addr:      netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 5051),
		Resources: sim.Resources{CPUs: 4, Mem: 1024, Disk: 1000, Ports: sim.Ports{{First: 8080, Last: 8080}, {First: 31000, Last: 31003}}},
	})
	noError(s.t, err)
	return id
}

func (s *scheduled) do(method, path, body string, status int) string {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(method, "http://marathon"+path, strings.NewReader(body)))
	if w.Code != status {
		s.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	return w.Body.String()
}

// after lets time pass, and wants the states of an app's tasks then.
func (s *scheduled) after(d time.Duration, name string, want ...string) []sim.Task {
	s.t.Helper()
	time.Sleep(d)
	synctest.Wait()
	var tasks []sim.Task
	var states []string
	for _, t := range s.cluster.Tasks() {
		if t.Name == name {
			tasks = append(tasks, t)
			states = append(states, t.State)
		}
	}
	slices.Sort(states)
	if !slices.Equal(states, want) {
		s.t.Fatalf("after %v the tasks of %s are %v, want %v", d, name, states, want)
	}
	return tasks
}

func TestInstancesComeUpStepByStep(t *testing.T) {
	withScheduler(t, 2, func(s *scheduled) {
		s.do("POST", "/v2/apps", `{"id": "/shop/cart", "cmd": "serve", "cpus": 1, "instances": 2,
			"networks": [{"mode": "container", "name": "calico"}],
			"container": {"type": "MESOS", "portMappings": [{"containerPort": 80, "name": "http"}]},
			"healthChecks": [{"protocol": "MESOS_HTTP", "path": "/"}]}`, 201)
		s.after(0, "cart.shop", sim.TaskStaging, sim.TaskStaging)
		s.after(500*time.Millisecond, "cart.shop", sim.TaskStarting, sim.TaskStarting)
		if d := s.do("GET", "/v2/deployments", "", 200); d == "[]" {
			t.Error("nothing runs, and the deployment is over")
		}
		tasks := s.after(500*time.Millisecond, "cart.shop", sim.TaskRunning, sim.TaskRunning)
		var where []string
		for _, task := range tasks {
			last := task.Statuses[len(task.Statuses)-1]
			if last.Healthy != nil {
				t.Error("healthy before the first result")
			}
			where = append(where, last.Container.Networks[0].Addresses[0].Addr().String())
		}
		slices.Sort(where)
		if fmt.Sprint(where) != "[192.168.0.2 192.168.0.66]" {
			t.Errorf("addresses %v", where)
		}
		tasks = s.after(10*time.Second, "cart.shop", sim.TaskRunning, sim.TaskRunning)
		for _, task := range tasks {
			if h := task.Statuses[len(task.Statuses)-1].Healthy; h == nil || !*h {
				t.Error("not healthy in time")
			}
		}
		if d := s.do("GET", "/v2/deployments", "", 200); d != "[]" {
			t.Errorf("all is well, and there is a deployment: %s", d)
		}

		// One fails: another takes its place, but not at once.
		noError(t, s.cluster.EndTask(s.framework, tasks[0].ID, sim.TaskFailed))
		s.after(2900*time.Millisecond, "cart.shop", sim.TaskRunning)
		again := s.after(1100*time.Millisecond, "cart.shop", sim.TaskRunning, sim.TaskRunning)
		if slices.ContainsFunc(again, func(t sim.Task) bool { return t.ID == tasks[0].ID }) {
			t.Error("the task that failed is back")
		}

		// An agent is cut off: its tasks are replaced, and when it is back there
		// is one too many for a while.
		noError(t, s.cluster.MarkUnreachable(tasks[1].AgentID))
		s.after(4*time.Second, "cart.shop", sim.TaskRunning, sim.TaskRunning)
		noError(t, s.cluster.Reregister(tasks[1].AgentID))
		s.after(0, "cart.shop", sim.TaskRunning, sim.TaskRunning, sim.TaskRunning)
		for _, task := range s.after(3*time.Second, "cart.shop", sim.TaskRunning, sim.TaskRunning) {
			if task.ID == tasks[1].ID {
				t.Error("the task that was given up is kept")
			}
		}
		s.do("DELETE", "/v2/apps/shop/cart", "", 200)
		s.after(0, "cart.shop")
		if len(s.instances)+len(s.order)+len(s.lost)+len(s.spread) != 0 {
			t.Errorf("remembered are %v, %v and %v", s.instances, s.lost, s.spread)
		}
	})
}

// TestInstancesWaitForRoom: what has no room waits for it.
func TestInstancesWaitForRoom(t *testing.T) {
	withScheduler(t, 2, func(s *scheduled) {
		s.do("POST", "/v2/apps", `{"id": "web", "cmd": "x", "cpus": 1, "instances": 3, "portDefinitions": [{"port": 8080}], "requirePorts": true}`, 201)
		s.after(time.Second, "web", sim.TaskRunning, sim.TaskRunning)
		s.after(time.Hour, "web", sim.TaskRunning, sim.TaskRunning)
		s.addAgent(2)
		s.after(4*time.Second, "web", sim.TaskRunning, sim.TaskRunning, sim.TaskRunning)

		// One does not fit for its share of a processor, the other for its ports.
		s.do("POST", "/v2/apps", `{"id": "big", "cmd": "x", "cpus": 3.5}`, 201)
		s.do("POST", "/v2/apps", `{"id": "many", "cmd": "x", "cpus": 0.1,
			"portDefinitions": [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}, {"name": "e"}]}`, 201)
		s.after(time.Hour, "big")
		s.after(0, "many")
		s.do("PUT", "/v2/apps/web", `{"instances": 1}`, 200)
		s.after(4*time.Second, "big", sim.TaskRunning)
		s.after(0, "many", sim.TaskRunning)
	})
}

// TestInstancesOutliveAFailover: instances outlive a failover, and nothing is
// launched before the scheduler is back.
func TestInstancesOutliveAFailover(t *testing.T) {
	withScheduler(t, 1, func(s *scheduled) {
		s.do("POST", "/v2/apps", `{"id": "web", "cmd": "x"}`, 201)
		before := s.after(time.Second, "web", sim.TaskRunning)
		s.cluster.Failover()
		s.do("PUT", "/v2/apps/web", `{"instances": 2}`, 200)
		s.after(time.Minute, "web", sim.TaskRunning)
		noError(t, s.cluster.Reregister(before[0].AgentID))
		s.after(time.Minute, "web", sim.TaskRunning)
		noError(t, s.cluster.SetConnected(s.framework, true))
		after := s.after(5*time.Second, "web", sim.TaskRunning, sim.TaskRunning)
		if after[0].ID != before[0].ID && after[1].ID != before[0].ID {
			t.Error("the instance from before is gone")
		}
	})
}

func TestMesosDoesNotKnowMarathonsChecks(t *testing.T) {
	withScheduler(t, 1, func(s *scheduled) {
		s.do("POST", "/v2/apps", `{"id": "web", "cmd": "x", "healthChecks": [{"protocol": "HTTP"}]}`, 201)
		tasks := s.after(11*time.Second, "web", sim.TaskRunning)
		if h := tasks[0].Statuses[len(tasks[0].Statuses)-1].Healthy; h != nil {
			t.Error("Mesos hears of a check that Marathon makes")
		}
		if v := s.do("GET", "/v2/apps/web", "", 200); !strings.Contains(v, `"tasksHealthy":1`) || !strings.Contains(v, `"alive":true`) {
			t.Errorf("Marathon does not: %s", v)
		}
	})
}

func TestContainersOfAPodShareExecutorAndNetworks(t *testing.T) {
	withScheduler(t, 2, func(s *scheduled) {
		s.do("POST", "/v2/pods", `{"id": "/shop/search", "networks": [{"mode": "container/bridge"}],
			"containers": [
				{"name": "web", "resources": {"cpus": 1, "mem": 64}, "endpoints": [{"name": "http", "containerPort": 80, "hostPort": 8080}],
				 "healthCheck": {"http": {"endpoint": "http"}}},
				{"name": "sidecar", "resources": {"cpus": 1, "mem": 64}, "endpoints": [{"name": "metrics", "containerPort": 9102}]}
			]}`, 201)
		s.after(time.Second, "web", sim.TaskRunning)
		web, sidecar := s.after(10*time.Second, "web", sim.TaskRunning)[0], s.after(0, "sidecar", sim.TaskRunning)[0]
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
		if ports := sim.PortList(s.instances[instanceOf(web.ID)].ports...); ports.String() != "[8080-8080, 31000-31000]" {
			t.Errorf("the executor holds the ports %v", ports)
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
		noError(t, s.cluster.EndTask(s.framework, sidecar.ID, sim.TaskFailed))
		next := s.after(5*time.Second, "web", sim.TaskRunning)[0]
		if next.ID == web.ID {
			t.Error("a container outlives its pod")
		}
		s.do("PUT", "/v2/pods/shop/search", `{"id": "/shop/search", "scaling": {"kind": "fixed", "instances": 2},
			"containers": [{"name": "only", "resources": {"cpus": 1, "mem": 64}}]}`, 200)
		s.after(time.Second, "only", sim.TaskRunning, sim.TaskRunning)
		s.after(0, "web")
		s.do("DELETE", "/v2/pods/shop/search", "", 202)
		s.after(0, "only")
	})
}

// TestUnhealthyStatusIsSentAgainAtEachFailedCheck, as long as the task is unhealthy.
func TestUnhealthyStatusIsSentAgainAtEachFailedCheck(t *testing.T) {
	withScheduler(t, 1, func(s *scheduled) {
		in := s.events("?event_type=health_status_changed_event")
		s.do("POST", "/v2/apps", `{"id": "web", "cmd": "x", "healthChecks": [{"protocol": "MESOS_TCP", "intervalSeconds": 7}]}`, 201)
		task := s.after(15*time.Second, "web", sim.TaskRunning)[0]
		if in.next()["alive"] != true {
			t.Error("the first result is not good")
		}
		noError(t, s.cluster.SetHealth(s.framework, task.ID, false))
		begin := time.Now()
		for n := range 4 {
			if e := in.next(); e["alive"] != false || time.Since(begin) != time.Duration(n)*7*time.Second {
				t.Errorf("%v after %v, want a failure after %d times 7s", e, time.Since(begin), n)
			}
		}
		noError(t, s.cluster.SetHealth(s.framework, task.ID, true))
		if in.next()["alive"] != true {
			t.Error("the task is healthy again, and nobody hears of it")
		}
		noError(t, s.cluster.SetHealth(s.framework, task.ID, true))
		in.next()
		time.Sleep(time.Minute)
		s.mu.Lock()
		defer s.mu.Unlock()
		if n := len(s.steps); n != 0 {
			t.Errorf("%d checks are planned for a healthy task", n)
		}
	})
}
