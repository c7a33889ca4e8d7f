package server

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus/hooks/test"

	"toponym/config"
	"toponym/state/snapshot"
)

const testInterval = 30 * time.Second

// testSnapshotter keeps the cluster of a pipeline in a directory of the test's.
func testSnapshotter(t *testing.T) (*snapshotter, *pipeline, *test.Hook) {
	t.Helper()
	log, hook := test.NewNullLogger()
	p, _ := testPipeline(t)
	p.o.now = time.Now
	return newSnapshotter(filepath.Join(t.TempDir(), "state"), func() time.Duration { return testInterval }, p, log), p, hook
}

// running runs something until stop is called.
func running(t *testing.T, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// stored returns how many tasks are on disk, -1 without a snapshot, and when
// they were confirmed.
func stored(t *testing.T, s *snapshotter) (tasks int, confirmed time.Time) {
	t.Helper()
	c, info, err := snapshot.ReadFile(s.dir.File(), time.Now())
	if err != nil {
		return -1, time.Time{}
	}
	return len(c.State.Tasks), info.Confirmed
}

func TestSnapshotsAreWrittenAtMostOnceInAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, _ := testSnapshotter(t)
		defer running(t, s.run)()
		after := func(d time.Duration, want int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got, _ := stored(t, s); got != want {
				t.Errorf("tasks on disk: got %d, want %d", got, want)
			}
		}
		after(time.Minute, -1) // nothing is known, nothing is written

		p.state(fullState(task("1", "web", "10.1.0.1")))
		after(2*snapshotCheck, 1)
		p.state(fullState(task("1", "web", "10.1.0.1"), task("2", "web", "10.1.0.2")))
		after(20*time.Second, 1)
		p.state(fullState(task("1", "web", "10.1.0.1"), task("2", "web", "10.1.0.2"), task("3", "web", "10.1.0.3")))
		after(8*time.Second, 1)
		after(3*time.Second, 3)
	})
}

func TestSnapshotIsConfirmedWhileNothingChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, _ := testSnapshotter(t)
		defer running(t, s.run)()
		p.state(fullState(task("1", "web", "10.1.0.1")))
		time.Sleep(2 * snapshotCheck)
		synctest.Wait()
		before, err := os.Stat(s.dir.File())
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			time.Sleep(time.Minute)
			p.state(fullState(task("1", "web", "10.1.0.1")))
		}
		time.Sleep(testInterval + 2*snapshotCheck)
		synctest.Wait()
		now, err := os.Stat(s.dir.File())
		if err != nil || !os.SameFile(before, now) {
			t.Errorf("got another file (error %v), want the one from before", err)
		}
		if _, confirmed := stored(t, s); time.Since(confirmed) > 2*time.Minute {
			t.Errorf("confirmed on disk: got %v ago, want at most 2m", time.Since(confirmed))
		}
		if age := time.Since(s.dir.Info().Confirmed); age > 2*time.Minute {
			t.Errorf("age: got %v, want at most 2m", age)
		}
		// Somebody cleans up.
		if err := os.Remove(s.dir.File()); err != nil {
			t.Fatal(err)
		}
		p.state(fullState(task("1", "web", "10.1.0.1")))
		time.Sleep(testInterval + 2*snapshotCheck)
		synctest.Wait()
		if got, _ := stored(t, s); got != 1 {
			t.Errorf("tasks on disk after the file was removed: got %d, want 1", got)
		}
	})
}

func TestSnapshotterGoesOnAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, hook := testSnapshotter(t)
		dir := filepath.Dir(s.dir.File())
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the directory should be
			t.Fatal(err)
		}
		defer running(t, s.run)()
		for range 5 {
			p.state(fullState(task("1", "web", "10.1.0.1")))
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		logged := func(n int, want string) {
			t.Helper()
			if got := len(hook.AllEntries()); got != n || !strings.Contains(hook.LastEntry().Message, want) {
				t.Errorf("got %d lines, the last %q, want %d lines, the last with %q", got, hook.LastEntry().Message, n, want)
			}
		}
		logged(1, "cannot be written")
		if got := s.dir.Failures(); got < 5 {
			t.Errorf("errors: got %d, want at least 5", got)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, _ := stored(t, s); got != 1 {
			t.Errorf("tasks on disk in the end: got %d, want 1", got)
		}
		logged(2, "written again")
	})
}

// The plain fact comes first, and secondaries are named only to whom has some.
func TestAStateDirThatCannotBeWrittenIsWarnedOfAtTheStart(t *testing.T) {
	for _, tt := range []struct {
		secondaries bool
		want        []string
	}{
		{false, []string{"stateDir cannot be written"}},
		{true, []string{"stateDir cannot be written", "secondaries may miss changes"}},
	} {
		s, _, hook := testSnapshotter(t)
		if err := os.WriteFile(filepath.Dir(s.dir.File()), nil, 0o600); err != nil { // a file where the directory should be
			t.Fatal(err)
		}
		s.reserveSerials(t.Context(), tt.secondaries)
		all := hook.AllEntries()
		ok := len(all) == len(tt.want)
		for i := range min(len(all), len(tt.want)) {
			ok = ok && strings.Contains(all[i].Message, tt.want[i])
		}
		if !ok {
			t.Errorf("secondaries %v: got the lines %v, want %q", tt.secondaries, all, tt.want)
		}
	}
}

