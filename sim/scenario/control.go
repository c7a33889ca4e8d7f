package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"toponym/sim"
)

// controlPath is the prefix of the control API, which no Mesos has.
const controlPath = "/sim/"

// maxActions bounds the body of a request, in bytes.
const maxActions = 1 << 20

// Handler returns a handler for a master with the control API at /sim/.
func (s *Simulation) Handler(master http.Handler) http.Handler {
	control := s.Control()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, controlPath) {
			control.ServeHTTP(w, r)
			return
		}
		master.ServeHTTP(w, r)
	})
}

// Control returns the handler of the control API:
//
//	POST /sim/do       an Action in JSON, or a list of them
//	GET  /sim/status   the Overview
//	GET  /sim/actions  the names of the actions
func (s *Simulation) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+controlPath+"do", s.serveDo)
	mux.HandleFunc("GET "+controlPath+"status", func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, s.Overview()) })
	mux.HandleFunc("GET "+controlPath+"actions", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, slices.Sorted(maps.Keys(actions)))
	})
	return mux
}

// done is the answer to actions. Error is about the action after the last one of
// IDs; those before it have been performed.
type done struct {
	IDs   [][]string `json:"ids"` // of what each action changed
	Error string     `json:"error,omitempty"`
}

func (s *Simulation) serveDo(w http.ResponseWriter, r *http.Request) {
	list, err := readActions(r.Body)
	if err != nil {
		reply(w, http.StatusBadRequest, done{IDs: [][]string{}, Error: err.Error()})
		return
	}
	d := done{IDs: [][]string{}}
	for _, a := range list {
		ids, err := s.Do(a)
		if err != nil {
			d.Error = err.Error()
			reply(w, http.StatusConflict, d)
			return
		}
		d.IDs = append(d.IDs, ids)
	}
	reply(w, http.StatusOK, d)
}

func readActions(r io.Reader) ([]Action, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxActions+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxActions {
		return nil, fmt.Errorf("at most %d bytes of actions", maxActions)
	}
	var list []Action
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '[' {
		err = d.Decode(&list)
	} else {
		list = make([]Action, 1)
		err = d.Decode(&list[0])
	}
	if err != nil {
		return nil, fmt.Errorf("neither an action nor a list of them: %w", err)
	}
	return list, nil
}

// Overview has numbers about a simulation.
type Overview struct {
	Leader      int      `json:"leader"`  // the number of a master, or -1
	Masters     []string `json:"masters"` // addresses
	Subscribers int      `json:"subscribers"`
	Agents      int      `json:"agents"`    // registered
	Recovered   int      `json:"recovered"` // agents
	Unreachable int      `json:"unreachable"`
	Frameworks  int      `json:"frameworks"`
	Tasks       int      `json:"tasks"`
	Steps       uint64   `json:"steps"` // of life
}

// Overview returns the current numbers.
func (s *Simulation) Overview() Overview {
	out := Overview{Leader: -1, Steps: s.life.Steps(), Masters: []string{}}
	var masters []*sim.Master
	masters, out.Leader = s.listMasters()
	for _, m := range masters {
		out.Masters = append(out.Masters, m.Addr().String())
		out.Subscribers += m.Subscribers()
	}
	for _, a := range s.Agents() {
		switch a.State {
		case sim.AgentRegistered:
			out.Agents++
		case sim.AgentRecovered:
			out.Recovered++
		case sim.AgentUnreachable:
			out.Unreachable++
		}
	}
	out.Frameworks, out.Tasks = len(s.Frameworks()), s.CountTasks()
	return out
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	_ = e.Encode(v) // the client may be gone
}
