package resolver

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoffDoublesAndEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b := backoff{max: 30 * time.Millisecond}
		var pauses []int64
		pause := func() {
			begin := time.Now()
			b.wait(ctx)
			pauses = append(pauses, time.Since(begin).Milliseconds())
		}
		for range 4 {
			pause()
		}
		b.reset()
		pause()
		cancel()
		pause()
		if want := []int64{5, 10, 20, 30, 5, 0}; !slices.Equal(pauses, want) {
			t.Errorf("pauses of %d ms, want %d", pauses, want)
		}
	})
}
