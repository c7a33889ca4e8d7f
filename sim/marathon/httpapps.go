package marathon

import (
	"net/http"
	"slices"
	"strings"
)

// apps answers below /v2/apps. The last part of a path may be a word of the
// API, which is why ids must not end with one.
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

// known is the app of that id.
func (r *request) known(id string) (*entry, error) {
	if e := r.s.apps[id]; e != nil && e.app.pod == nil {
		return e, nil
	}
	return nil, failure(http.StatusNotFound, "App '%s' does not exist", id)
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

// parseSelector reads a label selector: conditions k, k==v and k!=v with
// commas between them, all of which must hold.
func parseSelector(s string) (func(map[string]string) bool, error) {
	var all []func(map[string]string) bool
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if strings.ContainsAny(part, "() ") {
			return nil, failure(http.StatusUnprocessableEntity, "The label selector %q is not simulated.", s)
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
		return 0, nil, failure(http.StatusConflict, "An app with id [%s] already exists.", a.ID)
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
	e, err := r.known(id)
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

// next is what an update makes of an app. The id in it, when there is one,
// counts more than that of the path.
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
		return nil, failure(http.StatusConflict, "A pod with the path %s already exists.", id)
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
		var f faults
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
	return nil, failure(http.StatusNotFound, "App '%s' does not exist in version %s", id, version)
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
			var f faults
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
	if _, err := r.known(id); err != nil {
		return 0, nil, err
	}
	d, err := r.s.apply(change{id: nil}, r.force || !r.URL.Query().Has("force")) // force is the default here
	if err != nil {
		return 0, nil, err
	}
	return r.deployed(http.StatusOK, d)
}

func (r *request) restart(id string) (int, any, error) {
	e, err := r.known(id)
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
	e, err := r.known(id)
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
		return 0, nil, failure(http.StatusNotFound, "App '%s' does not exist in version %s", id, rest[0])
	}
	return http.StatusOK, map[string]any{"versions": list}, nil
}
