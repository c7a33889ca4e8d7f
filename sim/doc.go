// Package sim is a simulated Mesos: a [Cluster] holds agents, frameworks and tasks and
// changes the way a real cluster does, and a [Master] is the http.Handler that shows
// it, field by field as Mesos 1.12 does: /master/state, and the operator API with its
// streams of events.
//
// The package stands before the server's way of the data, which reads it over HTTP. It
// imports no other package of this module. Package sim/marathon runs apps on a Cluster,
// sim/scenario makes clusters that live, and sim/masters has several masters that fail.
//
// What always holds:
//
//   - The same seed, the same clock and the same calls in the same order give the same
//     bytes.
//   - Nothing handed to or by a Cluster is changed afterwards: a change stores a new
//     value, so a response shows one moment, however slowly it is read.
//   - No body is ever held in memory, whatever its size. Events that a client has not
//     read yet are, up to a limit.
//   - For each of the two APIs a task is encoded by one function.
//   - Each change is published where it happens, and what is no event in Mesos is none
//     here.
package sim
