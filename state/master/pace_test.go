package master

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim/scenario"
	"toponym/state"
)

// A change that comes alone is published at once. Of changes without a pause as many
// share a publication as come while publications rest, and the last one is published.
func TestPublicationsRestForAsLongAsTheyCost(t *testing.T) {
	for _, tt := range []struct {
		followed    bool
		cost        time.Duration // of a publication
		least, most int           // publications of a burst of 20 ms
	}{
		{false, 0, 15, 22},
		{false, time.Millisecond, 5, 8},
		{true, 0, 4, 7},
		{true, time.Millisecond, 3, 6},
		{false, 100 * time.Millisecond, 1, 3}, // longer than the burst
	} {
		t.Run(fmt.Sprint(tt.cost, " followed ", tt.followed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) {
					o.Source, o.Resync, o.Followed = Stream, 1000*time.Hour, func() bool { return tt.followed }
				})
				apps := b.populate(20)
				b.each = func(*state.Cluster) { time.Sleep(tt.cost) }
				defer b.run()()
				time.Sleep(time.Second)
				b.published()
				life := scenario.NewLife(b.cluster, apps, scenario.LifeOptions{Seed: 1})
				before := len(b.publications)
				life.Step()
				b.published()
				if n := len(b.publications); n != before+1 || b.publications[n-1] != time.Second {
					t.Fatalf("got publications at %v, want one after 1s", b.publications[before:])
				}
				time.Sleep(time.Second)
				for range 200 {
					life.Step()
					time.Sleep(100 * time.Microsecond)
				}
				time.Sleep(maxRest + 2*tt.cost)
				b.published()
				burst := b.publications[before+1:]
				if len(burst) < tt.least || len(burst) > tt.most {
					t.Errorf("got %d publications, want %d to %d: %v", len(burst), tt.least, tt.most, burst)
				}
				wantLines(t, "after", b.published(), b.reported(first))
			})
		})
	}
}
