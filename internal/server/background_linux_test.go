package server

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// niceness returns that of the current thread.
func niceness(t *testing.T) int {
	t.Helper()
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - raw // getpriority(2): the system call returns 40…1
}

// While there is nothing to answer from, reading the first state is the most
// urgent work. Later states give way to queries.
func TestFirstStateIsReadWithFullPriority(t *testing.T) {
	s := metricsServer(t)
	own := niceness(t)
	var before, after int
	s.inBackground(func() { before = niceness(t) })
	s.pipeline.state(fullState(task("1", "web", "10.1.0.1")))
	s.inBackground(func() { after = niceness(t) })
	if before != own || after != max(own, backgroundNice) {
		t.Errorf("niceness: got %d before the first state and %d afterwards, want %d and %d", before, after, own, max(own, backgroundNice))
	}
}

// What decides whether work has starved is what the system counts.
func TestTheSystemCountsHowLongAThreadRuns(t *testing.T) {
	if _, _, ok := threadTimes(); !ok {
		t.Skip("the kernel does not count for how long threads wait")
	}
	ran, waited, ok := startInBackground(func() {
		for begin, _, _ := threadTimes(); ; {
			if ran, _, _ := threadTimes(); ran-begin > 10*time.Millisecond {
				return
			}
		}
	})
	if !ok || ran < 10*time.Millisecond || waited < 0 {
		t.Errorf("got %v of running and %v of waiting, ok %v; want at least 10 ms of running", ran, waited, ok)
	}
}
