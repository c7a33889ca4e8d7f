package marathon

import (
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"toponym/sim"
)

// apps serves /v2/apps. The path may end with restart, tasks or versions, which is
// why ids must not.
func (r *request) apps(path string) (int, any, error) {
	if path == "" {
		return r.by(methods{http.MethodGet: r.listApps, http.MethodPost: r.createApp, http.MethodPut: r.updateApps})
	}
	parts := strings.Split(path, "/")
	if path == "*" || strings.HasSuffix(path, "/*") {
		return r.only(http.MethodGet, func() (int, any, error) { return r.appsBelow(strings.TrimSuffix(path, "*")) })
	}
	for i := max(len(parts)-2, 1); i < len(parts); i++ {
		id, rest := parsePathID("/"+strings.Join(parts[:i], "/")).in(pathID{}).String(), parts[i+1:]
		switch {
		case parts[i] == "restart" && len(rest) == 0:
			return r.by(methods{http.MethodPost: func() (int, any, error) { return r.restart(id) }})
		case parts[i] == "tasks":
			return r.tasks(id, rest)
		case parts[i] == "versions":
			return r.only(http.MethodGet, func() (int, any, error) { return r.versions(id, rest) })
		}
	}
	id := parsePathID(path).in(pathID{absolute: true}).String()
	return r.by(methods{
		http.MethodGet:    func() (int, any, error) { return r.showApp(id) },
		http.MethodPut:    func() (int, any, error) { return r.putApp(id) },
		http.MethodPatch:  func() (int, any, error) { return r.putApp(id) },
		http.MethodDelete: func() (int, any, error) { return r.deleteApp(id) },
	})
}

// findApp returns the app with an id.
func (r *request) findApp(id string) (*entry, error) {
	if e := r.s.apps[id]; e != nil && e.app.pod == nil {
		return e, nil
	}
	return nil, apiErrorf(http.StatusNotFound, "App '%s' does not exist", id)
}

func (r *request) listApps() (int, any, error) {
	q := r.URL.Query()
	cmd, id, label := strings.ToLower(q.Get("cmd")), strings.ToLower(q.Get("id")), q.Get("label")
	tasks := slices.ContainsFunc(q["embed"], func(e string) bool { return e == "apps.tasks" || e == "app.tasks" })
	selects, err := parseSelector(label)
	if err != nil {
		return 0, nil, err
	}
	list := []appView{}
	for _, e := range r.s.entries(false) {
		a := e.app
		written := ""
		if a.Cmd != nil {
			written = strings.ToLower(*a.Cmd)
		}
		if strings.Contains(written, cmd) && strings.Contains(a.ID, id) && selects(a.Labels) {
			list = append(list, r.s.view(e, tasks))
		}
	}
	return http.StatusOK, map[string]any{"apps": list}, nil
}

// parseSelector reads a label selector: conditions k, k==v and k!=v separated by
// commas, all of which must hold.
func parseSelector(s string) (func(map[string]string) bool, error) {
	var all []func(map[string]string) bool
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if strings.ContainsAny(part, "() ") {
			return nil, apiErrorf(http.StatusUnprocessableEntity, "The label selector %q is not simulated.", s)
		}
		if k, v, ok := strings.Cut(part, "!="); ok {
			all = append(all, func(l map[string]string) bool { got, has := l[k]; return has && got != v })
		} else if k, v, ok := strings.Cut(part, "=="); ok {
			all = append(all, func(l map[string]string) bool { got, has := l[k]; return has && got == v })
		} else {
			all = append(all, func(l map[string]string) bool { _, has := l[part]; return has })
		}
	}
	return func(l map[string]string) bool {
		return !slices.ContainsFunc(all, func(holds func(map[string]string) bool) bool { return !holds(l) })
	}, nil
}

func (r *request) appsBelow(path string) (int, any, error) {
	group := parsePathID(path).in(pathID{absolute: true})
	list := []appView{}
	for _, e := range r.s.entries(false) {
		if parsePathID(e.app.ID).within(group) {
			list = append(list, r.s.view(e, true))
		}
	}
	return http.StatusOK, map[string]any{"*": list}, nil
}

