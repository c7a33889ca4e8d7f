package server

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus/hooks/test"

	"toponym/state"
	disk "toponym/state/snapshot"
)

const keepEvery = 30 * time.Second

// testSnapshotter keeps the cluster of a pipeline in a directory of the test's.
func testSnapshotter(t *testing.T) (*snapshotter, *pipeline, *test.Hook) {
	t.Helper()
	log, hook := test.NewNullLogger()
	p, _ := testPipeline(t)
	p.now = time.Now
	return newSnapshotter(filepath.Join(t.TempDir(), "state"), func() time.Duration { return keepEvery }, p, log), p, hook
}

// running runs the snapshotter until the function that it gives is called.
func running(t *testing.T, k *snapshotter) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// stored are the tasks on disk, and when they were confirmed.
func stored(t *testing.T, k *snapshotter) (tasks int, confirmed time.Time) {
	t.Helper()
	c, info, err := disk.NewDir(filepath.Dir(k.dir.File())).Load(time.Now())
	if err != nil {
		return -1, time.Time{}
	}
	return len(c.State.Tasks), info.Confirmed
}

func TestSnapshotterWritesAtMostOnceInAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, p, _ := testSnapshotter(t)
		defer running(t, k)()
		after := func(d time.Duration, want int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if n, _ := stored(t, k); n != want {
				t.Errorf("%d tasks are on disk, want %d", n, want)
			}
		}
		after(time.Minute, -1) // nothing is known, nothing is written

		p.event(snapshot(task("1", "web", "10.1.0.1")))
		after(2*look, 1)
		p.event(snapshot(task("1", "web", "10.1.0.1"), task("2", "web", "10.1.0.2")))
		after(20*time.Second, 1)
		p.event(snapshot(task("1", "web", "10.1.0.1"), task("2", "web", "10.1.0.2"), task("3", "web", "10.1.0.3")))
		after(8*time.Second, 1)
		after(3*time.Second, 3)
	})
}

func TestSnapshotterConfirmsWhatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, p, _ := testSnapshotter(t)
		defer running(t, k)()
		p.event(snapshot(task("1", "web", "10.1.0.1")))
		time.Sleep(2 * look)
		synctest.Wait()
		before, err := os.Stat(k.dir.File())
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(time.Minute)
			p.event(snapshot(task("1", "web", "10.1.0.1")))
		}
		time.Sleep(keepEvery + 2*look)
		synctest.Wait()
		now, err := os.Stat(k.dir.File())
		if err != nil || !os.SameFile(before, now) {
			t.Errorf("it was written again: %v", err)
		}
		if _, confirmed := stored(t, k); time.Since(confirmed) > 2*time.Minute {
			t.Errorf("it was confirmed %v ago", time.Since(confirmed))
		}
		if age := time.Since(k.info.Load().Confirmed); age > 2*time.Minute {
			t.Errorf("its age is told as %v", age)
		}
		// Somebody cleans up.
		if err := os.Remove(k.dir.File()); err != nil {
			t.Fatal(err)
		}
		p.event(snapshot(task("1", "web", "10.1.0.1")))
		time.Sleep(keepEvery + 2*look)
		synctest.Wait()
		if n, _ := stored(t, k); n != 1 {
			t.Error("it was not written again")
		}
	})
}

func TestSnapshotterGoesOnAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, p, hook := testSnapshotter(t)
		dir := filepath.Dir(k.dir.File())
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the directory should be
			t.Fatal(err)
		}
		defer running(t, k)()
		for range 5 {
			p.event(snapshot(task("1", "web", "10.1.0.1")))
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if n := len(hook.AllEntries()); n != 1 || !strings.Contains(hook.LastEntry().Message, "cannot be written") {
			t.Errorf("%d lines were logged, the last: %v", n, hook.LastEntry())
		}
		if k.errors.Load() < 5 {
			t.Errorf("%d errors were counted", k.errors.Load())
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n, _ := stored(t, k); n != 1 {
			t.Error("nothing was written in the end")
		}
		if n := len(hook.AllEntries()); n != 2 || !strings.Contains(hook.LastEntry().Message, "written again") {
			t.Errorf("%d lines were logged, the last: %v", n, hook.LastEntry())
		}
	})
}

