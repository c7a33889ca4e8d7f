package master

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	"toponym/state/leader"
)

// elected is a detector that a test tells who leads.
type fakeDetector struct {
	mu      sync.Mutex
	masters []leader.Address // the leading one first
	changed chan struct{}
}

func (e *fakeDetector) elect(masters ...leader.Address) {
	e.mu.Lock()
	e.masters = masters
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

func (e *fakeDetector) Candidates() []leader.Address {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.masters)
}
func (e *fakeDetector) Masters() []leader.Address { return e.Candidates() }
func (e *fakeDetector) SetLeading(leader.Address) {}
func (e *fakeDetector) Changed() <-chan struct{}  { return e.changed }

// The old leader has died, is frozen while it is followed, or is frozen while it
// is asked. The detector sees the new one.
func TestNewLeaderIsFollowedWithinASecond(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll, "auto": Auto} {
		for _, how := range []string{"killed", "frozen", "frozen before", "dead for long"} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					e := &fakeDetector{changed: make(chan struct{}, 1)}
					e.elect(first)
					b := newTestbed(t, func(o *Options) { o.Source, o.Leaders, o.Timeout = source, e, 5*time.Minute })
					b.populate(20)
					m := b.master(first, sim.MasterOptions{})
					defer b.freezer.Thaw()
					if how == "frozen before" {
						b.freezer.Freeze()
					}
					defer b.run()()
					time.Sleep(30 * time.Second)
					if how == "dead for long" {
						// The next question finds it frozen, and is still
						// being asked when another one is elected, which
						// has to recover first.
						b.network.set(first.String(), nil)
						m.BreakStreams()
						time.Sleep(20 * time.Minute)
						b.freezer.Freeze()
						b.network.set(first.String(), m)
						time.Sleep(70 * time.Second)
						b.master(second, sim.MasterOptions{Recovery: 300 * time.Millisecond})
						e.elect(second, first)
						time.Sleep(time.Second + 300*time.Millisecond)
						synctest.Wait()
						if s := b.watcher.Status(); s.Leader != second {
							t.Errorf("got status %+v, want %s followed: %q", s, second, messages(b.log, 4))
						}
						return
					}
					if how == "killed" {
						b.network.set(first.String(), nil)
						m.BreakStreams()
					} else {
						b.freezer.Freeze()
					}
					time.Sleep(time.Second)
					b.master(second, sim.MasterOptions{})
					e.elect(second, first)
					time.Sleep(time.Second)
					synctest.Wait()
					if s := b.watcher.Status(); s.Leader != second {
						t.Errorf("got status %+v, want %s followed: %q", s, second, messages(b.log, 4))
					}
					wantLines(t, "after", b.published(), b.reported(second))
				})
			})
		}
	}
}
