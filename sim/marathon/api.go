package marathon

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// maxBody bounds the body of a request.
const maxBody = 4 << 20

// request is a request to the API. Its methods are called with Scheduler.mu held.
type request struct {
	*http.Request
	w     http.ResponseWriter
	s     *Scheduler
	body  []byte
	force bool
}

// ServeHTTP serves Marathon's API. It does not use http.ServeMux, because ids of
// apps contain slashes and clients send them with a second slash in front.
func (s *Scheduler) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	if hr.URL.Path == "/v2/events" {
		s.serveEvents(w, hr)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, maxBody))
	if err != nil {
		var tooMuch *http.MaxBytesError
		if errors.As(err, &tooMuch) {
			err = apiErrorf(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", maxBody)
		} else {
			err = apiErrorf(http.StatusBadRequest, "the body could not be read")
		}
		respondError(w, err)
		return
	}
	r := &request{Request: hr, w: w, s: s, body: body, force: hr.URL.Query().Get("force") == "true"}
	s.mu.Lock()
	status, answer, err := r.route()
	s.mu.Unlock()
	if err != nil {
		respondError(w, err)
		return
	}
	respond(w, status, answer)
}

// route calls the handler for the path and the method.
func (r *request) route() (status int, answer any, err error) {
	path := r.URL.Path
	if !utf8.ValidString(path) {
		return 0, nil, apiErrorf(http.StatusBadRequest, "the path is not UTF-8")
	}
	r.s.settle()
	switch {
	case path == "/ping":
		return r.only(http.MethodGet, func() (int, any, error) { return http.StatusOK, plainText("pong"), nil })
	case path == "/v2/info":
		return r.only(http.MethodGet, r.info)
	case path == "/v2/deployments":
		return r.only(http.MethodGet, r.listDeployments)
	case path == "/v2/queue":
		return r.only(http.MethodGet, r.queue)
	case path == "/v2/leader":
		return r.only(http.MethodGet, func() (int, any, error) { return http.StatusOK, map[string]string{"leader": r.Host}, nil })
	case path == "/v2/tasks":
		return r.only(http.MethodGet, r.allTasks)
	}
	if id, ok := under(path, "/v2/apps"); ok {
		return r.apps(id)
	}
	if id, ok := under(path, "/v2/pods"); ok {
		return r.pods(id)
	}
	if id, ok := under(path, "/v2/groups"); ok {
		return r.groups(id)
	}
	return 0, nil, apiErrorf(http.StatusNotFound, "URI not found: %s", r.URL.EscapedPath())
}

// under returns what follows a prefix, without slashes around it.
func under(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.Trim(rest, "/"), true
}

type handler func() (int, any, error)

// methods are the handlers of a path.
type methods map[string]handler

func (r *request) only(method string, h handler) (int, any, error) {
	return r.by(methods{method: h})
}

func (r *request) by(m methods) (int, any, error) {
	if h := m[r.Method]; h != nil {
		return h()
	}
	if r.Method == http.MethodHead && m[http.MethodGet] != nil {
		return m[http.MethodGet]()
	}
	r.w.Header().Set("Allow", strings.Join(sortedKeys(m), ", "))
	return 0, nil, apiErrorf(http.StatusMethodNotAllowed, "Method Not Allowed")
}

// plainText is an answer that is not JSON.
type plainText string

func respond(w http.ResponseWriter, status int, answer any) {
	if p, ok := answer.(plainText); ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, string(p)+"\n") // the client may be gone
		return
	}
	if answer == nil {
		w.WriteHeader(status)
		return
	}
	b, err := json.Marshal(answer, json.Deterministic(true))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache, no-store, must-revalidate")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

func respondError(w http.ResponseWriter, err error) {
	var p *apiError
	var invalid *Invalid
	var malformed *Malformed
	switch {
	case errors.As(err, &p):
		respond(w, p.status, p.body)
	case errors.As(err, &invalid):
		respond(w, http.StatusUnprocessableEntity, invalid)
	case errors.As(err, &malformed):
		respond(w, http.StatusBadRequest, malformed)
	default:
		respond(w, http.StatusInternalServerError, map[string]string{"message": err.Error()})
	}
}

// deployed is the answer to a change that started a deployment.
func (r *request) deployed(status int, d *deployment) (int, any, error) {
	r.s.settle()
	r.w.Header().Set("Marathon-Deployment-Id", d.id)
	return status, map[string]string{"version": d.version, "deploymentId": d.id}, nil
}

func (r *request) info() (int, any, error) {
	return http.StatusOK, map[string]any{
		"name":        r.s.o.Name,
		"version":     "1.5.0",
		"buildref":    "unknown",
		"elected":     true,
		"leader":      r.Host,
		"frameworkId": r.s.framework,
		"marathon_config": map[string]any{
			"framework_name":       r.s.o.Name,
			"default_network_name": r.s.o.DefaultNetworkName,
			"local_port_min":       firstPort,
			"local_port_max":       lastPort,
			"checkpoint":           true,
			"ha":                   false,
			"executor":             "//cmd",
			"features":             []string{},
		},
		"zookeeper_config": map[string]any{},
		"http_config":      map[string]any{},
	}, nil
}

// queue lists the apps and pods of which instances are missing.
func (r *request) queue() (int, any, error) {
	type delay struct {
		TimeLeftSeconds int  `json:"timeLeftSeconds"`
		Overdue         bool `json:"overdue"`
	}
	type waiting struct {
		Count int   `json:"count"`
		Delay delay `json:"delay"`
		App   *App  `json:"app,omitzero"`
		Pod   *Pod  `json:"pod,omitzero"`
	}
	list := []waiting{}
	for _, id := range sortedKeys(r.s.apps) {
		e := r.s.apps[id]
		there := 0
		for _, i := range e.instances {
			if _, ok := r.s.status(i); ok {
				there++
			}
		}
		if there >= e.app.Instances {
			continue
		}
		w := waiting{Count: e.app.Instances - there, Delay: delay{Overdue: true}}
		if e.app.pod != nil {
			w.Pod = e.app.scaled()
		} else {
			w.App = e.app
		}
		list = append(list, w)
	}
	return http.StatusOK, map[string]any{"queue": list}, nil
}

func (r *request) listDeployments() (int, any, error) {
	type view struct {
		ID             string   `json:"id"`
		Version        string   `json:"version"`
		AffectedApps   []string `json:"affectedApps"`
		AffectedPods   []string `json:"affectedPods"`
		Steps          []any    `json:"steps"`
		CurrentActions []any    `json:"currentActions"`
		CurrentStep    int      `json:"currentStep"`
		TotalSteps     int      `json:"totalSteps"`
	}
	list := []view{}
	for _, d := range r.s.deployments {
		v := view{ID: d.id, Version: d.version, CurrentStep: 1, TotalSteps: 1}
		for _, id := range d.apps {
			if e := r.s.apps[id]; e != nil && e.app.pod != nil {
				v.AffectedPods = append(v.AffectedPods, id)
			} else {
				v.AffectedApps = append(v.AffectedApps, id)
			}
		}
		list = append(list, v)
	}
	return http.StatusOK, list, nil
}
