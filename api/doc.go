// Package api is the HTTP side: what other programs read from Mesos-DNS over
// HTTP, and a little more.
//
// It stands beside package resolver at the end of the way of the data: both
// answer from the zone that package zone holds. Package records lends it the
// form of names.
//
// The answers under /v1 have the bytes that Mesos-DNS gave, oddities included,
// because programs read them: a port is a string, a miss is status 200 with one
// object of empty strings, a service is echoed as it was typed.
//
// One thing is new there. Before the first state of the cluster has arrived,
// everything that depends on it answers 503: Mesos-DNS did not listen yet, so
// its clients take that for what it is, while a miss would be a wrong answer.
//
// What always holds:
//
//   - A request sees one version of the zone from its beginning to its end.
//   - No answer changes anything; no request body is read.
//   - What a request asks for costs time and memory within bounds, however the
//     client behaves.
package api
