package managedfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testFile(t *testing.T, content string) *File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program.cfg")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return &File{Path: path, Timeout: time.Minute}
}

func (f *File) want(t *testing.T, content string) {
	t.Helper()
	got, err := os.ReadFile(f.Path)
	if err != nil || string(got) != content {
		t.Errorf("got the content %q, error %v; want %q", got, err, content)
	}
	entries, err := os.ReadDir(filepath.Dir(f.Path))
	if err != nil || len(entries) != 1 {
		t.Errorf("got the files %v, error %v; want one", entries, err)
	}
}

func TestAFileIsReplacedAndKeepsItsMode(t *testing.T) {
	f := testFile(t, "old")
	f.Check = "grep -q new"
	for _, want := range []bool{true, false} {
		changed, err := f.Replace(t.Context(), []byte("new"))
		if err != nil || changed != want {
			t.Errorf("got changed=%v, error %v; want %v", changed, err, want)
		}
	}
	f.want(t, "new")
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, error %v; want 0600", info.Mode(), err)
	}
}

func TestAFileThatDoesNotExistIsMade(t *testing.T) {
	f := &File{Path: filepath.Join(t.TempDir(), "new.cfg"), Timeout: time.Minute}
	if changed, err := f.Replace(t.Context(), []byte("new")); err != nil || !changed {
		t.Fatalf("got changed=%v, error %v", changed, err)
	}
	f.want(t, "new")
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("got mode %v, error %v; want 0644", info.Mode(), err)
	}
}

func TestAWrongFileIsNotUsed(t *testing.T) {
	f := testFile(t, "old")
	f.Check = `check() { echo "$1:3: bad word" >&2; echo; false; }; check`
	changed, err := f.Replace(t.Context(), []byte("new"))
	var failed *CommandError
	if changed || !errors.As(err, &failed) || failed.Output != f.Path+":3: bad word" {
		t.Errorf("got changed=%v, error %v; want what the check said", changed, err)
	}
	f.want(t, "old")
}

func TestASymbolicLinkStays(t *testing.T) {
	f := testFile(t, "old")
	link := filepath.Join(t.TempDir(), "link.cfg")
	if err := os.Symlink(f.Path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := (&File{Path: link, Timeout: time.Minute}).Replace(t.Context(), []byte("new")); err != nil {
		t.Fatal(err)
	}
	f.want(t, "new")
	if target, err := os.Readlink(link); err != nil || target != f.Path {
		t.Errorf("got the target %q, error %v; want %q", target, err, f.Path)
	}
}

// Whatever a command has started ends with it.
func TestACommandThatDoesNotEndIsKilled(t *testing.T) {
	f := testFile(t, "old")
	f.Timeout = 50 * time.Millisecond
	f.Reload = "echo begun; sleep 1000 & sleep 1000"
	err := f.Apply(t.Context())
	if !errors.Is(err, errTimeout) || !strings.Contains(err.Error(), "begun") {
		t.Errorf("got error %v, want that it has not ended in time, and its output", err)
	}
}

func TestACommandMayLeaveADaemonBehind(t *testing.T) {
	f := testFile(t, "old")
	f.Reload = "sleep 2 & exit 0" // it inherits the output
	if err := f.Apply(t.Context()); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

func TestAReloadIsNotInterrupted(t *testing.T) {
	f := testFile(t, "old")
	done := filepath.Join(t.TempDir(), "done")
	f.Reload, f.Check = "touch "+done, "true"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Apply(ctx); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(done); err != nil {
		t.Error(err)
	}
	if changed, err := f.Replace(ctx, []byte("new")); changed || !errors.Is(err, context.Canceled) {
		t.Errorf("a check after the end: got changed=%v, error %v; want canceled", changed, err)
	}
	f.want(t, "old")
}

func TestLongOutputIsCut(t *testing.T) {
	f := testFile(t, "old")
	f.Reload = "yes 1234567 | head -n 10000; echo end; exit 1"
	var failed *CommandError
	if err := f.Apply(t.Context()); !errors.As(err, &failed) || len(failed.Output) > maxOutput || !strings.HasSuffix(failed.Output, "end") {
		t.Errorf("got %v, want the last %d bytes", err, maxOutput)
	}
}
