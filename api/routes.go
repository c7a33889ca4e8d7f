package api

import (
	"net/http"
	"strings"

	"toponym/zone"
)

// routes are the paths of the server. All take GET and HEAD; the mux answers other
// methods with 405 and other paths with 404.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	plain := func(path string, h http.HandlerFunc) {
		mux.HandleFunc("GET "+path, h)
		mux.HandleFunc("GET "+path+"/{$}", h) // the router of Mesos-DNS trims slashes
	}
	handle := func(path string, h func(*response, *http.Request)) { plain(path, s.inTurn(h)) }
	plain("/v1", func(w http.ResponseWriter, _ *http.Request) {
		s.writeError(w, http.StatusNotFound, "/v1/openapi.json describes the paths below /v1")
	})
	handle("/v1/version", s.version)
	handle("/v1/openapi.json", s.openAPI)
	if s.o.Config != nil {
		handle("/v1/config", s.config)
	}
	if s.o.Status != nil {
		handle("/v1/status", s.status)
	}
	if s.o.Top != nil {
		handle("/v1/top", s.top)
	}
	if s.o.Trends != nil {
		handle("/v1/status/trends", s.trends)
	}
	if s.o.Metrics != nil {
		handle("/metrics", s.showMetrics)
	}
	if s.o.DCOS {
		handle("/v1/hosts/{host}", s.ready(s.dcosHosts))
	} else {
		handle("/v1/hosts/{host}", s.ready(s.hosts))
	}
	handle("/v1/hosts/{host}/ports", s.ports)
	handle("/v1/services/{service}", s.ready(s.services))
	if s.o.Explain != nil {
		handle("/v1/explain", s.ready(s.explain))
		handle("/v1/explain/{name}", s.ready(s.explain))
		if s.o.EnumerationOn { // it lists names that nobody asked for
			handle("/v1/lookup", s.ready(s.lookup))
		}
	}
	if s.changes != nil {
		handle("/v1/watch", s.ready(s.watch))
	}
	if s.o.EnumerationOn {
		handle("/v1/axfr", s.ready(s.limited(s.bulk, s.axfr)))
		if s.o.VIPs != nil {
			handle("/v1/vips", s.ready(s.limited(s.bulk, s.vips)))
		}
		if s.o.DCOS {
			handle("/v1/records", s.ready(s.limited(s.bulk, s.dcosRecords)))
		}
		if s.o.Enumerate != nil {
			handle("/v1/enumerate", s.ready(s.limited(s.bulk, s.enumerate)))
		}
		if s.o.Instances != nil {
			handle("/v1/instances", s.ready(s.instances))
			handle("/v1/sd/prometheus", s.ready(s.prometheus))
			if s.o.Traefik != nil {
				handle("/v1/sd/traefik", s.ready(s.traefikConfig))
			}
			if s.o.HAProxy != nil {
				handle("/v1/sd/haproxy", s.ready(s.haproxyConfig))
			}
		}
	}
	// Probes have no turn to wait for.
	plain("/healthz", s.healthz)
	plain("/readyz", s.readyz)
	mux.HandleFunc("GET /{$}", s.inTurn(s.showPage((*pageView).home)))
	handle("/app", s.showPage((*pageView).app))
	handle("/task", s.showPage((*pageView).task))
	handle("/framework", s.showPage((*pageView).framework))
	handle("/agent", s.showPage((*pageView).agent))
	handle("/changes", s.showPage((*pageView).changesPage))
	handle("/forwarding", s.showPage((*pageView).forwarding))
	handle("/secondaries", s.showPage((*pageView).secondaries))
	handle("/warnings", s.showPage((*pageView).warnings))
	handle("/settings", s.showPage((*pageView).settings))
	return s.metrics.count(withHeaders(s.authorized(mux)))
}

// pathLabel is the path of a route for metrics.
func pathLabel(pattern string) string {
	path := strings.TrimSuffix(strings.TrimPrefix(pattern, "GET "), "{$}")
	switch {
	case path == "":
		return "other"
	case path == "/":
		return path
	}
	return strings.TrimSuffix(path, "/")
}

// withHeaders sets the headers of every answer.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store") // addresses may change at any time
		if r.ContentLength != 0 {
			// The body is not read, so net/http would have to drain it before the
			// next request.
			h.Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// zoneHandler answers from one version of the zone.
type zoneHandler func(w *response, r *http.Request, z *zone.Zone)

// ready takes the current version of the zone, and answers 503 where it knows
// nothing of the cluster yet.
func (s *Server) ready(next zoneHandler) func(*response, *http.Request) {
	return func(w *response, r *http.Request) {
		z := s.o.Store.Current()
		if !z.Ready() {
			s.writeError(w, http.StatusServiceUnavailable, notReady)
			return
		}
		next(w, r, z)
	}
}
