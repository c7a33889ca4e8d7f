package filewatch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func write(t *testing.T, path, text string, modified time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Time{}, modified); err != nil {
		t.Fatal(err)
	}
}

func TestChangesOfFilesAreSeen(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	old := time.Now().Add(-time.Hour)
	write(t, a, "1", old)
	write(t, b, "1", old)
	f := NewFiles(a, b)
	if !f.Changed() {
		t.Error("before the first reading: got unchanged, want changed")
	}
	for _, step := range []struct {
		what   string
		change func()
		want   bool
	}{
		{"nothing", func() {}, false},
		{"another size", func() { write(t, b, "22", old) }, true},
		{"another time", func() { write(t, b, "33", old.Add(time.Minute)) }, true},
		{"another file in its place", func() {
			write(t, a+".new", "1", old)
			if err := os.Rename(a+".new", a); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"a file that is gone", func() { os.Remove(a) }, true},
		{"a file that stays away", func() {}, false},
		{"a file that is back", func() { write(t, a, "1", old) }, true},
	} {
		f.MarkRead()
		step.change()
		if got := f.Changed(); got != step.want {
			t.Errorf("%s: got changed %v, want %v", step.what, got, step.want)
		}
	}
}

// A file can change twice within the granularity of its time.
func TestFileThatChangedJustNowCountsAsChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "a")
		write(t, path, "1", time.Now())
		f := NewFiles(path)
		f.MarkRead()
		if !f.Changed() {
			t.Error("right after a change: got unchanged, want changed")
		}
		time.Sleep(coarseGranularity)
		f.MarkRead()
		if f.Changed() {
			t.Error("a file at rest: got changed, want unchanged")
		}
		// The clock of a file server may be ahead of ours.
		write(t, path, "1", time.Now().Add(time.Hour))
		f.MarkRead()
		if f.Changed() {
			t.Error("a file at rest from the future: got changed, want unchanged")
		}
	})
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	write(t, file, "text", time.Now())
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(t.Context(), file, 100); string(got) != "text" || err != nil {
		t.Errorf("a file: got %q, %v, want its text", got, err)
	}
	if got, err := Read(t.Context(), file, 2); string(got) != "te" || err != nil {
		t.Errorf("a file that is too large: got %q, %v, want its beginning", got, err)
	}
	for path, want := range map[string]string{pipe: "not a regular file", dir: "is a directory", filepath.Join(dir, "none"): "no such file"} {
		if _, err := Read(t.Context(), path, 100); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", path, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, file, 100); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: got error %v, want the text or that of the context", err)
	}
}
