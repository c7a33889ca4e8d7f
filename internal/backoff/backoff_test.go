package backoff

import (
	"math"
	"testing"
	"time"
)

func TestDelayDoublesUpToItsLimit(t *testing.T) {
	const first, limit = 250 * time.Millisecond, 5 * time.Second
	for failures, want := range []time.Duration{first, 2 * first, 4 * first, 8 * first, 16 * first, limit, limit} {
		for range 100 {
			if got := Delay(failures, first, limit); got < want/2 || got > want {
				t.Fatalf("Delay(%d) = %v, want %v to %v", failures, got, want/2, want)
			}
		}
	}
}

func TestDelayNeverOverflows(t *testing.T) {
	for _, failures := range []int{62, 1000, math.MaxInt32} {
		const limit = time.Duration(math.MaxInt64)
		if got := Delay(failures, time.Hour, limit); got < limit/2 {
			t.Errorf("Delay(%d) = %v, want at least %v", failures, got, limit/2)
		}
	}
	if got := Delay(3, time.Minute, time.Second); got > time.Second {
		t.Errorf("Delay with a limit below the first wait = %v, want at most 1s", got)
	}
}
