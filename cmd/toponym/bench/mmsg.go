//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"net/netip"
	"syscall"
	"unsafe"
)

// batchSize is the largest number of messages of one system call.
const batchSize = 64

// mmsghdr is struct mmsghdr of the kernel: a message and its length.
type mmsghdr struct {
	hdr syscall.Msghdr
	len uint32
	_   uint32
}

// batch has messages that are received or sent together. Its memory is reused.
type batch struct {
	headers [batchSize]mmsghdr
	vectors [batchSize]syscall.Iovec
	buffers [batchSize][]byte
}

// newBatch allocates a batch for messages of up to size bytes each.
func newBatch(size int) *batch {
	b := &batch{}
	for i := range b.headers {
		b.buffers[i] = make([]byte, size)
		b.vectors[i].Base = &b.buffers[i][0]
		b.vectors[i].SetLen(size)
		b.headers[i].hdr.Iov = &b.vectors[i]
		b.headers[i].hdr.Iovlen = 1
	}
	return b
}

// receive reads the messages that have arrived, without waiting, and returns their
// number.
func (b *batch) receive(fd int) int {
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[0])), batchSize, syscall.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0
	}
	return int(n)
}

func (b *batch) message(i int) []byte { return b.buffers[i][:b.headers[i].len] }

// put makes message i a copy of query with a new id.
func (b *batch) put(i int, query []byte, id uint16) {
	n := copy(b.buffers[i], query)
	b.buffers[i][0], b.buffers[i][1] = byte(id>>8), byte(id)
	b.vectors[i].SetLen(n)
}

// send sends the first n messages and returns how many the kernel accepted.
func (b *batch) send(fd, n int) int {
	m, _, e := syscall.RawSyscall6(sysSendmmsg, uintptr(fd), uintptr(unsafe.Pointer(&b.headers[0])), uintptr(n), syscall.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0
	}
	return int(m)
}

// dialUDP opens a non-blocking socket that is connected to addr.
func dialUDP(addr netip.AddrPort) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	const room = 4 << 20 // the generator must lose no response
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, room)
	_ = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_SNDBUF, room)
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// pollFD is struct pollfd of the kernel.
type pollFD struct {
	fd      int32
	events  int16
	revents int16
}

const (
	pollIn  = 1
	pollOut = 4
)

// poll waits for an event on one of the sockets, at most for limit. The Go runtime
// is not told, because it might hand this thread's place to another one; a
// generator has nothing else to run.
func poll(fds []pollFD, limit syscall.Timespec) {
	// An error means that a signal arrived; the caller tries again.
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
}
