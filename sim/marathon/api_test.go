package marathon

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"toponym/sim"
)

type appAnswer struct {
	App struct {
		Instances    int              `json:"instances"`
		CPUs         float64          `json:"cpus"`
		Version      string           `json:"version"`
		TasksRunning int              `json:"tasksRunning"`
		TasksStaged  int              `json:"tasksStaged"`
		Deployments  []deploymentRef  `json:"deployments"`
		Networks     []Network        `json:"networks"`
		Container    *Container       `json:"container"`
		Tasks        []taskView       `json:"tasks"`
		VersionInfo  VersionInfo      `json:"versionInfo"`
		Definitions  []PortDefinition `json:"portDefinitions"`
	} `json:"app"`
}

type taskList struct {
	Tasks []taskView `json:"tasks"`
}

func TestAppIsCreatedChangedAndRemoved(t *testing.T) {
	s := newServer(t)
	created := s.do("POST", "/v2/apps", `{"id":"/shop/cart","cmd":"serve","instances":2}`, http.StatusCreated)
	for _, want := range []string{`"id":"/shop/cart"`, `"mode":"host"`, `"port":10000`, `"tasks":[`, `"deployments":[{"id":`} {
		if !strings.Contains(created, want) {
			t.Errorf("no %s in %s", want, created)
		}
	}
	s.want("cart.shop cart.shop")
	s.do("POST", "/v2/apps", `{"id":"/shop/cart","cmd":"serve"}`, http.StatusConflict)

	first := get[appAnswer](s, "/v2/apps//shop/cart").App
	if first.TasksRunning != 2 || len(first.Deployments) != 0 || len(first.Tasks) != 2 {
		t.Errorf("%+v", first)
	}
	if id := first.Tasks[0].ID; !strings.HasPrefix(id, "shop_cart.") {
		t.Errorf("task id %s", id)
	}

	// Scaling leaves the tasks alone that are there.
	s.launch = nil
	s.do("PUT", "/v2/apps/shop/cart", `{"instances":3}`, http.StatusOK)
	s.want("cart.shop cart.shop cart.shop")
	if len(s.launch) != 1 {
		t.Errorf("scaling up did %v", s.launch)
	}
	scaled := get[appAnswer](s, "/v2/apps/shop/cart").App
	if scaled.VersionInfo.LastConfigChangeAt != first.Version || scaled.VersionInfo.LastScalingAt != scaled.Version {
		t.Errorf("%+v after version %s", scaled.VersionInfo, first.Version)
	}
	s.launch = nil
	s.do("PUT", "/v2/apps/shop/cart", `{"instances":1}`, http.StatusOK)
	if strings.Join(s.launch, " ") != "-"+scaled.Tasks[2].ID+" -"+scaled.Tasks[1].ID {
		t.Errorf("scaling down did %v, of %v", s.launch, scaled.Tasks)
	}

	// Another definition: the new instance comes before the old one goes.
	s.launch = nil
	s.do("PUT", "/v2/apps/shop/cart", `{"cpus":0.5,"cmd":null}`, http.StatusOK)
	if len(s.launch) != 2 || s.launch[0][0] != '+' || s.launch[1] != "-"+first.Tasks[0].ID {
		t.Errorf("the upgrade did %v", s.launch)
	}
	if a := get[appAnswer](s, "/v2/apps/shop/cart").App; a.CPUs != 0.5 || a.Instances != 1 || a.Definitions[0].Port != 10000 {
		t.Errorf("%+v", a)
	}
	s.launch = nil
	s.do("POST", "/v2/apps/shop/cart/restart", "", http.StatusOK)
	if len(s.launch) != 2 {
		t.Errorf("the restart did %v", s.launch)
	}

	// Back to the first version.
	versions := get[struct {
		Versions []string `json:"versions"`
	}](s, "/v2/apps/shop/cart/versions").Versions
	if len(versions) != 5 || versions[4] != first.Version {
		t.Errorf("versions %v", versions)
	}
	get[App](s, "/v2/apps/shop/cart/versions/"+first.Version)
	s.do("GET", "/v2/apps/shop/cart/versions/none", "", http.StatusNotFound)
	s.do("PUT", "/v2/apps/shop/cart", `{"version":"`+first.Version+`"}`, http.StatusOK)
	s.want("cart.shop cart.shop")
	s.do("PUT", "/v2/apps/shop/cart", `{"version":"none"}`, http.StatusNotFound)
	s.do("PUT", "/v2/apps/shop/cart", `{"version":"none","cpus":1}`, http.StatusUnprocessableEntity)

	s.do("DELETE", "/v2/apps/shop/cart", "", http.StatusOK)
	s.want("")
	for _, path := range []string{"", "/tasks", "/versions"} {
		s.do("GET", "/v2/apps/shop/cart"+path, "", http.StatusNotFound)
	}
	s.do("DELETE", "/v2/apps/shop/cart", "", http.StatusNotFound)
	s.do("POST", "/v2/apps/shop/cart/restart", "", http.StatusNotFound)
	if len(s.portsInUse())+len(s.ports.used) != 0 {
		t.Errorf("ports are left: %v %v", s.portsInUse(), s.ports.used)
	}
}

