package appendfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func write(t *testing.T, f *File, text string) {
	t.Helper()
	if n, err := f.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("Write(%q) = %d, %v, want %d", text, n, err, len(text))
	}
}

func expect(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(path), got, err, want)
	}
}

func TestAFileIsContinued(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, text := range []string{"one\n", "two\n"} {
		f := New(path, 1000, nil, nil)
		write(t, f, text)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, path, "one\ntwo\n")
}

func TestAFullFileMakesRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := New(path, 10, nil, nil)
	for _, text := range []string{"first\n", "second\n", "third\n", "longer than any file may be\n", "last\n"} {
		write(t, f, text)
	}
	expect(t, path, "last\n")
	expect(t, path+".1", "longer than any file may be\n")
}

func TestFilesWithABeginningAreWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := New(path, 12, []byte("<"), []byte(">"))
	write(t, f, "12345")
	expect(t, path+".1", "old")
	write(t, f, "6789")
	write(t, f, "abc")
	expect(t, path+".1", "<123456789>")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "<abc>")
}

func TestAFileThatWasMovedIsBegunAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := New(path, 1000, nil, nil)
	write(t, f, "one\n")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "two\n") // nobody has looked yet
	f.checked = f.checked.Add(-lookInterval)
	write(t, f, "three\n")
	expect(t, path+".moved", "one\ntwo\n")
	expect(t, path, "three\n")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	write(t, f, "four\n")
	expect(t, path, "four\n")
}

// A pipe whose reader is missing would hold up whoever opens it.
func TestOnlyRegularFilesAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	_, err := New(path, 1000, nil, nil).Write([]byte("x"))
	if err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("got %v, want an error that says what it is", err)
	}
}

// /dev/full stands for a full disk: it is refused for what it is, so the limit on the
// size of files takes its place.
func TestAWriteThatFailsLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := New(path, 1000, nil, nil)
	write(t, f, "whole\n")
	f.f.Close() // the next write fails
	if _, err := f.Write([]byte("half")); err == nil {
		t.Fatal("got no error of a closed file, want one")
	}
	expect(t, path, "whole\n")
}
