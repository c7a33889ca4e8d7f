package api

import (
	"net/http"

	"toponym/zone"
)

// serviceName is what programs look for in /v1/version to recognise the API.
const serviceName = "Mesos-DNS"

// version answers /v1/version.
func (s *Server) version(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, struct{ Service, URL, Version string }{serviceName, s.o.URL, s.o.Version})
}

// config answers /v1/config.
func (s *Server) config(w http.ResponseWriter, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, s.o.Config(s.o.Store.Current().Serial()))
}

// enumerate answers /v1/enumerate.
func (s *Server) enumerate(w http.ResponseWriter, _ *http.Request, _ *zone.Zone) {
	s.writeJSON(w, http.StatusOK, s.o.Enumerate())
}

// healthz answers that the process serves, whatever it knows: an orchestrator
// that restarted it because a master is away would only lose its answers.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "ok")
}

// readyz answers whether names can be looked up.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if !s.o.Store.Current().Ready() {
		writeText(w, http.StatusServiceUnavailable, notReady)
		return
	}
	writeText(w, http.StatusOK, "ok")
}
