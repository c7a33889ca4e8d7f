//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package snapshot

import (
	"errors"
	"syscall"
	"testing"
)

// Opening a named pipe waits for a writer, for ever.
func TestANamedPipeIsNotOpened(t *testing.T) {
	d := NewDir(t.TempDir())
	if err := syscall.Mkfifo(d.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Load(now); err == nil || errors.Is(err, ErrDamaged) {
		t.Errorf("got error %v, want one that says that it is not a regular file", err)
	}
}
