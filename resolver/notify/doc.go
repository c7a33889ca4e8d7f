// Package notify tells secondary servers that a zone has a new version, so that
// they need not wait until they ask for its SOA record (NOTIFY, RFC 1996).
//
// It stands beside the answering of queries: a [Sender] follows the versions that
// zone publishes, and has a UDP socket of its own for each address family. What
// it sends is a hint. A secondary decides by the SOA record that it then asks for. One
// that acknowledges a version, and does not come for it, is reminded.
//
// What always holds: nothing that publishes or answers waits for a Sender; a
// secondary gets at most one message per zone and interval, with the newest
// serial, and fewer while it does not answer; the number of messages per second is
// bounded.
package notify
