// Package records turns the state of a cluster into DNS names and records.
//
// It stands between package state, whose Cluster it reads, and package zone,
// which compiles its [Set] into answers. On the way of one task:
//
//   - published.go decides whether the task has names at all;
//   - task_names.go lists its names; groups.go and suppression.go decide which of
//     them it may use, since tasks that share a name depend on each other;
//   - limits.go bounds what it can cost;
//   - reachability.go finds out at which addresses and ports it can be reached;
//   - generator.go and srv.go make its records, infrastructure.go those of
//     frameworks, agents and masters;
//   - editor.go collects what an update changes of the owners of records;
//     refcount.go counts them, and settler.go makes the data of names; spread.go has
//     several cores do so in a large update, and bulkload.go makes the first one;
//   - instance.go and instances.go describe the tasks themselves, for the API and
//     the feeds for load balancers and monitoring.
//
// What always holds: everything here is a pure function. The same cluster and the same
// [Options] make the same set, whatever came before, so [Set.Update] always ends
// with what [Build] would return. The exception are names that apps have left
// within the last hour (see reservations.go). Nothing reads a file or the network.
package records
