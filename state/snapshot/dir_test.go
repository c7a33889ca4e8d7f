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

func TestSaveAndLoad(t *testing.T) {
	d := NewDir(filepath.Join(t.TempDir(), "not", "there", "yet"))
	if _, _, err := d.Load(now); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("nothing there: error %v", err)
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
			t.Errorf("loaded %+v, want %+v", got, want)
		}
		if info.Size != saved.Size || info.Size == 0 || !info.Confirmed.Equal(saved.Confirmed) {
			t.Errorf("info %+v, want %+v", info, saved)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(d.File()))
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files are there: %v", len(entries), err)
	}
	if i, err := entries[0].Info(); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", i.Mode(), err)
	}
}

func TestConfirm(t *testing.T) {
	d := NewDir(t.TempDir())
	if err := d.Confirm(now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: error %v", err)
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
			t.Errorf("confirmed %v: loaded %v, %v, %v", tt.at, got.Confirmed, info.Confirmed, err)
		}
	}
}

// A process that is killed while it writes leaves the file before as it was,
// and its own part is cleared away later.
func TestKilledWhileWriting(t *testing.T) {
	d := NewDir(t.TempDir())
	if _, err := d.Save(full()); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(filepath.Dir(d.File()), tempPrefix+"123")
	if err := os.WriteFile(left, encode(t, full())[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _, err := d.Load(now); err != nil || !reflect.DeepEqual(got.State, full().State) {
		t.Errorf("the one before is not there: %v", err)
	}
	if _, err := d.Save(full()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
}

func TestSaveThatFails(t *testing.T) {
	dir := t.TempDir()
	d := NewDir(dir)
	// Where the file should go there is a directory with something in it.
	if err := os.MkdirAll(filepath.Join(d.File(), "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Save(full()); err == nil {
		t.Error("no error")
	}
	if left := d.files(tempPrefix); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, _, err := d.Load(now); err == nil || errors.Is(err, ErrDamaged) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("loading a directory: error %v", err)
	}
	if _, err := NewDir(filepath.Join(dir, "file", "below")).Save(&Contents{State: &state.FullState{}}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDir(filepath.Join(dir, "file", "below", fileName)).Save(full()); err == nil {
		t.Error("a file was taken for a directory")
	}
}

func TestSetAside(t *testing.T) {
	d := NewDir(t.TempDir())
	if _, err := d.SetAside(now); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: error %v", err)
	}
	var want []string
	for i := range keepDamaged + 3 {
		if err := os.WriteFile(d.File(), []byte("not a snapshot"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Load(now); !errors.Is(err, ErrDamaged) {
			t.Fatalf("error %v", err)
		}
		name, err := d.SetAside(now.Add(time.Duration(i) * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	if got := d.files(fileName); !slices.Equal(got, want[len(want)-keepDamaged:]) {
		t.Errorf("files %v, want the last %d of %v", got, keepDamaged, want)
	}
}
