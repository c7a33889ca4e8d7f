package server

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// backgroundNice is the niceness of threads that do long work. It is enough for
// the system to run a thread that answers a query in their place at once, and
// still gives them a share of a busy machine.
const backgroundNice = 10

// startInBackground is the [starter] of Linux. Reading a full state, building records and
// writing a snapshot keep a core busy for a second and more; at normal priority the
// thread would run for milliseconds at a time while queries wait. The thread ends with
// f, so nothing else ever runs with its priority.
func startInBackground(f func()) (ran, waited time.Duration, ok bool) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		// Best effort: without it answers are late at times, not wrong.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, backgroundNice)
		ranBefore, waitedBefore, known := threadTimes()
		f()
		ran, waited, ok = threadTimes()
		ran, waited, ok = ran-ranBefore, waited-waitedBefore, ok && known
	}()
	<-done
	return ran, waited, ok
}

// threadTimes tells how long the current thread has run so far, and how long it has
// been ready and waited for a processor (schedstat in proc(5)). It is not ok where the
// kernel does not count that.
func threadTimes() (ran, waited time.Duration, ok bool) {
	text, err := os.ReadFile("/proc/thread-self/schedstat")
	if err != nil {
		return 0, 0, false
	}
	_, err = fmt.Sscan(string(text), (*int64)(&ran), (*int64)(&waited))
	return ran, waited, err == nil
}
