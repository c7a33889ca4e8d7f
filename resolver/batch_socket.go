//go:build linux && (amd64 || arm64)

package resolver

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// canBatch reports whether batches can be used with a socket.
func canBatch(udp *net.UDPConn) (can bool) {
	_ = onSocket(udp, func(fd int) error {
		can = hasBatchCalls(uintptr(fd))
		return nil
	})
	return can
}

// join opens more sockets where one listens already. The system then spreads
// clients over them. With an error come those that could be opened.
//
// The first socket has been bound for itself alone, so nobody else listens
// there, not even another server of ours, and from now on others need the same
// option to do so, which one does not set by accident.
func listenReusePort(first *net.UDPConn, count int) (sockets []*net.UDPConn, err error) {
	if count == 0 {
		return nil, nil
	}
	if err := onSocket(first, reusePort); err != nil {
		return nil, err
	}
	at := first.LocalAddr().(*net.UDPAddr).AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return onRaw(raw, reusePort)
	}}
	network, _ := networks(at.Addr())
	for range count {
		conn, err := config.ListenPacket(context.Background(), network, at.String())
		if err != nil {
			return sockets, err
		}
		udp := conn.(*net.UDPConn)
		if err := configureUDP(udp); err != nil {
			udp.Close()
			return sockets, err
		}
		sockets = append(sockets, udp)
	}
	return sockets, nil
}

func reusePort(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// exceedBuffers makes the socket's queues as large as we want them where the
// process may exceed the system's limits.
func forceBufferSizes(udp *net.UDPConn) {
	_ = onSocket(udp, func(fd int) error {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, socketBuffer)
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, socketBuffer)
		return nil
	})
}

// onSocket calls f with the socket's descriptor.
func onSocket(udp *net.UDPConn, f func(fd int) error) error {
	raw, err := udp.SyscallConn()
	if err != nil {
		return err
	}
	return onRaw(raw, f)
}

func onRaw(raw syscall.RawConn, f func(fd int) error) error {
	var ours error
	err := raw.Control(func(fd uintptr) { ours = f(int(fd)) })
	return cmp.Or(ours, err)
}