// What is kept is what comes back, whole, and the state that a master gives
// afterwards is a change of it.
func TestRestore(t *testing.T) {
	k, p, _ := testSnapshotter(t)
	p.event(snapshot(task("1", "web", "10.1.0.1"), task("2", "db", "10.1.0.2")))
	before := p.zones.Current()
	k.save()

	log, hook := test.NewNullLogger()
	next, _ := testPipeline(t)
	k2 := newSnapshotter(filepath.Dir(k.dir.File()), func() time.Duration { return time.Minute }, next, log)
	c := k2.load(time.Now())
	if c == nil {
		t.Fatal(hook.LastEntry())
	}
	next.restore(c)
	z := next.zones.Current()
	if !z.Ready() || z.Counts() != before.Counts() {
		t.Errorf("%+v came back, want %+v", z.Counts(), before.Counts())
	}
	if z.Serial() <= before.Serial() {
		t.Errorf("the serial went from %d to %d", before.Serial(), z.Serial())
	}
	if now := next.known.Load(); now.source != fromSnapshot || now.leader != "10.0.0.1:5050" || now.tasks != 2 || now.live() {
		t.Errorf("known: %+v", now)
	}
	k2.save() // is no news to the disk
	if k2.changes != 0 || next.known.Load().changes != 0 {
		t.Error("what was read counts as a change")
	}

	// The same from a master changes nothing.
	next.event(snapshot(task("1", "web", "10.1.0.1"), task("2", "db", "10.1.0.2")))
	if next.zones.Current() != z {
		t.Error("the zone was made anew")
	}
	if now := next.tell(); now.source != fromPoll || now.changes != 0 {
		t.Errorf("known: %+v", now)
	}
	next.event(snapshot(task("1", "web", "10.1.0.1")))
	if now := next.known.Load(); now.changes != 1 || now.tasks != 1 {
		t.Errorf("known: %+v", now)
	}
}

// A disk that takes its time must not undo what a master has said.
func TestMasterIsQuickerThanTheDisk(t *testing.T) {
	p, _ := testPipeline(t)
	p.event(snapshot(task("1", "web", "10.1.0.1")))
	z := p.zones.Current()
	p.restore(&disk.Contents{State: snapshot().FullState})
	if p.zones.Current() != z || p.tell().source != fromPoll {
		t.Error("the snapshot replaced a newer state")
	}
}

func TestUnusableSnapshots(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		says    string
		stays   bool
	}{
		"damaged":       {"toponym snapshot 1\nnonsense", "damaged", false},
		"other version": {"toponym snapshot 999\nnews", "another version", true},
	} {
		t.Run(name, func(t *testing.T) {
			k, _, hook := testSnapshotter(t)
			dir := filepath.Dir(k.dir.File())
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(k.dir.File(), []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if c := k.load(time.Now()); c != nil {
				t.Error("it was read")
			}
			line := hook.LastEntry().Message
			_, err := os.Stat(k.dir.File())
			if !strings.Contains(line, tt.says) || (err == nil) != tt.stays {
				t.Errorf("logged %q; still there: %v", line, err == nil)
			}
			if tt.stays {
				return
			}
			aside, err := filepath.Glob(k.dir.File() + ".damaged-*")
			if err != nil || len(aside) != 1 || !strings.Contains(line, aside[0]) {
				t.Errorf("set aside: %v; logged %q", aside, line)
			}
		})
	}
}

func TestFailoverIsNoted(t *testing.T) {
	p, _ := testPipeline(t)
	p.event(snapshot())
	if !p.known.Load().failover.IsZero() {
		t.Error("the first leader is a failover")
	}
	e := snapshot()
	e.FullState.Leader = state.Master{Host: "10.0.0.9", Port: 5050}
	p.event(e)
	if k := p.known.Load(); k.failover.IsZero() || k.leader != "10.0.0.9:5050" {
		t.Errorf("known: %+v", k)
	}
}
