// Package scenario makes clusters that live: a [Scenario] describes agents,
// networks, frameworks with their apps, and what happens to them at which time; a
// [Simulation] runs it. [Populate] fills a cluster of any size, and a [Life] makes
// its tasks change at random. The control API below /sim/ does single things to a
// simulation.
//
// It stands above sim, which is the Mesos side, and sim/marathon, whose schedulers
// run all apps. Commands toponym (demo) and mesos-sim use it, and tests.
//
// What always holds:
//
//   - The same seed, the same clock and the same calls in the same order give the
//     same cluster.
//   - A scenario that cannot be is refused with all its errors, each with its line
//     and key.
package scenario
