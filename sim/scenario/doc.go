// Package scenario runs simulated clusters. A [Scenario], which is read from YAML,
// describes agents, networks, frameworks with their Marathon apps, and a list of
// timed actions; a [Simulation] runs it. [Populate] fills a cluster of any size, and
// a [Life] changes its tasks at random. The control API at /sim/ performs single
// actions.
//
// The package uses sim, which is the Mesos side, and sim/marathon, whose schedulers
// run all apps. It is used by toponym demo, mesos-sim and tests.
//
// Invariants:
//
//   - The same seed, clock and sequence of calls give the same cluster.
//   - The error about a scenario has all mistakes, each with its line and key.
package scenario