func (r *request) createApp() (int, any, error) {
	a, err := Parse(r.body, r.s.o.Settings)
	if err != nil {
		return 0, nil, err
	}
	if r.s.apps[a.ID] != nil {
		return 0, nil, apiErrorf(http.StatusConflict, "An app with id [%s] already exists.", a.ID)
	}
	d, err := r.s.apply(change{a.ID: a}, r.force)
	if err != nil {
		return 0, nil, err
	}
	r.publishChange(r.s.apps[a.ID].app)
	r.w.Header().Set("Marathon-Deployment-Id", d.id)
	r.w.Header().Set("Location", a.ID)
	return http.StatusCreated, r.s.view(r.s.apps[a.ID], true), nil
}

func (r *request) showApp(id string) (int, any, error) {
	e, err := r.findApp(id)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, map[string]any{"app": r.s.view(e, true)}, nil
}

func (r *request) putApp(id string) (int, any, error) {
	var update object
	if err := decode(r.body, &update); err != nil {
		return 0, nil, err
	}
	partial := r.Method == http.MethodPatch || r.URL.Query().Get("partialUpdate") != "false"
	a, err := r.next(id, update, partial)
	if err != nil {
		return 0, nil, err
	}
	known := r.s.apps[a.ID] != nil
	d, err := r.s.apply(change{a.ID: a}, r.force)
	if err != nil {
		return 0, nil, err
	}
	r.publishChange(r.s.apps[a.ID].app)
	if known {
		return r.deployed(http.StatusOK, d)
	}
	r.w.Header().Set("Location", a.ID)
	return r.deployed(http.StatusCreated, d)
}

// next returns an app as an update changes it. An id in the body takes precedence
// over the one in the path.
func (r *request) next(id string, update object, partial bool) (*App, error) {
	var names struct {
		ID      string `json:"id"`
		Version string `json:"version"`
	}
	if err := decode(r.marshal(update), &names); err != nil {
		return nil, err
	}
	if names.ID != "" {
		id = parsePathID(names.ID).in(pathID{absolute: true}).String()
	}
	update = cloneWith(update, id)
	e := r.s.apps[id]
	if e != nil && e.app.pod != nil {
		return nil, apiErrorf(http.StatusConflict, "A pod with the path %s already exists.", id)
	}
	if names.Version != "" {
		return r.earlier(id, names.Version, update)
	}
	if e == nil || !partial {
		return Parse(r.marshal(update), r.s.o.Settings)
	}
	return updated(e.app, update, r.s.o.Settings)
}

// earlier is the app as it was in a version of it.
func (r *request) earlier(id, version string, update object) (*App, error) {
	if len(update) > 2 {
		var f violations
		f.add("/", "The 'version' field may only be combined with the 'id' field.")
		return nil, f.err(notValid)
	}
	if e := r.s.apps[id]; e != nil {
		for _, a := range e.history {
			if a.Version == version {
				next := *a
				next.VersionInfo = nil
				return &next, nil
			}
		}
	}
	return nil, apiErrorf(http.StatusNotFound, "App '%s' does not exist in version %s", id, version)
}

// updateApps changes several apps in one deployment.
func (r *request) updateApps() (int, any, error) {
	var updates []object
	if err := decode(r.body, &updates); err != nil {
		return 0, nil, err
	}
	partial := r.URL.Query().Get("partialUpdate") != "false"
	c := change{}
	for _, u := range updates {
		if _, ok := u["id"]; !ok {
			var f violations
			f.add("/id", "error.path.missing")
			return 0, nil, f.err(invalidJSON)
		}
		a, err := r.next("", u, partial)
		if err != nil {
			return 0, nil, err
		}
		c[a.ID] = a
	}
	d, err := r.s.apply(c, r.force)
	if err != nil {
		return 0, nil, err
	}
	for _, id := range sortedKeys(c) {
		r.publishChange(r.s.apps[id].app)
	}
	return r.deployed(http.StatusOK, d)
}

func (r *request) deleteApp(id string) (int, any, error) {
	if _, err := r.findApp(id); err != nil {
		return 0, nil, err
	}
	d, err := r.s.apply(change{id: nil}, r.force || !r.URL.Query().Has("force")) // force is the default here
	if err != nil {
		return 0, nil, err
	}
	return r.deployed(http.StatusOK, d)
}

func (r *request) restart(id string) (int, any, error) {
	e, err := r.findApp(id)
	if err != nil {
		return 0, nil, err
	}
	d, err := r.s.apply(change{id: restarted(e.app)}, r.force)
	if err != nil {
		return 0, nil, err
	}
	return r.deployed(http.StatusOK, d)
}

