package master

import (
	"errors"
	"math/rand/v2"
	"time"

	"toponym/internal/backoff"
)

// retryDelay is how long to wait after a number of failures.
func retryDelay(failures int, interval time.Duration) time.Duration {
	return backoff.Delay(failures, firstBackoff, min(maxBackoff, interval))
}

// retryAfter is for how long masters that are overloaded asked us to wait: the
// longest, for the next time all are asked again.
func retryAfter(err error) (d time.Duration) {
	if e := (*statusError)(nil); errors.As(err, &e) {
		d = e.after
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			d = max(d, retryAfter(one))
		}
	}
	return d
}

// about is a duration that differs by up to a tenth each time, so that servers
// that began together do not go on together.
func about(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }
