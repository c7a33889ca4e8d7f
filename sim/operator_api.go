package sim

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	mediaJSON     = "application/json"
	mediaProtobuf = "application/x-protobuf"

	maxCall = 1 << 20 // bytes of a call; the longest one here has about twenty
)

// calls writes the response to each call of the operator API, by its type. The field of the
// response is the type in lower case.
var calls = map[string]func(e *encoder, s *fullState, id identity){
	"GET_STATE":      func(e *encoder, s *fullState, _ identity) { e.getState(s) },
	"GET_AGENTS":     func(e *encoder, s *fullState, _ identity) { e.getAgents(s) },
	"GET_FRAMEWORKS": func(e *encoder, s *fullState, _ identity) { e.getFrameworks(s) },
	"GET_EXECUTORS":  func(e *encoder, s *fullState, _ identity) { e.getExecutors(s) },
	"GET_TASKS":      func(e *encoder, s *fullState, _ identity) { e.getTasks(s) },
	"GET_MASTER":     func(e *encoder, _ *fullState, id identity) { e.getMaster(id) },
	"GET_HEALTH":     func(e *encoder, _ *fullState, _ identity) { e.boolField("healthy", true) },
	"GET_VERSION": func(e *encoder, _ *fullState, _ identity) {
		e.openKey("version_info", '{')
		e.build()
		e.close('}')
	},
}

// api is the operator API: one path for all calls. The order of the checks is that of Mesos:
// authentication, leadership, recovery, and only then the call.
func (m *Master) api(w http.ResponseWriter, r *http.Request) {
	sees, ok := m.admit(w, r, RealmReadWrite)
	if !ok || !m.leads(w, r, "/master/api/v1") {
		return
	}
	if !m.recovered() {
		respondText(w, http.StatusServiceUnavailable, "Master has not finished recovery")
		return
	}
	call, status, reason := readCall(r)
	if status != http.StatusOK {
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		respondText(w, status, reason)
		return
	}
	if call == "SUBSCRIBE" {
		m.subscribe(w, r, sees)
		return
	}
	write, ok := calls[call]
	if !ok {
		respondText(w, http.StatusNotImplemented, fmt.Sprintf("%s is not simulated", call))
		return
	}
	id, _, _ := m.view()
	s := m.cluster.fullState(sees)
	answer := func(w io.Writer) error {
		e := newEncoder(w)
		e.open('{')
		e.stringField("type", call)
		e.openKey(strings.ToLower(call), '{')
		write(e, s, id)
		e.close('}')
		e.close('}')
		return e.flush()
	}
	var size countingWriter
	answer(&size) // a countingWriter does not fail
	serveJSON(w, r, int64(size), answer)
}

// readCall returns the type of the call, or the status and the reason to refuse it. The
// content type is compared as it is: with a charset it is another one.
func readCall(r *http.Request) (call string, status int, reason string) {
	if r.Method != http.MethodPost {
		return "", http.StatusMethodNotAllowed, fmt.Sprintf("Expecting one of { 'POST' }, but received '%s'", r.Method)
	}
	switch contentType := r.Header.Get("Content-Type"); contentType {
	case "":
		return "", http.StatusBadRequest, "Expecting 'Content-Type' to be present"
	case mediaJSON:
	case mediaProtobuf:
		return "", http.StatusUnsupportedMediaType, fmt.Sprintf("%s is not simulated", mediaProtobuf)
	default:
		return "", http.StatusUnsupportedMediaType, fmt.Sprintf("Expecting 'Content-Type' of %s or %s", mediaJSON, mediaProtobuf)
	}
	if !acceptsJSON(r.Header.Values("Accept")) {
		return "", http.StatusNotAcceptable, fmt.Sprintf("Expecting 'Accept' to allow %s or %s", mediaJSON, mediaProtobuf)
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxCall+1))
	if err != nil || len(data) > maxCall {
		return "", http.StatusBadRequest, fmt.Sprintf("Failed to read the body, or it has more than %d bytes", maxCall)
	}
	var message struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(data, &message); err != nil {
		return "", http.StatusBadRequest, fmt.Sprintf("Failed to parse body into JSON: %v", err)
	}
	if message.Type == "" {
		return "", http.StatusBadRequest, "Failed to validate master::Call: Expecting 'type' to be present"
	}
	return message.Type, http.StatusOK, ""
}

// acceptsJSON reads Accept. Mesos ignores weights: it sends JSON if JSON is named at all.
func acceptsJSON(values []string) bool {
	accept := strings.Join(values, ",")
	if strings.TrimSpace(accept) == "" {
		return true
	}
	for item := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(item, ";")
		switch strings.TrimSpace(media) {
		case mediaJSON, "application/*", "*/*":
			return true
		}
	}
	return false
}

func (e *encoder) getState(s *fullState) {
	for _, part := range []struct {
		key   string
		write func(*fullState)
	}{
		{"get_tasks", e.getTasks},
		{"get_executors", e.getExecutors},
		{"get_frameworks", e.getFrameworks},
		{"get_agents", e.getAgents},
	} {
		e.openKey(part.key, '{')
		part.write(s)
		e.close('}')
	}
}

func (e *encoder) getTasks(s *fullState) {
	tasks := func(key string, lists ...[]view) func(of func(view) []*Task) {
		return func(of func(view) []*Task) {
			e.openKey(key, '[')
			for _, views := range lists {
				for _, v := range views {
					for _, t := range of(v) {
						e.taskV1(t)
					}
				}
			}
			e.close(']')
		}
	}
	tasks("tasks", s.frameworks)(func(v view) []*Task { return v.tasks })
	tasks("unreachable_tasks", s.frameworks)(func(v view) []*Task { return v.unreachable })
	tasks("completed_tasks", s.frameworks, s.completed)(func(v view) []*Task { return v.completed })
}

func (e *encoder) getExecutors(s *fullState) {
	e.openKey("executors", '[')
	for _, v := range s.frameworks {
		for _, x := range v.executors {
			e.executorV1(v.Framework, x)
		}
	}
	e.close(']')
}

func (e *encoder) getFrameworks(s *fullState) {
	list := func(key string, views []view, present bool) {
		e.openKey(key, '[')
		for _, v := range views {
			e.open('{')
			e.frameworkV1(v.Framework, present)
			if !present {
				e.nanosField("unregistered_time", v.Unregistered)
			}
			e.allocated(v.used)
			e.openKey("offer_constraints", '{')
			e.close('}')
			e.close('}')
		}
		e.close(']')
	}
	list("frameworks", s.frameworks, true)
	list("completed_frameworks", s.completed, false)
}

func (e *encoder) getAgents(s *fullState) {
	e.openKey("agents", '[')
	for _, a := range s.agents {
		if a.State == AgentRegistered {
			e.agentV1(a, s.used[a.ID], true)
		}
	}
	e.close(']')
	e.openKey("recovered_agents", '[')
	for _, a := range s.agents {
		if a.State == AgentRecovered {
			e.agentInfo(a, true)
		}
	}
	e.close(']')
}

func (e *encoder) getMaster(id identity) {
	e.key("master_info")
	e.masterInfo(id)
	e.timeField("start_time", id.started)
	e.timeField("elected_time", id.elected)
}
