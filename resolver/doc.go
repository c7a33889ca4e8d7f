// Package resolver answers DNS queries from the zone that stands in a
// [zone.Store].
//
// It is the end of the way of the data: it reads what package zone compiled,
// and nothing of ours reads it.
//
// What the answer to a query is and how queries come in are kept apart. The
// first is the type responder: a function of the packet, the client, the
// transport and the zone, without I/O. The second is [Server] with its
// listeners.
//
// A packet never makes the server panic, a query is answered from one version
// of the zone from beginning to end, a reply never exceeds what the client can
// take, and what one client can make the server hold is bounded.
package resolver
