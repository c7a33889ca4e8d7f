// Package sim is a simulated Mesos master. It stands outside the way of the
// data, before its first room: it speaks HTTP only, imports none of our
// packages and is imported by none of them except cmd/toponym, which runs it
// for "toponym demo", and by tests.
//
// A [Cluster] holds agents, frameworks and tasks, and changes the way a real
// cluster does: tasks move, become unhealthy, agents vanish and return. A
// [Master] is the http.Handler that shows a cluster, field by field as Mesos
// 1.12 does: /master/state, and the operator API with its streams of events. [NewDemo]
// builds the cluster that the documentation shows; [Populate] fills one of any
// size, a [Life] lets it change, and [Masters] are several masters that lead,
// die and return. A [Simulation] is all of these, from a [Scenario].
// [WriteState] makes bodies only, in constant memory.
//
// What always holds:
//
//   - The same seed, the same clock and the same calls in the same order give
//     the same bytes.
//   - Nothing handed to or by a Cluster is changed afterwards: a change stores
//     a new value, so an answer shows one moment however slowly it is read.
//   - No body is ever held in memory, whatever its size. Of events, what a
//     client has not read yet is, up to a limit.
//   - For each of the two APIs a task is rendered by one function, in a small
//     cluster and in a state of 100,000 tasks alike, so they cannot drift apart.
//   - Each change is told to subscribers where it happens, and what Mesos does
//     not tell is not told.
package sim
