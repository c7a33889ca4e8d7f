// Package zone compiles a record set into the form that queries are answered
// from.
//
// It stands between package records, whose sets it compiles, and packages
// resolver and api, which look names up. State flows in one direction: a
// change of the cluster becomes a changed set, the set becomes the next
// version of the zone, and the version is published in a [Store].
//
// The parts:
//
//   - [Compile] and [Zone.Patch] (patch.go) make versions. Each name has a
//     number (internal/names), nodes are kept by id in a persistent radix tree
//     (tree.go), and SRV records refer to their targets by id (targets.go).
//   - [Zone.Lookup] (lookup.go) finds names, also those below an alias
//     (alias.go).
//   - [ReadZoneFiles] reads RFC 1035 zone files (zonefile.go, static.go), whose
//     records are merged with those of the cluster.
//   - An origin has a SOA record of its own (origin.go).
//
// What always holds:
//
//   - A [Zone] is immutable. A reader that takes the current version from the
//     Store sees that version until it is done, and never waits.
//   - Patching from version to version makes the same zone as compiling the
//     last set.
//   - The cost of a patch depends on the records that changed, not on the size
//     of the zone.
//   - A look-up allocates nothing, except for SOA and NS at an alias.
package zone
