package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// backgroundNice is the niceness of the thread that reads states. It is enough
// for the system to let a thread that answers a query take its place at once,
// and far from being kept waiting by a busy machine.
const backgroundNice = 10

// inBackground runs f on a thread that gives way to those that answer queries.
// Reading a state keeps a core busy for a second or more; with the same rights
// as the others its thread would run for milliseconds while queries wait. The
// thread ends with f, so nothing else ever runs with its niceness.
func inBackground(f func() error) error {
	failed := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		// Best effort: without it answers are late at times, not wrong.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, backgroundNice)
		failed <- f()
	}()
	return <-failed
}
