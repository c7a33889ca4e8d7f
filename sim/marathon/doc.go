// Package marathon is a Marathon without a Mesos: it reads app definitions,
// says what is wrong with them, and says what Mesos would be told for each
// instance. It stands below package sim and imports none of our packages:
// something else, behind the [Launcher], has the agents and runs the tasks.
//
// [Parse] reads a definition in the form of Marathon 1.4 or of 1.5 and gives
// an [App], which is always in the form of 1.5, as Marathon 1.5 answers it.
// [App.Needs] and [App.Task] lead from there to a task. [Marathon] keeps apps
// and groups and is the http.Handler for them.
//
// What always holds:
//
//   - Normalising twice is normalising once, and the two forms of an app give
//     the same task.
//   - Errors read as Marathon's do, so that a tool which reads them works here.
//   - No input makes it panic; what it takes in is bounded.
package marathon