func TestUpdatesCanHaveTheFormOf14(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/apps", `{"id":"a","cmd":"serve","portDefinitions":[{"port":8080,"name":"http"}],"requirePorts":true}`, http.StatusCreated)
	s.do("PUT", "/v2/apps/a", `{"networks":[{"mode":"container","name":"calico"}]}`, http.StatusOK)
	a := get[appAnswer](s, "/v2/apps/a").App
	if a.Definitions != nil || a.Container == nil || len(a.Container.PortMappings) != 1 || a.Networks[0].Name != "calico" {
		t.Errorf("on calico: %+v", a)
	}
	s.do("PUT", "/v2/apps/a", `{"container":{"docker":{"image":"i","network":"BRIDGE","portMappings":[{"containerPort":80,"name":"web"}]}}}`, http.StatusOK)
	a = get[appAnswer](s, "/v2/apps/a").App
	if a.Networks[0].Mode != ModeBridge || a.Container.PortMappings[0].HostPort == nil || a.Container.Docker.Network != "" {
		t.Errorf("on a bridge: %+v %+v", a, a.Container)
	}
	s.do("PUT", "/v2/apps/a", `{"ipAddress":{"networkName":"dcos-1"},"container":{"type":"MESOS"}}`, http.StatusOK)
	if a = get[appAnswer](s, "/v2/apps/a").App; a.Networks[0].Name != "dcos-1" || a.Container.Type != typeMesos {
		t.Errorf("with an address: %+v", a)
	}
	s.do("PUT", "/v2/apps/a", `{"networks":[{"mode":"host"}],"ports":[7000,7001]}`, http.StatusOK)
	if a = get[appAnswer](s, "/v2/apps/a").App; len(a.Definitions) != 2 || a.Definitions[1].Port != 7001 || a.Container.PortMappings != nil {
		t.Errorf("on the host: %+v %+v", a, a.Container)
	}
	s.do("PUT", "/v2/apps/a", `{"portDefinitions":[]}`, http.StatusOK)
	if a = get[appAnswer](s, "/v2/apps/a").App; a.Definitions == nil || len(a.Definitions) != 0 {
		t.Errorf("without ports: %+v", a)
	}
	s.do("PUT", "/v2/apps/a?partialUpdate=false", `{"cmd":"other"}`, http.StatusOK)
	if a = get[appAnswer](s, "/v2/apps/a").App; a.Container != nil || len(a.Definitions) != 1 {
		t.Errorf("replaced: %+v", a)
	}
	s.do("PUT", "/v2/apps/a", `{"networks":[{"mode":"host"}],"ipAddress":{}}`, http.StatusUnprocessableEntity)
	s.do("PUT", "/v2/apps/b", `{"cmd":"serve"}`, http.StatusCreated)
	s.do("PUT", "/v2/apps/b", `{"id":"/c","cmd":"serve"}`, http.StatusCreated)
	s.do("PUT", "/v2/apps", `[{"id":"b","instances":0},{"id":"d","cmd":"x"}]`, http.StatusOK)
	s.want("a c d")
}

