package leader

import (
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait after so many failures before: first, then twice
// as long after each, up to most, with a random part, so that all servers of a
// cluster do not ask who comes back at the same time.
func Backoff(failures int, first, most time.Duration) time.Duration {
	d := min(first<<min(failures, 10), most)
	return d/2 + rand.N(d/2+1)
}
