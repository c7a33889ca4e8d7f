// Package marathon simulates Marathon 1.5: its definitions of apps and pods, its
// API, and its scheduling, on a [sim.Cluster].
//
// [Parse], [ParsePod] and [ParseGroup] read definitions in the form of Marathon
// 1.4 or 1.5 and return an [App] in the form of 1.5, or an error with Marathon's
// words. [Warnings] finds what Marathon would silently ignore. [App.Tasks]
// returns what Mesos is told about an instance. None of these need a cluster:
// toponym preview uses them alone.
//
// [Scheduler] keeps apps, pods and groups, launches their instances on a cluster,
// replaces those that end, and serves Marathon's API including /v2/events.
//
// The files: app.go and pod.go have the definitions; parse.go, legacy.go,
// normalize.go and validate.go read them; task.go makes tasks of them;
// scheduler.go and instances.go launch; deployment.go, groups.go and
// service_ports.go have what only Marathon knows about apps; api*.go and
// events.go are the API.
//
// Invariants:
//
//   - Normalizing is idempotent, and both forms of an app give the same tasks.
//   - Error messages are Marathon's, so that tools which read them can be tried.
//   - No input makes the package panic, and what it accepts is bounded.
package marathon
