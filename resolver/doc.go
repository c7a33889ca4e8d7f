// Package resolver answers DNS queries: from the zone in a [zone.Store], and for
// names outside our zones by asking upstream servers.
//
// It is the last stage of the data: it reads what package zone has compiled, and only
// package server uses it.
//
// Making a response and receiving queries are kept apart. The type responder makes
// responses: it is a function of the packet, the client, the zone and the cache,
// without I/O. [Server] receives queries with its listeners: udp.go, udp_batch.go and
// tcp.go. A query that cannot be answered at once is passed to the type forwarder,
// with the [responseWriter] that leads back to its client. Only the forwarder uses the
// packages cache and upstream.
//
// What always holds: no packet makes the server panic; a query is answered from
// one version of the zone; a response never exceeds what the client can take; and
// the memory and sockets that one client can occupy are bounded.
package resolver
