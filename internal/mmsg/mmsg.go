//go:build linux && (amd64 || arm64)

// Package mmsg receives and sends several packets with one system call: recvmmsg(2) and
// sendmmsg(2), which package net does not have.
package mmsg

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Message is a struct mmsghdr.
type Message struct {
	Header unix.Msghdr
	Length uint32 // of the packet that was received or sent, in bytes
	_      [4]byte
}

// Call calls unix.SYS_RECVMMSG or unix.SYS_SENDMMSG without waiting, and returns how many
// messages were done.
//
// The scheduler is not told about the call, as it takes microseconds
// only. If told, it takes away the right to run Go code from calls that last
// 20 µs, as those with 64 messages do. Getting that back would add a fifth to the
// cost of a query.
func Call(call, fd uintptr, messages []Message) (int, syscall.Errno) {
	// The pointer is converted within the call, which keeps the messages alive
	// (package unsafe, rule 4). What they point to is alive through pointers that
	// the collector sees, and is not moved, as nothing on the heap is.
	n, _, errno := syscall.RawSyscall6(call, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(messages))), uintptr(len(messages)),
		unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// Supported asks the system to receive and to send no messages, to see whether it would do
// it. Sandboxes that forbid the calls answer with either error.
func Supported(fd uintptr) bool {
	for _, call := range [...]uintptr{unix.SYS_RECVMMSG, unix.SYS_SENDMMSG} {
		if _, errno := Call(call, fd, nil); errno == unix.ENOSYS || errno == unix.EPERM {
			return false
		}
	}
	return true
}

// CallSingly does the first message as Call does, with recvmsg(2) or sendmsg(2). It is for
// systems where Call is not supported, and for at least one message.
func CallSingly(call, fd uintptr, messages []Message) (int, syscall.Errno) {
	single := uintptr(unix.SYS_RECVMSG)
	if call == unix.SYS_SENDMMSG {
		single = unix.SYS_SENDMSG
	}
	m := &messages[0]
	n, _, errno := syscall.RawSyscall(single, fd, uintptr(unsafe.Pointer(&m.Header)), unix.MSG_DONTWAIT)
	if errno != 0 {
		return 0, errno
	}
	m.Length = uint32(n)
	return 1, 0
}
