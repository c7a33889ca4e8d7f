package resolver

import "toponym/zone"

// Route says who answers a query for a name that the server's zones do not have.
type Route struct {
	// Local is the zone of special-use names that this server answers itself
	// such as "localhost."; "" where it does not.
	Local string
	// Domain is the key of ForwardOptions.ZoneUpstreams that the name is at or
	// below, in presentation form, "." for none, or "" where the query is not
	// forwarded.
	Domain string
	// Servers are those that the query is forwarded to.
	Servers []string
}

// Route returns who answers queries of clients that may use forwarding for a name
// in lower-case wire form. It is not ok where the zones of the server answer, also
// with NXDOMAIN. It follows the same rules as responder.resolve and
// responder.answer. It may be called from any goroutine while the server runs.
func (s *Server) Route(name []byte) (r Route, ok bool) {
	f := s.responder.forward
	_, result := s.store.Current().Lookup(name, 0)
	if result != zone.OutOfZone {
		return r, false
	}
	if f != nil {
		zones := f.zones.Load()
		if domain := zones.domain(name); domain != "" {
			r.Domain = zones.names[domain]
			for _, u := range zones.servers[domain] {
				r.Servers = append(r.Servers, u.String())
			}
			return r, true
		}
	}
	special := specialNames.find(name)
	switch {
	case f == nil:
		return r, true
	case special != nil:
		return Route{Local: wireText(special.apex)}, true
	}
	return Route{Domain: ".", Servers: f.defaultGroup.Load().Addresses()}, true
}
