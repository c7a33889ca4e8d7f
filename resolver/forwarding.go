package resolver

import (
	"toponym/resolver/cache"
	"toponym/resolver/upstream"
)

// Forwarding is the state of what answers names outside the server's zones.
type Forwarding struct {
	Upstreams []upstream.Stats // sorted by address
	Cache     cache.Stats
	Pending   int // queries that wait for upstream servers
}

// Forwarding returns the state of forwarding; nil if nothing is forwarded. It may be
// called from any goroutine, and disturbs no query.
func (s *Server) Forwarding() *Forwarding {
	f := s.responder.forward
	if f == nil {
		return nil
	}
	return &Forwarding{Upstreams: f.client.Stats(), Cache: f.cache.Stats(), Pending: f.pending.open()}
}