func (r *request) versions(id string, rest []string) (int, any, error) {
	e, err := r.findApp(id)
	if err != nil {
		return 0, nil, err
	}
	list := []string{}
	for _, a := range slices.Backward(e.history) {
		if len(rest) == 1 && a.Version == rest[0] {
			return http.StatusOK, a, nil
		}
		list = append(list, a.Version)
	}
	if len(rest) == 1 {
		return 0, nil, apiErrorf(http.StatusNotFound, "App '%s' does not exist in version %s", id, rest[0])
	}
	return http.StatusOK, map[string]any{"versions": list}, nil
}

// tasks answers below /v2/apps/{id}/tasks.
func (r *request) tasks(id string, rest []string) (int, any, error) {
	e, err := r.findApp(id)
	if err != nil {
		return 0, nil, err
	}
	if len(rest) == 0 {
		return r.by(methods{
			http.MethodGet: func() (int, any, error) {
				return http.StatusOK, map[string]any{"tasks": r.s.view(e, true).Tasks}, nil
			},
			http.MethodDelete: func() (int, any, error) { return r.killTasks(e, "") },
		})
	}
	return r.only(http.MethodDelete, func() (int, any, error) { return r.killTasks(e, rest[0]) })
}

// killTasks ends one task of an app, or all, or those on a host. With scale
// they are not replaced.
func (r *request) killTasks(e *entry, taskID string) (int, any, error) {
	q := r.URL.Query()
	host := q.Get("host")
	var killed []taskView
	for _, t := range r.s.view(e, true).Tasks {
		if (taskID == "" || t.ID == taskID) && (host == "" || t.Host == host) {
			killed = append(killed, t)
		}
	}
	if taskID != "" && len(killed) == 0 {
		return 0, nil, apiErrorf(http.StatusNotFound, "Task '%s' does not exist", taskID)
	}
	isKilled := func(i *instance) bool {
		return slices.ContainsFunc(killed, func(k taskView) bool { return k.ID == i.id })
	}
	kill := func(instances []*instance) {
		for _, i := range instances {
			if isKilled(i) {
				r.s.kill(i)
			}
		}
	}
	if q.Get("scale") == "true" {
		next := *e.app
		next.VersionInfo = nil
		next.Instances = max(next.Instances-len(killed), 0)
		before := e.instances
		e.instances = slices.DeleteFunc(slices.Clone(e.instances), isKilled)
		d, err := r.s.apply(change{e.app.ID: &next}, r.force)
		if err != nil {
			e.instances = before
			return 0, nil, err
		}
		kill(before)
		return r.deployed(http.StatusOK, d)
	}
	kill(e.instances)
	e.instances = slices.DeleteFunc(e.instances, isKilled)
	r.s.reconcile(e)
	if taskID != "" {
		return http.StatusOK, map[string]any{"task": killed[0]}, nil
	}
	return http.StatusOK, map[string]any{"tasks": killed}, nil
}

func (r *request) allTasks() (int, any, error) {
	list := []taskView{}
	for _, e := range r.s.entries(false) {
		list = append(list, r.s.view(e, true).Tasks...)
	}
	return http.StatusOK, map[string]any{"tasks": list}, nil
}

// cloneWith is an object with another id.
func cloneWith(o object, id string) object {
	next := maps.Clone(o)
	if next == nil {
		next = object{}
	}
	next["id"], _ = jsontext.AppendQuote(nil, id)
	return next
}

// marshal writes what has been read from JSON before.
func (r *request) marshal(o object) []byte {
	b, err := json.Marshal(o)
	if err != nil {
		return nil // decoding says that it is no JSON
	}
	return b
}

// deploymentRef refers to a deployment.
type deploymentRef struct {
	ID string `json:"id"`
}

// appView is an app as GET answers it.
type appView struct {
	*App           `json:",embed"`
	TasksStaged    int             `json:"tasksStaged"`
	TasksRunning   int             `json:"tasksRunning"`
	TasksHealthy   int             `json:"tasksHealthy"`
	TasksUnhealthy int             `json:"tasksUnhealthy"`
	Deployments    []deploymentRef `json:"deployments"`
	Tasks          []taskView      `json:"tasks,omitzero"`
}