// TestAppIsLockedByItsDeployment: an app that cannot start yet is locked until it has,
// or force is used.
func TestAppIsLockedByItsDeployment(t *testing.T) {
	s := newServer(t)
	if err := s.cluster.SetDeactivated(s.agent, true); err != nil {
		t.Fatal(err)
	}
	s.add(s.cluster, 1) // each instance takes one CPU
	s.do("POST", "/v2/apps", `{"id":"a","cmd":"x","instances":2}`, http.StatusCreated)
	deployments := get[[]struct {
		ID           string   `json:"id"`
		AffectedApps []string `json:"affectedApps"`
	}](s, "/v2/deployments")
	if len(deployments) != 1 || deployments[0].AffectedApps[0] != "/a" {
		t.Fatalf("deployments %+v", deployments)
	}
	body := s.do("PUT", "/v2/apps/a", `{"instances":3}`, http.StatusConflict)
	if !strings.Contains(body, deployments[0].ID) || !strings.Contains(body, "force=true") {
		t.Errorf("%s", body)
	}
	s.do("POST", "/v2/apps", `{"id":"b","cmd":"x","instances":0}`, http.StatusCreated) // another app is free
	s.do("PUT", "/v2/apps/a?force=true", `{"instances":3}`, http.StatusOK)
	if err := s.cluster.SetDeactivated(s.agent, false); err != nil {
		t.Fatal(err)
	}
	s.add(s.cluster, 1) // that there is room now is news
	s.Reconcile()
	s.want("a a a")
	if d := get[[]any](s, "/v2/deployments"); len(d) != 0 {
		t.Errorf("deployments %v", d)
	}
	s.do("PUT", "/v2/apps/a", `{"instances":1}`, http.StatusOK)

	s.o.Startup = time.Hour // what is launched does not run yet
	s.do("POST", "/v2/apps", `{"id":"c","cmd":"x"}`, http.StatusCreated)
	if a := get[appAnswer](s, "/v2/apps/c").App; a.TasksStaged != 1 || len(a.Deployments) != 1 {
		t.Errorf("%+v", a)
	}
	s.do("DELETE", "/v2/apps/c?force=false", "", http.StatusConflict)
	s.do("DELETE", "/v2/apps/c", "", http.StatusOK)
}

func TestFixedPortsAreReplacedInPlace(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/apps", `{"id":"a","cmd":"x","ports":[9000],"requirePorts":true}`, http.StatusCreated)
	s.do("POST", "/v2/apps/a/restart", "", http.StatusOK)
	s.want("a")
	if len(s.launch) != 3 || s.launch[1][0] != '-' {
		t.Errorf("%v", s.launch)
	}
}

func TestLostTasksAreReplaced(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/apps", `{"id":"a","cmd":"x","instances":2}`, http.StatusCreated)
	lost := get[appAnswer](s, "/v2/apps/a").App.Tasks[0].ID
	if err := s.cluster.EndTask(s.framework, lost, sim.TaskLost); err != nil {
		t.Fatal(err)
	}
	s.Reconcile()
	s.want("a a")
	if s.instances[lost] != nil {
		t.Error("the lost task is still an instance of the app")
	}
}

