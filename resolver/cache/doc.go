// Package cache keeps responses of upstream servers, ready to be sent to clients.
//
// It is used by package resolver, at the end of the way of the data, and knows nothing
// of zones or of how responses arrive. A [Reader] turns a response into an [Entry]; the
// [Cache] keeps entries by question; [Entry.Write] writes one behind the question of a
// client, with its TTLs counted down.
//
// What always holds: an entry has nothing but records that answer its question; it is
// never changed after it was made, except for what counts its use; a malformed message
// makes no entry; a look-up and the writing of a response allocate nothing; and the
// cache never holds more entries or bytes than it was told to.
package cache
