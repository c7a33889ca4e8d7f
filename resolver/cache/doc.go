// Package cache keeps responses of upstream servers, ready to be sent to clients.
//
// It is used by package resolver, the last stage of the data, and knows nothing about
// zones or about how responses arrive. A [Reader] turns a response into an [Entry]; the
// [Cache] keeps entries by question; [Entry.Write] writes one behind the question of a
// client, with its TTLs counted down.
//
// What always holds: an entry has only records that answer its question; it never
// changes, except for counters of its use; a malformed message makes no entry; a look-up and the writing of a response allocate nothing; and the
// cache never holds more entries or bytes than its options allow.
package cache
