// Package metrics shows what a process does to Prometheus.
//
// It knows no room: cmd/toponym counts what happens in it, and gives what the
// rooms have counted themselves when somebody asks. Names and units follow the
// conventions of Prometheus; all of ours begin with toponym_.
//
// What always holds: the registry is the process's own, a label has few values
// whatever clients send, and to be asked disturbs nobody that answers.
package metrics