// What was kept is what comes back, whole, and the state that a master sends
// afterwards is a change of it.
func TestRestoredStateIsTheOneThatWasSaved(t *testing.T) {
	s, p, _ := testSnapshotter(t)
	p.state(fullState(task("1", "web", "10.1.0.1"), task("2", "db", "10.1.0.2")))
	before := p.zones.Current()
	s.save(t.Context(), new(background).run)
	s.dir.Close() // as its process ends

	log, hook := test.NewNullLogger()
	next, _ := testPipeline(t)
	s2 := newSnapshotter(filepath.Dir(s.dir.File()), func() time.Duration { return time.Minute }, next, log)
	c := s2.load(t.Context(), time.Now())
	if c == nil {
		t.Fatalf("got no snapshot, want one; logged %v", hook.LastEntry())
	}
	if !next.restore(c) {
		t.Fatal("got a snapshot that comes too late, want one that is used")
	}
	z := next.zones.Current()
	if !z.Ready() || z.Counts() != before.Counts() {
		t.Errorf("restored: got %+v, want %+v", z.Counts(), before.Counts())
	}
	if z.DomainSerial() != before.DomainSerial() {
		t.Errorf("serial: got %d, want %d, that of the same content", z.DomainSerial(), before.DomainSerial())
	}
	if got := next.info.Load(); got.source != sourceSnapshot || got.leader != "10.0.0.1:5050" || got.tasks != 2 || got.live() {
		t.Errorf("got %+v, want 2 tasks of the snapshot", got)
	}
	s2.save(t.Context(), new(background).run) // is no news to the disk
	if got := next.info.Load().changes; s2.changes != 0 || got != 0 {
		t.Errorf("changes after restoring: got %d, want 0", got)
	}

	// The same from a master changes nothing.
	next.state(fullState(task("1", "web", "10.1.0.1"), task("2", "db", "10.1.0.2")))
	if next.zones.Current() != z {
		t.Error("the same state from a master: got another zone, want the same")
	}
	if got := next.currentInfo(); got.source != sourcePoll || got.changes != 0 {
		t.Errorf("the same state from a master: got %+v, want source poll and no change", got)
	}
	next.state(fullState(task("1", "web", "10.1.0.1")))
	if got := next.info.Load(); got.changes != 1 || got.tasks != 1 {
		t.Errorf("a task less: got %+v, want 1 change and 1 task", got)
	}
}

// Two servers with one stateDir may follow different clusters.
func TestASecondProcessLeavesTheSnapshotAloneUntilTheFirstEnds(t *testing.T) {
	s, p, _ := testSnapshotter(t)
	p.state(fullState(task("1", "web", "10.1.0.1")))
	s.save(t.Context(), new(background).run)

	log, hook := test.NewNullLogger()
	second, _ := testPipeline(t)
	s2 := newSnapshotter(filepath.Dir(s.dir.File()), func() time.Duration { return time.Minute }, second, log)
	if c := s2.load(t.Context(), time.Now()); c != nil {
		t.Error("got the snapshot of the first process, want none")
	}
	if e := hook.LastEntry(); e == nil || !errors.Is(e.Data["error"].(error), snapshot.ErrInUse) {
		t.Errorf("got log line %v, want one with %v", e, snapshot.ErrInUse)
	}
	second.state(fullState(task("1", "web", "10.1.0.1"), task("2", "db", "10.1.0.2")))
	s2.save(t.Context(), new(background).run)
	if got, _ := stored(t, s); got != 1 {
		t.Errorf("tasks on disk: got %d, want 1 of the first process", got)
	}
	s.dir.Close() // as its process ends
	s2.save(t.Context(), new(background).run)
	if got, _ := stored(t, s); got != 2 {
		t.Errorf("tasks on disk after the first has ended: got %d, want 2 of the second process", got)
	}
}

func TestLateSnapshotDoesNotUndoAState(t *testing.T) {
	p, _ := testPipeline(t)
	p.state(fullState(task("1", "web", "10.1.0.1")))
	z := p.zones.Current()
	if p.restore(&snapshot.Contents{State: fullState()}) || p.zones.Current() != z || p.currentInfo().source != sourcePoll {
		t.Error("got the snapshot, want the state of the master")
	}
}

