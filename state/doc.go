// Package state holds the cluster: what the leading Mesos master reports and
// names depend on.
//
// It is the first package on the way of the data. Package state/master fills
// it, package records derives names and data from it. It does no I/O and
// resolves no host names: addresses are filled in before a value gets here.
//
// [Cluster] is the bare data, [Replica] is a Cluster together with what is
// retained of it while a new leader's state is incomplete. Neither is safe for
// concurrent use: one component owns them and serializes access. Tasks, agents
// and frameworks are immutable once handed over. A change replaces the value,
// so a pointer that was read stays valid.
package state
