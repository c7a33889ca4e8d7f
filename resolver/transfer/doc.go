// Package transfer answers secondary servers: zone transfers, whole (AXFR, RFC
// 5936) and incremental (IXFR, RFC 1995), the transaction signatures of queries
// and responses (TSIG, RFC 8945), and a catalog zone that lists all zones (RFC
// 9432).
//
// It stands between zone, which has the records and their history, and resolver,
// which has the sockets: resolver hands it a query, and gets either one message
// to send or a [Stream] that writes many.
//
// What always holds: nobody gets a zone whom the rules do not allow; a transfer
// is made from one version of the zone; a secondary that reads slowly costs one
// buffer and one version, for a bounded time; a secret is neither printed nor
// logged.
package transfer
