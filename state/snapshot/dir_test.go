package snapshot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"toponym/state"
)

var now = time.Unix(1_700_000_500, 0)

func TestLoadReturnsWhatWasSaved(t *testing.T) {
	d := NewDir(filepath.Join(t.TempDir(), "not", "there", "yet"))
	if _, _, err := d.Load(now); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("an empty directory: got error %v, want fs.ErrNotExist", err)
	}
	for _, want := range []*Contents{many(3), full()} {
		saved, err := d.Save(want)
		if err != nil {
			t.Fatal(err)
		}
		got, info, err := d.Load(now)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.State, want.State) || !got.Confirmed.Equal(want.Confirmed) {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if info.Size != saved.Size || info.Size == 0 || !info.Confirmed.Equal(saved.Confirmed) {
			t.Errorf("got info %+v, want %+v", info, saved)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(d.File()))
	if err != nil || len(entries) != 1 {
		t.Errorf("got %d files, error %v, want one", len(entries), err)
	}
	if i, err := entries[0].Info(); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, error %v, want 0600", i.Mode(), err)
	}
}

func TestConfirmationsAreReadButNeverFromTheFuture(t *testing.T) {
	d := NewDir(t.TempDir())
	if err := d.Confirm(now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: got error %v, want fs.ErrNotExist", err)
	}
	if _, err := d.Save(full()); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ at, want time.Time }{
		{now.Add(-time.Minute), now.Add(-time.Minute)},
		{now.Add(time.Hour), now},                            // a clock that went wrong
		{full().Confirmed.Add(-time.Hour), full().Confirmed}, // a copy that was given another time
	} {
		if err := d.Confirm(tt.at); err != nil {
			t.Fatal(err)
		}
		got, info, err := d.Load(now)
		if err != nil || !got.Confirmed.Equal(tt.want) || !info.Confirmed.Equal(tt.want) {
			t.Errorf("confirmed %v: got %v, info %v, error %v, want %v", tt.at, got.Confirmed, info.Confirmed, err, tt.want)
		}
	}
}

func TestAProcessKilledWhileWritingLeavesThePreviousSnapshot(t *testing.T) {
	d := NewDir(t.TempDir())
	if _, err := d.Save(full()); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(filepath.Dir(d.File()), tempPrefix+"123")
	if err := os.WriteFile(left, encode(t, full())[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, err := d.Load(now); err != nil || !reflect.DeepEqual(got.State, full().State) {
		t.Errorf("got another state, error %v, want the previous snapshot", err)
	}
	if _, err := d.Save(full()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: got error %v, want it removed", left, err)
	}
}

func TestAFailedSaveLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	d := NewDir(dir)
	// Where the file should go there is a directory with something in it.
	if err := os.MkdirAll(filepath.Join(d.File(), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Save(full()); err == nil {
		t.Error("got no error for a directory in place of the file, want one")
	}
	if got := d.Failures(); got != 1 {
		t.Errorf("got %d failures, want 1", got)
	}
	if left := d.files(tempPrefix); len(left) > 0 {
		t.Errorf("got %v left behind, want nothing", left)
	}
	if _, _, err := d.Load(now); err == nil || errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("loading a directory: got error %v, want one of its own", err)
	}
	if _, err := NewDir(filepath.Join(dir, "file", "below")).Save(&Contents{State: &state.FullState{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDir(filepath.Join(dir, "file", "below", fileName)).Save(full()); err == nil {
		t.Error("got no error for a file in place of the directory, want one")
	}
}

func TestTheLatestDamagedSnapshotsAreKept(t *testing.T) {
	d := NewDir(t.TempDir())
	if _, err := d.SetAside(now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty directory: got error %v, want fs.ErrNotExist", err)
	}
	var want []string
	for i := range keepDamaged + 3 {
		if err := os.WriteFile(d.File(), []byte("not a snapshot"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Load(now); !errors.Is(err, ErrDamaged) {
			t.Fatalf("got error %v, want ErrDamaged", err)
		}
		name, err := d.SetAside(now.Add(time.Duration(i) * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	if got := d.files(fileName); !slices.Equal(got, want[len(want)-keepDamaged:]) {
		t.Errorf("got files %v, want the last %d of %v", got, keepDamaged, want)
	}
}

// Two servers with one stateDir would start with each other's names.
func TestADirectoryIsUsedByOneProcessAtATime(t *testing.T) {
	path := t.TempDir()
	first, second := NewDir(path), NewDir(path)
	if _, err := first.Save(full()); err != nil {
		t.Fatal(err)
	}
	for what, use := range map[string]func() error{
		"Load":    func() error { _, _, err := second.Load(now); return err },
		"Save":    func() error { _, err := second.Save(many(1)); return err },
		"Confirm": func() error { return second.Confirm(now) },
	} {
		if err := use(); !errors.Is(err, ErrInUse) {
			t.Errorf("%s: got error %v, want ErrInUse", what, err)
		}
	}
	if got, _, err := ReadFile(first.File(), now); err != nil || !reflect.DeepEqual(got.State, full().State) {
		t.Errorf("got another state, error %v, want that of the first", err)
	}
	first.Close()
	if _, err := second.Save(many(1)); err != nil {
		t.Errorf("after the first has closed: got error %v, want none", err)
	}
	if _, err := first.Save(full()); !errors.Is(err, ErrInUse) {
		t.Errorf("the first again: got error %v, want ErrInUse", err)
	}
}

func TestADirectoryThatWasReplacedIsReservedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first := NewDir(path)
	for range 2 {
		if _, err := first.Save(full()); err != nil {
			t.Fatal(err)
		}
		if _, err := NewDir(path).Save(full()); !errors.Is(err, ErrInUse) {
			t.Errorf("got error %v, want ErrInUse", err)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
}

// A clock that is a day ahead or behind must not cost any name.
func TestASnapshotIsUsedWhateverTheClockSays(t *testing.T) {
	d := NewDir(t.TempDir())
	want := full()
	if _, err := d.Save(want); err != nil {
		t.Fatal(err)
	}
	for _, off := range []time.Duration{-24 * time.Hour, 24 * time.Hour, 100 * 365 * 24 * time.Hour} {
		got, info, err := d.Load(now.Add(off))
		if err != nil || !reflect.DeepEqual(got.State, want.State) || !reflect.DeepEqual(got.Zones, want.Zones) {
			t.Errorf("the clock is %v off: got another state, error %v, want what was saved", off, err)
		}
		if info.Confirmed.After(now.Add(off)) {
			t.Errorf("the clock is %v off: got confirmation %v, want none in the future", off, info.Confirmed)
		}
	}
}

func TestInfoFollowsTheFile(t *testing.T) {
	d := NewDir(t.TempDir())
	if got := d.Info(); got != nil {
		t.Errorf("got %+v before anything was saved, want nil", got)
	}
	saved, err := d.Save(full())
	if err != nil {
		t.Fatal(err)
	}
	if got := d.Info(); got == nil || *got != saved {
		t.Errorf("got %+v, want %+v", got, saved)
	}
	at := full().Confirmed.Add(time.Minute)
	if err := d.Confirm(at); err != nil {
		t.Fatal(err)
	}
	if got, want := d.Info(), (Info{Size: saved.Size, Confirmed: at}); got == nil || *got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	d.Close()
	d = NewDir(filepath.Dir(d.File()))
	if _, _, err := d.Load(now); err != nil || d.Info() == nil || !d.Info().Confirmed.Equal(at) {
		t.Errorf("got %+v, error %v, want confirmation %v", d.Info(), err, at)
	}
}
