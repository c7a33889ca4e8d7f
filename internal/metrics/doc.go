// Package metrics shows what a process does to Prometheus.
//
// It knows no other package: internal/server passes in what the others have
// counted when a scrape asks for it. Names and units follow the
// conventions of Prometheus; all of ours begin with toponym_.
//
// What always holds: the registry is the process's own, a label has few values
// whatever clients send, and to be asked disturbs nobody that answers.
package metrics
