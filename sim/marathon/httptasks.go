package marathon

import (
	"maps"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// tasks answers below /v2/apps/{id}/tasks.
func (r *request) tasks(id string, rest []string) (int, any, error) {
	e, err := r.known(id)
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
		return 0, nil, failure(http.StatusNotFound, "Task '%s' does not exist", taskID)
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
