package api

import (
	"net/http"

	"toponym/api/traefik"
	"toponym/records"
	"toponym/zone"
)

// traefikConfig answers /v1/sd/traefik: a configuration for Traefik's HTTP
// provider, or with problems=true the apps that are left out of it. The same
// cluster has the same bytes, by which Traefik notices that nothing has changed.
func (s *Server) traefikConfig(w *response, r *http.Request, z *zone.Zone) {
	q, err := parameters(r.URL, append([]string{"problems"}, filterParameters...)...)
	var f records.InstanceFilter
	if err == nil {
		f, err = instanceFilter(q, z)
	}
	problems := false
	if err == nil {
		problems, err = q.boolean("problems")
	}
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	// The configuration is complete before it is written, so a client that does not
	// read delays no other.
	leave, ok := s.enter(w, r, s.traefik)
	if !ok {
		return
	}
	var c traefik.Configuration
	var found []traefik.Problem
	func() {
		defer leave()
		s.inBackground(func() { c, found = traefik.Build(*s.o.Traefik, s.o.Instances, f) })
	}()
	if !problems {
		s.writeJSON(w, http.StatusOK, c)
		return
	}
	if found == nil {
		found = []traefik.Problem{}
	}
	s.writeJSON(w, http.StatusOK, traefikProblems{found})
}

// traefikProblems is the answer with problems=true.
type traefikProblems struct {
	Problems []traefik.Problem `json:"problems"`
}
