//go:build unix

package server

import (
	"math"

	"golang.org/x/sys/unix"
)

// openFilesLimit returns how many files the process may have open.
func openFilesLimit() uint64 {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt32
	}
	return uint64(limit.Cur)
}
