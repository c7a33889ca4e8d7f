package upstream

import (
	"time"

	"toponym/resolver/tap"
)

// observe shows the attempt's query, or the response to it, to those who watch.
func (a *attempt) observe(stage tap.Stage, query, response []byte) {
	t := a.server.client.o.Tap
	if !t.Open() {
		return
	}
	e := tap.Event{
		Stage: stage, Upstream: true, Transport: tap.UDP, Server: a.server.addr.AddrPort,
		Query: query, Response: response, Asked: a.sent,
	}
	switch {
	case a.server.addr.TLS:
		e.Transport = tap.TLS
	case a.overStream:
		e.Transport = tap.TCP
	}
	if response != nil {
		e.Responded = time.Now()
	}
	t.Observe([]tap.Event{e})
}
