package resolver

import (
	"net"
	"net/netip"
	"time"

	"toponym/resolver/tap"
)

// Queries and responses are shown to those who watch where they are read and sent:
// those of a batch together, others one by one.

// stageOf says what has become of a query, given what was made of it.
func stageOf(msg []byte, l *pendingQuery) tap.Stage {
	switch {
	case len(msg) > 0:
		return tap.Answered
	case l != nil:
		return tap.Received
	}
	return tap.Dropped
}

// observe shows a query that was read singly, with the response to it if there is one.
func (s *Server) observe(stage tap.Stage, t Transport, client, server netip.AddrPort, query, response []byte, asked time.Time) {
	e := tap.Event{
		Stage: stage, Transport: t, Client: client, Server: server,
		Query: query, Response: response, Asked: asked,
	}
	if len(response) > 0 {
		e.Responded = time.Now()
	}
	s.o.Tap.Observe([]tap.Event{e})
}

// observeCompleted shows the response to a query that was pending.
func (s *Server) observeCompleted(l *pendingQuery, client, server netip.AddrPort, response []byte) {
	if s.o.Tap.Open() && !l.asked.IsZero() {
		s.observe(tap.Completed, l.transport, client, server, nil, response, l.asked)
	}
}

// addrPort is the address of a socket or connection, with an IPv4 address as such;
// zero where there is no such address, as in tests.
func addrPort(a net.Addr) netip.AddrPort {
	var at netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		at = a.AddrPort()
	case *net.TCPAddr:
		at = a.AddrPort()
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
