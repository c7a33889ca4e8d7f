// Package api answers over HTTP: the paths of Mesos-DNS under /v1, and paths of
// its own for operators.
//
// It stands at the end of the data's way, beside package resolver: both look
// names up in the current version of the zone.
//
// The answers of the Mesos-DNS paths have the same bytes as those of Mesos-DNS,
// because programs depend on them: a port is a string, a miss has status 200 and
// one object of empty strings, and a service name is echoed as it was typed. One
// thing differs: before the first state of the cluster has arrived, all paths
// that depend on it answer 503. Mesos-DNS did not listen yet at that time, so its
// clients cope with that, whereas a miss would be wrong.
//
// What always holds:
//
//   - A request sees one version of the zone from its beginning to its end.
//   - No answer changes anything, and no request body is read.
//   - No answer that grows with the cluster is in memory as a whole: it is
//     written in chunks (stream.go) or has a fixed limit (explain.go, page.go).
//   - Connections, expensive answers and the time that slow readers get are
//     bounded, in all and per client (limits.go, connections.go).
//   - What is kept of a watcher is its position in the versions of the zones. It is
//     cut off when it cannot follow, and never waited for (watch_feed.go).
//   - No lock is held and no slot of a shared queue is taken while a client that
//     does not read is waited for, except one of the slots for long answers.
package api
