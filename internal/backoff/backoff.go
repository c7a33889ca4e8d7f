// Package backoff computes how long to wait before the next attempt at
// something that has failed, and waits.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delay returns the wait after that many earlier failures in a row: first,
// doubled with every failure, at most limit. Between half of it and all of it
// is chosen at random, so that the servers of a cluster do not all return to a
// recovered peer at the same moment. Both durations must be positive.
func Delay(failures int, first, limit time.Duration) time.Duration {
	d := first
	for range failures {
		if d >= limit/2 {
			d = limit
			break
		}
		d *= 2
	}
	d = min(d, limit)
	return d/2 + rand.N(d/2+1)
}

// Wait waits for some time, or until the context ends, and returns its error then.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
