// Package state holds the cluster: everything that the leading Mesos master
// told us and that names depend on, and the changes of it.
//
// It is the first room on the way of the data. Package state/master fills it,
// package records turns it into names and data. It does no I/O and looks up
// nothing: addresses of host names are filled in before a value arrives here.
//
// A [Cluster] is owned by one goroutine. The tasks, agents and frameworks in
// it are never changed once they have been handed over: a change replaces the
// value, so a pointer that was read stays good for ever.
package state
