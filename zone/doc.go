// Package zone holds what is answered: a record set compiled for look-ups.
//
// It stands between package records, whose sets it compiles, and package
// resolver, which answers from it. Package api reads it too.
//
// A [Zone] is immutable. There is one at a time, swapped atomically in a
// [Store], so a reader sees one version from the beginning of a query to its
// end, and never waits.
package zone
