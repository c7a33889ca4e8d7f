package server

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
//
// It is for full states only. A change by itself is short, and a thread that
// gives way would bring it in late: it is taken in like a query.
func inBackground(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		// Best effort: without it answers are late at times, not wrong.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, backgroundNice)
		f()
	}()
	<-done
}
