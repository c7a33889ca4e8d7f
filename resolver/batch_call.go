//go:build linux && (amd64 || arm64)

package resolver

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many packets are received or sent with one system call at
// most. The cost of the calls themselves vanishes among fewer already.
const batchSize = 64

// message is a struct mmsghdr of recvmmsg(2) and sendmmsg(2).
type message struct {
	header unix.Msghdr
	length uint32 // of the packet that was received or sent
	_      [4]byte
}

// callMessages calls recvmmsg or sendmmsg without waiting, and returns how many
// messages were done.
//
// The scheduler is not told about the call (hence Raw), as it is over in
// microseconds. If told, it takes away the right to run Go code from calls that
// last 20 µs, as those with 64 messages do. Getting that back would add a fifth
// to the cost of a query.
func callMessages(call, fd uintptr, messages []message) (int, syscall.Errno) {
	// The pointer is converted within the call, which keeps what it leads to
	// alive (package unsafe, rule 4). What the messages lead to is alive through
	// pointers that the collector sees, and stays where it is, as everything on
	// the heap does.
	n, _, errno := syscall.RawSyscall6(call, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(messages))), uintptr(len(messages)),
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// hasBatchCalls asks the system for nothing to see whether it would do it.
// Sandboxes that forbid calls answer with either error.
func hasBatchCalls(fd uintptr) bool {
	for _, call := range [...]uintptr{unix.SYS_RECVMMSG, unix.SYS_SENDMMSG} {
		if _, errno := callMessages(call, fd, nil); errno == unix.ENOSYS || errno == unix.EPERM {
			return false
		}
	}
	return true
}
