//go:build linux && (amd64 || arm64)

package resolver

import (
	"cmp"
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"toponym/internal/mmsg"
)

// What follows is the part of the options of sockets, and of what comes with a packet,
// that package net does not have.

// sockaddr is a struct sockaddr_in or sockaddr_in6.
type sockaddr [unix.SizeofSockaddrInet6]byte

// addrPort is the zero value for other families.
func (s *sockaddr) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(s[2:])
	switch binary.NativeEndian.Uint16(s[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(s[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

// control is the control message in which the system reports the address that a
// packet was sent to: a struct cmsghdr and a struct in_pktinfo (ip(7)) or
// in6_pktinfo (ipv6(7)).
//
// Together with a packet to be sent, the same message gives the address that it
// is sent from, so the one is made of the other in place.
type control [unix.SizeofCmsghdr + (unix.SizeofInet6Pktinfo+7)&^7]byte

// Offsets in control.
const (
	cmsgLevel = 8
	cmsgType  = 12
	cmsgData  = unix.SizeofCmsghdr

	inetInterface  = cmsgData
	inet6Interface = cmsgData + 16
)

// reverse turns what was received, of that length, into what is sent with the
// response, and returns its length: 0 for none, so that the system chooses the
// address.
//
// The interface is left to the routing table, since another one may lead back to
// the client. Only link-local addresses mean nothing without it.
func (c *control) reverse(received uint64) uint64 {
	if received < unix.SizeofCmsghdr {
		return 0
	}
	length := binary.NativeEndian.Uint64(c[:])
	level, kind := binary.NativeEndian.Uint32(c[cmsgLevel:]), binary.NativeEndian.Uint32(c[cmsgType:])
	switch {
	case level == unix.IPPROTO_IP && kind == unix.IP_PKTINFO && length == cmsgData+unix.SizeofInet4Pktinfo:
		clear(c[inetInterface:][:4])
	case level == unix.IPPROTO_IPV6 && kind == unix.IPV6_PKTINFO && length == cmsgData+unix.SizeofInet6Pktinfo:
		if !netip.AddrFrom16([16]byte(c[cmsgData:])).IsLinkLocalUnicast() {
			clear(c[inet6Interface:][:4])
		}
	default:
		return 0
	}
	return length
}

// local is the address that the packet was sent to; the zero value if the system did
// not report it.
func (c *control) local() netip.Addr {
	switch binary.NativeEndian.Uint32(c[cmsgLevel:]) {
	case unix.IPPROTO_IP:
		return netip.AddrFrom4([4]byte(c[cmsgData+4:]))
	case unix.IPPROTO_IPV6:
		return netip.AddrFrom16([16]byte(c[cmsgData:])).Unmap()
	}
	return netip.Addr{}
}

// canBatch reports whether batches can be used with a socket.
func canBatch(udp *net.UDPConn) (can bool) {
	_ = onSocket(udp, func(fd int) error {
		can = mmsg.Supported(uintptr(fd))
		return nil
	})
	return can
}

// listenReusePort opens more sockets at the address of another one, with the same
// network of package net. The system
// then spreads clients over them. With an error come those that could be opened.
//
// The first socket has been bound without the option, so no other program listens
// there, not even another server of this kind, and from now on others need the
// same option to do so, which is not set by accident.
func listenReusePort(first *net.UDPConn, network string, count int) (sockets []*net.UDPConn, err error) {
	if count == 0 {
		return nil, nil
	}
	if err := onSocket(first, reusePort); err != nil {
		return nil, err
	}
	at := first.LocalAddr().(*net.UDPAddr).AddrPort()
	at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	config := net.ListenConfig{Control: shareSocket}
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

// shareSocket is the Control function of sockets that are opened beside shared ones.
func shareSocket(_, _ string, raw syscall.RawConn) error { return onRaw(raw, reusePort) }

// shareSockets lets this process open sockets with shareSocket that overlap with
// others. The system hands a packet or a connection to the one with the more specific
// address. It reports false if the system does not support that.
func shareSockets(udp *net.UDPConn, tcp *net.TCPListener) bool {
	for _, conn := range [...]syscall.Conn{udp, tcp} {
		raw, err := conn.SyscallConn()
		if err != nil || onRaw(raw, reusePort) != nil {
			return false
		}
	}
	return true
}

func reusePort(fd int) error {
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// forceBufferSizes makes the socket's queues as large as is wanted where the
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
	var failed error
	err := raw.Control(func(fd uintptr) { failed = f(int(fd)) })
	return cmp.Or(failed, err)
}
