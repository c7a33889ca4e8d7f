//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package snapshot

import (
	"errors"
	"os"
	"syscall"
)

// inUse locks a directory until it is closed, and tells whether that failed
// because another open file has locked it. The system releases the lock when the
// process ends, however it does.
func inUse(dir *os.File) bool {
	return errors.Is(syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}
