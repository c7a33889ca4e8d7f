package master

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
	"toponym/state/leader"
)

// A master that hangs is said not to answer within 5 seconds, and to be followed again
// within 5 seconds of its end, however it is read; what is known stays.
func TestAHungMasterIsSaidNotToAnswer(t *testing.T) {
	for name, source := range map[string]Source{"stream": Stream, "poll": Poll, "auto": Auto} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) { o.Source = source })
				b.populate(20)
				b.master(first, sim.MasterOptions{})
				defer b.freezer.Thaw()
				defer b.run()()
				time.Sleep(10 * time.Second)
				before := b.watcher.Status()
				if before.Source == Auto || before.LastError != "" {
					t.Fatalf("before: got status %+v, want the master followed", before)
				}
				for range 3 {
					b.freezer.Freeze()
					time.Sleep(5 * time.Second)
					if s := b.watcher.Status(); s.Source != Auto || !s.Since.IsZero() || s.LastError != first.String()+" does not answer" {
						t.Errorf("5 s after it hung: got status %+v, want no contact and why", s)
					}
					b.freezer.Thaw()
					time.Sleep(5 * time.Second)
					if s := b.watcher.Status(); s.Source != before.Source || s.LastError != "" || s.Since != before.Since {
						t.Errorf("5 s after it went on: got status %+v, want the contact that there was", s)
					}
				}
				if n, m := b.logged("the leading master does not answer"), b.logged("the leading master answers again"); n != 3 || m != 3 {
					t.Errorf("got %d and %d lines, want 3 of each: %q", n, m, messages(b.log, 4))
				}
			})
		})
	}
}

// A master that was away for a long time is followed within 5 seconds of its return,
// although it is tried ever more seldom.
func TestAMasterThatReturnsIsFollowedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Auto })
		b.populate(20)
		b.network.set(first.String(), nil)
		defer b.run()()
		time.Sleep(20*time.Minute + 3*time.Second)
		b.master(first, sim.MasterOptions{})
		time.Sleep(5 * time.Second)
		if s := b.watcher.Status(); s.Source != Stream {
			t.Errorf("5 s after the return: got status %+v, want the master followed", s)
		}
	})
}

// Reading a large state tells how far it is, and what is waited for before that.
func TestReadingAStateTellsHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source, o.MaxBytes = Stream, 1<<30 })
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != apiPath {
				return
			}
			w.Write([]byte("40000000\n{"))
			for i := 0; i < 40 && r.Context().Err() == nil; i++ {
				w.Write([]byte(strings.Repeat(" ", 1_000_000)))
				time.Sleep(time.Second / 2)
			}
		}))
		stop := b.run()
		time.Sleep(9 * time.Second)
		r := b.watcher.Status().Reading
		if r == nil || r.At != first || r.Total != 40_000_000 || r.Bytes < 10_000_000 || r.Bytes > 20_000_000 {
			t.Errorf("got %+v, want the part of 40 MB that has come", r)
		}
		if n := b.logged("reading the state of the cluster bytes="); n < 1 || n > 2 {
			t.Errorf("got %d lines about the progress, want one each %v: %q", n, progressInterval, messages(b.log, 4))
		}
		time.Sleep(30 * time.Second)
		if r := b.watcher.Status().Reading; r != nil && r.Bytes > 30_000_000 {
			t.Errorf("after the end: got %+v, want it to be over", r)
		}
		stop()
		time.Sleep(time.Second) // the handler ends
	})
}

// So does a master that trickles, of whose state little comes for minutes.
func TestATricklingMasterIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source, o.Timeout = Stream, 5*time.Minute })
		b.network.set(first.String(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != apiPath {
				return
			}
			for _, c := range []byte("1000\n{" + strings.Repeat(" ", 998) + "}") {
				if r.Context().Err() != nil {
					return
				}
				w.Write([]byte{c})
				http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		}))
		stop := b.run()
		time.Sleep(30 * time.Second)
		if r := b.watcher.Status().Reading; r == nil || r.At != first || r.Bytes == 0 || r.Bytes > 31 {
			t.Errorf("got %+v, want the few bytes that have come: %q", r, messages(b.log, 4))
		}
		if n := b.logged("reading the state of the cluster bytes="); n == 0 {
			t.Errorf("got no line about the progress: %q", messages(b.log, 4))
		}
		stop()
		time.Sleep(time.Second) // the handler ends
	})
}

// The counts of a watcher go on in the one that takes its place, and so does what it
// has read.
func TestAWatcherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTestbed(t, func(o *Options) { o.Source = Stream })
		b.populate(20)
		b.master(first, sim.MasterOptions{})
		stop := b.run()
		time.Sleep(20 * time.Second)
		stop()
		before := b.watcher.Status()
		o := b.watcher.o
		o.Leaders = leader.NewStatic([]leader.Address{second, first})
		next := New(o)
		next.client.http.Transport = b.watcher.client.http.Transport
		next.TakeOver(b.watcher)
		if s := next.Status(); s.Source != Auto || s.Heard != before.Heard || s.Events["HEARTBEAT"] != before.Events["HEARTBEAT"] || s.Leader != first {
			t.Errorf("got status %+v, want the counts of %+v and no contact", s, before)
		}
		b.watcher = next
		defer b.run()()
		time.Sleep(10 * time.Second)
		if s := next.Status(); s.Source != Stream || s.Streams != before.Streams+1 || s.Failovers != before.Failovers {
			t.Errorf("got status %+v, want one more stream than %d and no failover", s, before.Streams)
		}
	})
}
