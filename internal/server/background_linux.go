package server

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// backgroundNice is the niceness of threads that do long work. It is enough for
// the system to run a thread that answers a query in their place at once, and
// still gives them a share of a busy machine.
const backgroundNice = 10

// inBackground runs f on a thread of lower priority and returns when f has
// ended. Reading a full state, building records and writing a snapshot keep a
// core busy for a second and more; at normal priority the thread would run for
// milliseconds at a time while queries wait. The thread ends with f, so nothing
// else ever runs with its priority.
//
// f must not hold a lock that a change or a query waits for, and must not be what
// a single change needs: that is short and urgent.
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
