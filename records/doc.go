// Package records turns a cluster into records: names and their data.
//
// It stands between package state, which it reads, and package zone, which
// compiles its [Set] for answering. All of it is pure: the same cluster and
// the same options give the same set, whatever came before, and nothing here
// looks at a clock, a file or a network.
//
// A [Set] counts the owners of each record, so that a record that several
// tasks share goes away with the last of them. What [Set.Update] gives is
// always what [Build] would give.
package records
