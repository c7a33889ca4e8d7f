package master

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	"toponym/state"
	"toponym/state/leader"
)

// third is a master of a static list.
var third = leader.Address{Host: "10.0.1.12", Port: 5050}

// silent accepts a request and never answers.
var neverAnswer = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })

// standby redirects to another master.
func startStandby(b *testbed, at, lead leader.Address) {
	m := b.master(at, sim.MasterOptions{})
	m.SetLeader(lead.String())
}

// Those of a static list that accept
// connections and never answer, before the one that leads.
func TestSilentMastersDoNotDelayTheStart(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll, "auto": Auto} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) {
					o.Source, o.Timeout = source, 5*time.Minute
					o.Leaders = leader.NewStatic([]leader.Address{first, second, third})
				})
				b.populate(20)
				b.network.set(first.String(), neverAnswer)
				b.network.set(second.String(), neverAnswer)
				b.master(third, sim.MasterOptions{})
				defer b.run()()
				time.Sleep(5 * time.Second)
				if s := b.watcher.Status(); s.Leader != third {
					t.Errorf("after 5s: got status %+v, want %s followed; log %q", s, third, messages(b.log, 4))
				}
				if n := b.logged("waiting for a master that does not answer; asking the others who leads duration=2s master=" + first.String()); n != 1 {
					t.Errorf("got %d lines that tell what is waited for, want 1: %q", n, messages(b.log, 4))
				}
			})
		})
	}
}

// Nobody tells that another master leads, but the
// stream is silent. The new leader is followed within 20 seconds of the freeze;
// where the state is polled, within 5 seconds of the poll that finds it out.
func TestFrozenLeaderOfAStaticList(t *testing.T) {
	for name, tt := range map[string]struct {
		source Source
		within time.Duration // of the freeze
	}{"stream": {Stream, 20 * time.Second}, "auto": {Auto, 20 * time.Second}, "poll": {Poll, time.Minute + 5*time.Second}} {
		for _, elected := range []time.Duration{10 * time.Second, 14 * time.Second} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newTestbed(t, func(o *Options) {
						o.Source, o.Timeout = tt.source, 5*time.Minute
						o.Leaders = leader.NewStatic([]leader.Address{first, second, third})
					})
					b.populate(20)
					b.master(first, sim.MasterOptions{})
					startStandby(b, second, first)
					startStandby(b, third, first)
					defer b.freezer.Thaw()
					defer b.run()()
					time.Sleep(time.Minute + time.Second)
					if s := b.watcher.Status(); s.Leader != first {
						t.Fatalf("before: got status %+v, want %s followed", s, first)
					}
					b.freezer.Freeze()
					frozen := time.Now()
					time.Sleep(elected) // until then, standbys redirect to the frozen leader
					b.cluster.Failover()
					b.master(second, sim.MasterOptions{})
					startStandby(b, third, second)
					for b.watcher.Status().Leader != second {
						time.Sleep(100 * time.Millisecond)
						if time.Since(frozen) > tt.within {
							t.Fatalf("%v after the freeze: got status %+v, want %s followed; log %q", tt.within, b.watcher.Status(), second, messages(b.log, 4))
						}
					}
				})
			})
		}
	}
}

// An old leader that sends a byte now and then does not delay the start for
// stateTimeoutSeconds.
func TestTricklingMasterDoesNotDelayTheStart(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll, "auto": Auto} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) {
					o.Source, o.Timeout = source, 5*time.Minute
					o.Leaders = leader.NewStatic([]leader.Address{first, second})
				})
				b.populate(20)
				b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Write([]byte("1000\n{"))
					for r.Context().Err() == nil {
						w.Write([]byte(" "))
						time.Sleep(time.Second)
					}
				}))
				b.master(second, sim.MasterOptions{})
				defer b.run()()
				time.Sleep(20 * time.Second)
				if s := b.watcher.Status(); s.Leader != second {
					t.Errorf("after 20s: got status %+v, want %s followed; log %q", s, second, messages(b.log, 4))
				}
			})
		})
	}
}

// A leader that takes long for its state, while
// standbys name it, is waited for.
func TestSlowLeaderIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) {
			o.Source = Poll
			o.Leaders = leader.NewStatic([]leader.Address{first, second})
		})
		b.populate(20)
		m := b.master(first, sim.MasterOptions{})
		startStandby(b, second, first)
		var slow atomic.Bool
		slow.Store(true)
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/master/state" && slow.Load() {
				w = &slowWriter{ResponseWriter: w, wait: 20 * time.Second}
			}
			m.ServeHTTP(w, r)
		}))
		defer b.run()()
		time.Sleep(21 * time.Second)
		slow.Store(false)
		wantLines(t, "after the time that it takes", b.published(), b.reported(first))
	})
}

// Others do not say that they lead, so the stream
// has its three heartbeats.
func TestSilentStreamWithLiveLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) {
			o.Source = Stream
			o.Leaders = leader.NewStatic([]leader.Address{first, second})
		})
		b.populate(20)
		m := b.master(first, sim.MasterOptions{})
		startStandby(b, second, first)
		var quiet atomic.Bool
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.ServeHTTP(heartbeatFilter{w, &quiet}, r)
		}))
		defer b.run()()
		time.Sleep(time.Minute + time.Second) // between two heartbeats
		quiet.Store(true)                     // the stream is held up, and nothing else
		time.Sleep(20 * time.Second)
		quiet.Store(false)
		time.Sleep(30 * time.Second)
		if s := b.watcher.Status(); s.Streams != 1 {
			t.Errorf("got %d streams, want 1: %q", s.Streams, messages(b.log, 4))
		}
	})
}

// muted drops what is written while it is quiet.
type heartbeatFilter struct {
	http.ResponseWriter
	quiet *atomic.Bool
}

func (m heartbeatFilter) Write(p []byte) (int, error) {
	if m.quiet.Load() && strings.Contains(string(p), "HEARTBEAT") {
		return len(p), nil
	}
	return m.ResponseWriter.Write(p)
}

// A stream that breaks before the pids of
// frameworks were read does not leave _framework._tcp records out until the next
// resync.
func TestPIDsAreLearnedAfterABrokenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source, o.Resync = Stream, 1000*time.Hour })
		b.populate(20)
		m := b.master(first, sim.MasterOptions{})
		var closed atomic.Bool
		closed.Store(true)
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/master/state" && closed.Load() {
				<-r.Context().Done()
				return
			}
			m.ServeHTTP(w, r)
		}))
		defer b.run()()
		time.Sleep(5 * time.Second)
		m.BreakStreams()
		closed.Store(false)
		time.Sleep(5 * time.Second)
		wantLines(t, "after the second stream began", b.published(), b.reported(first))
	})
}

// The first state is read with the priority
// of a query. Later states, which nobody waits for, give way to queries.
func TestWorkThatAllWaitForDoesNotGiveWay(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				background := 0
				b := newTestbed(t, func(o *Options) {
					o.Source = source
					o.Background = func(f func()) { background++; f() }
				})
				b.populate(20)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				b.each = func(*state.Cluster) {
					if background > 0 && ctx.Err() == nil {
						t.Error("got the first state from the background, want it at once")
					}
					cancel()
				}
				stop := b.run()
				time.Sleep(10 * time.Minute)
				stop()
				if background == 0 {
					t.Error("got no state from the background, want all but the first")
				}
			})
		})
	}
}

func (m heartbeatFilter) Flush()                           {}
func (m heartbeatFilter) SetWriteDeadline(time.Time) error { return nil }
func (m heartbeatFilter) Unwrap() http.ResponseWriter      { return m.ResponseWriter }
