// Package resolver answers DNS queries from the zone that stands in a
// [zone.Store], and for names of others from what servers upstream say.
//
// It is the end of the way of the data: it reads what package zone compiled,
// and nothing of ours reads it.
//
// What the answer to a query is and how queries come in are kept apart. The
// first is the type responder: a function of the packet, the client, the
// transport, the zone and the cache, without I/O. The second is [Server] with
// its listeners. What the responder cannot answer at once it gives back as a
// late query, for which the type forwarder asks others: packages cache and
// upstream within this one are its tools.
//
// A packet never makes the server panic, a query is answered from one version
// of the zone from beginning to end, a reply never exceeds what the client can
// take, and what one client can make the server hold is bounded.
package resolver
