// Package resolver answers DNS queries: from the zone in a [zone.Store], and for
// names outside our zones by asking upstream servers.
//
// It is where the data ends up: it reads what package zone has compiled, and only
// package server uses it.
//
// What the response to a query is and how queries come in are kept apart. The
// first is the type responder: a function of the packet, the client, the zone and
// the cache, without I/O. The second is [Server] with its listeners: udp.go,
// udp_batch.go and tcp.go. A query that cannot be answered at once is given to the
// type forwarder, with the [responseWriter] that leads back to its client; the
// packages cache and upstream are the forwarder's.
//
// What always holds: no packet makes the server panic; a query is answered from
// one version of the zone; a response never exceeds what the client can take; and
// what one client can make the server hold is bounded.
package resolver