func TestUnusableSnapshotsAreLogged(t *testing.T) {
	for name, tt := range map[string]struct {
		content string
		want    string
		stays   bool
	}{
		"damaged":       {"toponym snapshot 1\nnonsense", "damaged", false},
		"other version": {"toponym snapshot 999\nnews", "another version", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, hook := testSnapshotter(t)
			dir := filepath.Dir(s.dir.File())
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(s.dir.File(), []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if c := s.load(t.Context(), time.Now()); c != nil {
				t.Errorf("got %d tasks, want nothing", len(c.State.Tasks))
			}
			line, err := hook.LastEntry().String()
			if err != nil || !strings.Contains(line, tt.want) {
				t.Errorf("logged: got %q, want %q in it", line, tt.want)
			}
			_, err = os.Stat(s.dir.File())
			if got := err == nil; got != tt.stays {
				t.Errorf("the file stays: got %v, want %v", got, tt.stays)
			}
			if tt.stays {
				return
			}
			aside, err := filepath.Glob(s.dir.File() + ".damaged-*")
			if err != nil || len(aside) != 1 || hook.LastEntry().Data["renamed_to"] != aside[0] {
				t.Errorf("set aside: got %v, logged %v, want one file that is named", aside, hook.LastEntry().Data)
			}
		})
	}
}

// A disk that does not answer keeps nobody from ending.
func TestHungDiskDoesNotKeepTheServerFromItsEnd(t *testing.T) {
	s, p, _ := testSnapshotter(t)
	p.state(fullState(task("1", "web", "10.1.0.1")))
	hung := make(chan struct{})
	defer close(hung)
	ctx, cancel := context.WithCancel(t.Context())
	started := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.save(ctx, func(func()) { close(started); <-hung })
	}()
	<-started
	cancel()
	<-ended
	s.save(ctx, new(background).run) // the last one, while the disk is still taken
	if got, _ := stored(t, s); got != -1 {
		t.Errorf("tasks on disk: got %d, want no snapshot", got)
	}
}

// A large snapshot is waited for as long as the disk gives more of it, and then
// as long as it takes to make a zone of it.
func TestSlowSnapshotIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, hook := testSnapshotter(t)
		var read atomic.Int64
		s.bytesRead = read.Load
		restored := make(chan struct{})
		go func() {
			for range 60 { // the disk is slow
				time.Sleep(diskTimeout / 2)
				read.Add(1)
			}
			s.decoded.Store(true)
			time.Sleep(time.Hour) // the processor is
			close(restored)
		}()
		s.await(t.Context(), restored)
		select {
		case <-restored:
		default:
			t.Error("got no snapshot, want it waited for")
		}
		if got := hook.AllEntries(); len(got) > 0 {
			t.Errorf("got the lines %v, want none", got)
		}
	})
}

func TestHungDiskDoesNotKeepTheServerFromItsMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, hook := testSnapshotter(t)
		began := time.Now()
		s.await(t.Context(), make(chan struct{}))
		if got := time.Since(began); got > 2*diskTimeout {
			t.Errorf("got a wait of %v, want at most %v", got, 2*diskTimeout)
		}
		if got := len(hook.AllEntries()); got != 1 {
			t.Errorf("got %d lines, want 1", got)
		}
	})
}

// Names of zone files, and forwarded ones, are answered while the snapshot is
// still read or made a zone of, and the server can be stopped meanwhile.
func TestDNSIsAnsweredWhileTheSnapshotIsRestored(t *testing.T) {
	for name, hold := range map[string]func(*Server) (release func()){
		"reading":   func(s *Server) func() { s.snapshotter.disk <- struct{}{}; return func() { <-s.snapshotter.disk } },
		"compiling": func(s *Server) func() { s.pipeline.mu.Lock(); return s.pipeline.mu.Unlock },
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Defaults()
			c.Masters = []config.HostPort{{Host: "127.0.0.1", Port: 1}}
			c.Listener, c.Port, c.HTTPOn = []config.Listen{{Addr: netip.MustParseAddr("127.0.0.1")}}, 0, false
			c.StateDir = t.TempDir()
			zoneFile := filepath.Join(c.StateDir, "a.zone")
			writeText(t, zoneFile, "spartan. SOA ns1.mesos. root.mesos. 1 2 3 4 5\nspartan. NS ns1.mesos.\nready.spartan. A 127.0.0.1\n")
			c.StaticZones = []string{zoneFile}
			dir := snapshot.NewDir(c.StateDir)
			if _, err := dir.Save(&snapshot.Contents{State: fullState(task("1", "web", "10.1.0.1")), Confirmed: time.Now()}); err != nil {
				t.Fatal(err)
			}
			dir.Close()
			log, _ := test.NewNullLogger()
			s := newTestServer(t, c, log)
			if err := s.Listen(); err != nil {
				t.Fatal(err)
			}
			release := hold(s)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- s.Run(ctx) }()
			if got := ask(t, s, "ready.spartan.", dns.TypeA); len(got) != 1 {
				t.Errorf("got %v, want one address", got)
			}
			release()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: got %v, want no error", err)
			}
		})
	}
}
