// Package testutil has what the tests of several packages need: waiting for a
// condition, connections, and certificates.
package testutil

import (
	"fmt"
	"testing"
	"time"
)

// Eventually waits until holds returns true, and ends the test otherwise. The
// format and args say what was wanted. It gives up when Poll does.
func Eventually(t testing.TB, holds func() bool, format string, args ...any) {
	t.Helper()
	EventuallyEqual(t, true, holds, format, args...)
}

// EventuallyEqual waits until get returns want, and ends the test otherwise,
// with the value that get returned last. It gives up when Poll does.
func EventuallyEqual[T comparable](t testing.TB, want T, get func() T, format string, args ...any) {
	t.Helper()
	Poll(t, func() (bool, string) {
		got := get()
		return got == want, fmt.Sprintf("%v, want %v", got, want)
	}, format, args...)
}

// Poll calls check again and again until it reports true, and ends the test
// otherwise, with the text of the last call, which says what there was instead.
// It gives up after longestWait, or shortly before the test binary's own deadline
// (go test -timeout), whichever comes first: far beyond what a slow machine takes.
func Poll(t testing.TB, check func() (ok bool, got string), format string, args ...any) {
	t.Helper()
	limit := time.After(min(longestWait, untilDeadline(t)))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, got := check()
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain: %s; got %s", fmt.Sprintf(format, args...), got)
		}
	}
}

const (
	// longestWait leaves the other tests of a package time when one waits for
	// something that never comes.
	longestWait = 3 * time.Minute

	// reportTime is left for the failed test to report and clean up before the
	// test binary is killed.
	reportTime = 10 * time.Second
)

func untilDeadline(t testing.TB) time.Duration {
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if at, ok := d.Deadline(); ok {
			return max(time.Until(at)-reportTime, time.Second)
		}
	}
	return longestWait // a benchmark, or go test -timeout 0
}
