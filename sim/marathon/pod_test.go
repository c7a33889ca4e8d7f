package marathon

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"toponym/sim"
)

// podTasks are the tasks of an instance with ports from 31000 on.
func podTasks(t testing.TB, a *App) []sim.Task {
	t.Helper()
	ports := a.HostPorts()
	for i, p := range ports {
		if p == 0 {
			ports[i] = 31000 + uint16(i)
		}
	}
	tasks, err := a.Tasks(a.TaskID("ea1231bf-2930-11e8-96bf-70b3d5800001"), ports)
	if err != nil {
		t.Fatal(err)
	}
	return tasks
}

func TestAcceptedPodsHaveTheirTasks(t *testing.T) {
	for _, file := range files(t, "pods/*.json") {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			a, ok, err := ParsePod(read(t, file), withDefault)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			once := text(t, a.scaled())
			golden(t, "pod-"+name+".txt", once+taskText(t, podTasks(t, a)))
			podNormalisedTwice(t, a)
		})
	}
}

func podNormalisedTwice(t *testing.T, a *App) {
	t.Helper()
	once := text(t, a.scaled())
	b, ok, err := ParsePod([]byte(once), Settings{})
	if err != nil || !ok {
		t.Fatalf("%v %v\n%s", ok, err, once)
	}
	if twice := text(t, b.scaled()); once != twice {
		t.Errorf("normalised once:\n%s\ntwice:\n%s", once, twice)
	}
}

func TestRefusedPodsHaveMarathonsMessages(t *testing.T) {
	for _, file := range files(t, "refused-pods/*.json") {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			_, ok, err := ParsePod(read(t, file), Settings{})
			var invalid *Invalid
			if !errors.As(err, &invalid) || !ok {
				t.Fatalf("%v, error %v", ok, err)
			}
			golden(t, "refused-pod-"+name+".txt", text(t, invalid))
		})
	}
}

const aPod = `{"id":"/shop/pod","containers":[{"name":"web","resources":{"cpus":0.1,"mem":32},"endpoints":[{"name":"http","hostPort":0}]}]}`

func TestPodIsCreatedChangedAndRemoved(t *testing.T) {
	s := newServer(t)
	created := s.do("POST", "/v2/pods", aPod, http.StatusCreated)
	for _, want := range []string{`"id":"/shop/pod"`, `"mode":"host"`, `"instances":1`, `"version":"`} {
		if !strings.Contains(created, want) {
			t.Errorf("no %s in %s", want, created)
		}
	}
	s.want("web")
	s.do("HEAD", "/v2/pods", "", http.StatusOK)
	s.do("POST", "/v2/pods", aPod, http.StatusConflict)
	s.do("POST", "/v2/pods", `{"id":"/shop"}`, http.StatusUnprocessableEntity)
	s.do("POST", "/v2/apps", `{"id":"/shop/pod","cmd":"x"}`, http.StatusConflict)
	s.do("POST", "/v2/apps", `{"id":"/shop/pod/a","cmd":"x"}`, http.StatusConflict)
	s.do("PUT", "/v2/apps/shop/pod", `{"cmd":"x"}`, http.StatusConflict)
	s.do("PUT", "/v2/groups/shop", `{"apps":[{"id":"pod","cmd":"x"}]}`, http.StatusConflict)
	s.do("POST", "/v2/groups", `{"id":"/shop/pod"}`, http.StatusConflict)

	// An app it is not.
	s.do("GET", "/v2/apps/shop/pod", "", http.StatusNotFound)
	s.do("POST", "/v2/apps/shop/pod/restart", "", http.StatusNotFound)
	for _, path := range []string{"/v2/apps", "/v2/apps/*", "/v2/tasks", "/v2/groups/shop/apps"} {
		if b := s.do("GET", path, "", http.StatusOK); strings.Contains(b, "pod") {
			t.Errorf("%s: %s", path, b)
		}
	}
	if b := s.do("GET", "/v2/groups", "", http.StatusOK); !strings.Contains(b, `"pods":[{"id":"/shop/pod"`) {
		t.Errorf("the groups do not have it: %s", b)
	}

	// A change of its instances leaves those that are there alone.
	s.launch = nil
	s.do("PUT", "/v2/pods/shop/pod", strings.Replace(aPod, `"id"`, `"scaling":{"instances":3},"id"`, 1), http.StatusOK)
	if s.want("web web web"); len(s.launch) != 2 {
		t.Errorf("scaling up did %v", s.launch)
	}
	s.launch = nil
	s.do("PUT", "/v2/pods/shop/pod", strings.Replace(aPod, `"web"`, `"site"`, 1), http.StatusOK)
	if s.want("site"); len(s.launch) != 4 {
		t.Errorf("the upgrade did %v", s.launch)
	}
	s.do("PUT", "/v2/pods/shop/other", aPod, http.StatusNotFound)
	s.do("PUT", "/v2/pods/shop/pod", strings.Replace(aPod, "/shop/pod", "/shop/other", 1), http.StatusUnprocessableEntity)
	s.do("PUT", "/v2/pods/shop/pod", "{", http.StatusBadRequest)

	if v := get[[]string](s, "/v2/pods/shop/pod::versions"); len(v) != 3 {
		t.Errorf("versions %v", v)
	}
	status := get[podStatus](s, "/v2/pods//shop/pod::status")
	if status.Status != "STABLE" || len(status.Instances) != 1 || *status.Instances[0].Containers[0].Endpoints[0].AllocatedHostPort < 31000 {
		t.Errorf("%+v", status)
	}
	if all := get[[]podStatus](s, "/v2/pods/::status"); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	if list := get[[]Pod](s, "/v2/pods"); len(list) != 1 || list[0].Containers[0].Name != "site" {
		t.Errorf("%+v", list)
	}
	s.do("GET", "/v2/pods/shop/pod", "", http.StatusOK)
	s.do("GET", "/v2/pods/shop/pod::instances", "", http.StatusNotImplemented)
	s.do("PATCH", "/v2/pods/shop/pod", "{}", http.StatusMethodNotAllowed)

	// A list of apps says nothing of the pods; without its group it goes.
	s.do("PUT", "/v2/groups/shop", `{"apps":[]}`, http.StatusOK)
	s.want("site")
	s.do("PUT", "/v2/groups/shop", `{"scaleBy":2}`, http.StatusOK)
	s.want("site site")
	s.do("DELETE", "/v2/groups/shop", "", http.StatusOK)
	s.want("")
	s.do("POST", "/v2/pods", aPod, http.StatusCreated)
	s.do("DELETE", "/v2/pods/shop/pod", "", http.StatusAccepted)
	s.want("")
	for _, path := range []string{"", "::status", "::versions"} {
		s.do("GET", "/v2/pods/shop/pod"+path, "", http.StatusNotFound)
	}
	s.do("DELETE", "/v2/pods/shop/pod", "", http.StatusNotFound)
	if len(s.portsInUse()) != 0 {
		t.Errorf("ports are left: %v", s.portsInUse())
	}
}

func FuzzParsePod(f *testing.F) {
	for _, dir := range []string{"pods", "refused-pods", "apps"} {
		for _, file := range files(f, dir+"/*.json") {
			f.Add(read(f, file))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, ok, err := ParsePod(data, withDefault)
		if err != nil || !ok {
			if a != nil {
				t.Error("a pod beside an error")
			}
			return
		}
		podNormalisedTwice(t, a)
		podTasks(t, a)
	})
}