func TestKilledTasksAreReplacedUnlessScaled(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/apps", `{"id":"a","cmd":"x","instances":3}`, http.StatusCreated)
	task := get[appAnswer](s, "/v2/apps/a").App.Tasks[1].ID
	s.do("DELETE", "/v2/apps/a/tasks/"+task, "", http.StatusOK)
	s.want("a a a")
	s.do("DELETE", "/v2/apps/a/tasks/"+task, "", http.StatusNotFound)
	task = get[taskList](s, "/v2/apps/a/tasks").Tasks[0].ID
	s.do("DELETE", "/v2/apps/a/tasks/"+task+"?scale=true", "", http.StatusOK)
	s.want("a a")
	s.do("DELETE", "/v2/apps/a/tasks?host=elsewhere&scale=true", "", http.StatusOK)
	s.want("a a")
	s.do("DELETE", "/v2/apps/a/tasks?scale=true", "", http.StatusOK)
	s.want("")
	if n := len(get[taskList](s, "/v2/tasks").Tasks); n != 0 {
		t.Errorf("%d tasks", n)
	}
}

func TestAppsAreFilteredByQuery(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/apps", `{"id":"/x/a","cmd":"Serve","labels":{"team":"one"}}`, http.StatusCreated)
	s.do("POST", "/v2/apps", `{"id":"/x/b","args":["serve"],"labels":{"team":"two"}}`, http.StatusCreated)
	s.do("POST", "/v2/apps", `{"id":"/c","cmd":"other"}`, http.StatusCreated)
	for query, want := range map[string]string{
		"":                          "/c /x/a /x/b",
		"?cmd=serve":                "/x/a",
		"?id=X":                     "/x/a /x/b",
		"?label=team":               "/x/a /x/b",
		"?label=team%3D%3Done":      "/x/a",
		"?label=team!%3Done":        "/x/b",
		"?label=team,team%3D%3Dtwo": "/x/b",
		"?embed=apps.tasks":         "/c /x/a /x/b",
	} {
		var got []string
		for _, a := range get[struct {
			Apps []struct {
				ID    string     `json:"id"`
				Tasks []taskView `json:"tasks"`
			} `json:"apps"`
		}](s, "/v2/apps"+query).Apps {
			got = append(got, a.ID)
			if embedded := len(a.Tasks) == 1; embedded != strings.Contains(query, "embed") {
				t.Errorf("%s: tasks %v", query, a.Tasks)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", query, got, want)
		}
	}
	s.do("GET", "/v2/apps?label=team+in+(one)", "", http.StatusUnprocessableEntity)
	if n := len(get[map[string][]any](s, "/v2/apps/x/*")["*"]); n != 2 {
		t.Errorf("%d apps in /x", n)
	}
	if n := len(get[map[string][]any](s, "/v2/apps/*")["*"]); n != 3 {
		t.Errorf("%d apps", n)
	}
}

func TestOtherPathsAnswerAsMarathonDoes(t *testing.T) {
	s := newServer(t)
	if s.do("GET", "/ping", "", http.StatusOK) != "pong\n" {
		t.Error("no pong")
	}
	if i := get[map[string]any](s, "/v2/info"); i["name"] != "marathon" || i["elected"] != true {
		t.Errorf("info %v", i)
	}
	s.do("GET", "/v2/unknown", "", http.StatusNotFound)
	s.do("GET", "/v2/appsx", "", http.StatusNotFound)
	s.do("DELETE", "/v2/info", "", http.StatusMethodNotAllowed)
	s.do("POST", "/v2/apps", "{", http.StatusBadRequest)
	s.do("POST", "/v2/apps", `{"id":"a"}`, http.StatusUnprocessableEntity)
	s.do("POST", "/v2/apps", `{"id":"a","cmd":"x","instances":100001}`, http.StatusUnprocessableEntity)
	s.do("POST", "/v2/apps", strings.Repeat(" ", maxBody+1), http.StatusRequestEntityTooLarge)
	s.do("PUT", "/v2/apps", `[{"cmd":"x"}]`, http.StatusUnprocessableEntity)
	s.do("PUT", "/v2/apps", `{}`, http.StatusUnprocessableEntity)
	s.do("PUT", "/v2/apps/a", `[]`, http.StatusUnprocessableEntity)
	s.want("")
}
