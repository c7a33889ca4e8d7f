package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// socketBuffer is the size in bytes that is asked for the queues of a socket for
// UDP, so that no burst is lost while the process does something else: it holds
// some 10,000 queries. The system gives less where its limit is lower
// (net.core.rmem_max) and the process may not exceed it (CAP_NET_ADMIN).
const socketBuffer = 4 << 20

// bindAttempts bounds the search for a port that is free for both transports.
const bindAttempts = 16

// networks are those of both transports in package net. Without the digit, a
// wildcard listens to both families; only6 prevents that.
func networks(addr netip.Addr, only6 bool) (udp, tcp string) {
	switch {
	case addr.Is4():
		return "udp4", "tcp4"
	case only6:
		return "udp6", "tcp6"
	}
	return "udp", "tcp"
}

// bind opens both listeners on the same port. Port 0 means any. If shared is set, sockets
// of this process at the same port do not prevent that, see shareSockets.
func bind(addr netip.Addr, port uint16, only6, shared bool) (*net.UDPConn, *net.TCPListener, error) {
	udpNet, tcpNet := networks(addr, only6)
	var config net.ListenConfig
	if shared {
		config.Control = shareSocket
	}
	for attempt := 1; ; attempt++ {
		conn, err := config.ListenPacket(context.Background(), udpNet, netip.AddrPortFrom(addr, port).String())
		if err != nil {
			return nil, nil, bindError(port, err)
		}
		udp := conn.(*net.UDPConn)
		at := udp.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		l, err := config.Listen(context.Background(), tcpNet, netip.AddrPortFrom(addr, at).String())
		if err != nil {
			udp.Close()
			if port == 0 && errors.Is(err, syscall.EADDRINUSE) && attempt < bindAttempts {
				continue
			}
			return nil, nil, bindError(at, err)
		}
		if err := configureUDP(udp); err != nil {
			udp.Close()
			l.Close()
			return nil, nil, err
		}
		return udp, l.(*net.TCPListener), nil
	}
}

// configureUDP sets what every socket for UDP needs.
func configureUDP(udp *net.UDPConn) error {
	// The server works with the system's default too.
	_ = udp.SetReadBuffer(socketBuffer)
	_ = udp.SetWriteBuffer(socketBuffer)
	forceBufferSizes(udp)
	if !isWildcard(udp.LocalAddr()) {
		return nil
	}
	if err := requestDestination(udp); err != nil {
		return fmt.Errorf("cannot ask the system for the addresses that queries are sent to: %w", err)
	}
	return nil
}

// isWildcard reports whether a socket listens to all addresses.
func isWildcard(local net.Addr) bool {
	addr, ok := local.(*net.UDPAddr)
	return ok && addr.IP.IsUnspecified()
}

// requestDestination asks the system to report for each packet the address that
// it was sent to. A socket that listens to several addresses responds from that
// one: clients drop responses from any other.
//
// A socket for both families wants both settings, others refuse one of them. On
// Linux the one for IPv6 is enough, and covers IPv4 packets too.
func requestDestination(udp *net.UDPConn) error {
	err6 := ipv6.NewPacketConn(udp).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
	if err6 == nil && runtime.GOOS == "linux" {
		return nil
	}
	err4 := ipv4.NewPacketConn(udp).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
	if err6 != nil && err4 != nil {
		return err4
	}
	return nil
}

func bindError(port uint16, err error) error {
	if number := syscall.Errno(0); errors.As(err, &number) {
		err = number // the operation and the address say nothing new
	}
	return fmt.Errorf("cannot bind port %d: %w", port, err)
}

// dupSockets returns a number of sockets: some that were inherited, and more
// descriptors of the same ones, as only the program that opened a socket can open
// another at the same address.
func dupSockets(inherited []*net.UDPConn, count int) (sockets []*net.UDPConn, err error) {
	sockets = append(sockets, inherited...)
	for i := 0; len(sockets) < count; i++ {
		again, err := dupSocket(inherited[i%len(inherited)])
		if err != nil {
			return sockets, err
		}
		sockets = append(sockets, again)
	}
	return sockets, nil
}

func dupSocket(udp *net.UDPConn) (*net.UDPConn, error) {
	f, err := udp.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}
