// Package cache holds what servers upstream said, ready to be sent to clients.
//
// It stands inside of package resolver, at the end of the way of the data, and
// knows nothing of zones or of how replies come in: it turns a message into an
// [Entry], keeps entries by question, and writes an entry behind the question of
// a client with its TTLs counted down.
//
// What always holds: an entry is never changed after it was made, but for what
// counts its use; a message that is malformed makes no entry; a look-up and the
// writing of a reply allocate nothing; and the cache never holds more entries or
// octets than it was told to.
package cache
