package server

import (
	"testing"

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