// taskView is a task as GET answers it.
type taskView struct {
	ID           string   `json:"id"`
	AppID        string   `json:"appId"`
	SlaveID      string   `json:"slaveId"`
	Host         string   `json:"host"`
	State        string   `json:"state"`
	Ports        []uint16 `json:"ports"`
	ServicePorts []uint16 `json:"servicePorts"`
	IPAddresses  []ipView `json:"ipAddresses"`
	StagedAt     string   `json:"stagedAt,omitempty"`
	StartedAt    string   `json:"startedAt,omitempty"`
	Version      string   `json:"version"`
	Health       []health `json:"healthCheckResults,omitempty"`
}

type ipView struct {
	IPAddress string `json:"ipAddress"`
	Protocol  string `json:"protocol"`
}

type health struct {
	Alive               bool   `json:"alive"`
	ConsecutiveFailures int    `json:"consecutiveFailures"`
	TaskID              string `json:"taskId"`
}

// view is an app with its counts, and with its tasks where they are wanted.
func (s *Scheduler) view(e *entry, tasks bool) appView {
	v := appView{App: e.app}
	if d := s.locks[e.app.ID]; d != nil {
		v.Deployments = []deploymentRef{{d.id}}
	}
	if tasks {
		v.Tasks = []taskView{}
	}
	for _, i := range e.instances {
		st, ok := s.status(i)
		if !ok {
			continue
		}
		if st.State == sim.TaskRunning {
			v.TasksRunning++
		} else {
			v.TasksStaged++
		}
		if st.Healthy != nil && *st.Healthy {
			v.TasksHealthy++
		} else if st.Healthy != nil {
			v.TasksUnhealthy++
		}
		if tasks {
			v.Tasks = append(v.Tasks, newTaskView(e.app, i, st))
		}
	}
	return v
}

func newIPView(a netip.Addr) ipView {
	if a.Is6() {
		return ipView{a.String(), "IPv6"}
	}
	return ipView{a.String(), "IPv4"}
}

func newTaskView(a *App, i *instance, s status) taskView {
	t := taskView{
		ID: i.id, AppID: a.ID, SlaveID: i.agentID, Host: s.Host, State: s.State, Ports: i.ports,
		ServicePorts: a.servicePorts(), StagedAt: stamp(i.staged), StartedAt: stamp(s.Started), Version: i.config,
	}
	for _, addr := range s.Addresses {
		t.IPAddresses = append(t.IPAddresses, newIPView(addr))
	}
	if s.Healthy != nil {
		h := health{Alive: *s.Healthy, TaskID: i.id}
		if !h.Alive {
			h.ConsecutiveFailures = 1
		}
		t.Health = []health{h}
	}
	return t
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeFormat)
}

// object is a JSON object whose members are not looked into.
type object map[string]jsontext.Value

// updated is an app with the members that an update names. The update may be
// in either form: what it says in the form of 1.4 is moved first to where the
// app has it.
func updated(a *App, update object, s Settings) (*App, error) {
	d := definition{App: defaults()}
	written, err := json.Marshal(update)
	if err != nil {
		return nil, err
	}
	if err := decode(written, &d); err != nil {
		return nil, err
	}
	if err := d.modernize(); err != nil {
		return nil, err
	}
	next, err := membersOf(a)
	if err != nil {
		return nil, err
	}
	if len(d.Networks) > 0 {
		// The ports of the old networks mean nothing on the new ones.
		onHost := d.Networks[0].Mode == ModeHost
		if onHost != a.onHost() {
			delete(next, "portDefinitions")
			delete(next, "requirePorts")
			if c := a.Container; c != nil && d.Container == nil {
				plain := *c
				plain.PortMappings = nil
				if next["container"], err = json.Marshal(&plain); err != nil {
					return nil, err
				}
			}
		}
	}
	moved, err := membersOf(&d.App)
	if err != nil {
		return nil, err
	}
	for member := range update {
		switch member {
		case "ipAddress", "ports", "uris", "id", "version":
			continue
		}
		if v, ok := moved[member]; ok {
			next[member] = v
		} else {
			delete(next, member) // such as an empty list, which is as good as none
		}
	}
	for _, member := range []string{"networks", "container", "portDefinitions", "fetch"} {
		if v, ok := moved[member]; ok && string(v) != "null" && string(v) != "[]" {
			next[member] = v // where fields of 1.4 ended up
		}
	}
	merged, err := json.Marshal(next)
	if err != nil {
		return nil, err
	}
	return Parse(merged, s)
}

func membersOf(a *App) (object, error) {
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	var o object
	return o, json.Unmarshal(b, &o)
}
