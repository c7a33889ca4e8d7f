// Package records turns a cluster into records: names and their data.
//
// It stands between package state, which it reads, and package zone, which
// compiles its [Set] for answering. All of it is pure: the same cluster and
// the same options give the same set, whatever came before, and nothing here
// looks at a clock, a file or a network.
//
// What a task may have of a name can depend on the others that have it: an
// unhealthy task gives way to healthy ones, an alias to a name. A [Set] keeps the
// tasks of each name together for that.
//
// A [Set] counts the owners of each record, so that a record that several
// tasks share goes away with the last of them. What [Set.Update] gives is
// always what [Build] would give.
package records
