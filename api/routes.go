package api

import (
	"net/http"
	"time"

	"toponym/zone"
)

// maxBulk is how many answers that list the whole cluster are made at once:
// each costs memory in proportion to the cluster. More have to wait.
const maxBulk = 4

// routes are the paths that the server knows. A path takes GET and HEAD; the
// mux answers other methods with 405 and other paths with 404.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(path string, h http.HandlerFunc) {
		mux.HandleFunc("GET "+path, h)
		mux.HandleFunc("GET "+path+"/{$}", h) // the router of Mesos-DNS trims slashes
	}
	handle("/v1/version", s.version)
	if s.o.Config != nil {
		handle("/v1/config", s.config)
	}
	if s.o.Status != nil {
		handle("/v1/status", s.status)
	}
	if s.o.Metrics != nil {
		handle("/metrics", s.o.Metrics.ServeHTTP)
	}
	handle("/v1/hosts/{host}", s.ready(s.hosts))
	handle("/v1/hosts/{host}/ports", s.ports)
	handle("/v1/services/{service}", s.ready(s.services))
	if s.o.Explain != nil {
		handle("/v1/explain/{name}", s.ready(s.bulky(s.explain)))
	}
	if s.o.EnumerationOn {
		handle("/v1/axfr", s.ready(s.bulky(s.axfr)))
		if s.o.Enumerate != nil {
			handle("/v1/enumerate", s.ready(s.bulky(s.enumerate)))
		}
	}
	handle("/healthz", s.healthz)
	handle("/readyz", s.readyz)
	mux.HandleFunc("GET /{$}", s.showPage)
	return withHeaders(mux)
}

// withHeaders sets what holds for every answer.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store") // addresses are out of date at once
		if r.ContentLength != 0 {
			// Nobody reads this body; closing spares net/http from draining it.
			h.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// zoneHandler answers from one version of the zone.
type zoneHandler func(w http.ResponseWriter, r *http.Request, z *zone.Zone)

// ready takes the version of the zone that the answer is made from, and
// answers 503 while there is none that knows the cluster.
func (s *Server) ready(next zoneHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		z := s.o.Store.Current()
		if !z.Ready() {
			s.writeJSON(w, http.StatusServiceUnavailable, struct {
				Error string `json:"error"`
			}{notReady})
			return
		}
		next(w, r, z)
	}
}

// bulky bounds how many big answers are made at once, and gives each the time
// to be written that its size needs.
func (s *Server) bulky(next zoneHandler) zoneHandler {
	return func(w http.ResponseWriter, r *http.Request, z *zone.Zone) {
		select {
		case s.bulk <- struct{}{}:
			defer func() { <-s.bulk }()
		case <-r.Context().Done():
			return
		}
		// A writer without deadlines, such as a test's, needs none.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(bulkWriteTimeout))
		next(w, r, z)
	}
}
