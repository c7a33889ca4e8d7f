//go:build !linux

package server

// inBackground runs f. Threads have no niceness of their own here.
func inBackground(f func()) { f() }
