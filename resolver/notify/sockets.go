package notify

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Conn is a UDP socket that is not connected, such as a [net.UDPConn].
type Conn interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (n int, err error)
	SetWriteDeadline(t time.Time) error
	Close() error
}

// sockets are the sockets of a sender, one for each address family, which are
// opened when they are needed. All methods are for the goroutine of the sender.
type sockets struct {
	open    func(local netip.AddrPort) (Conn, error)
	local   func() (ipv4, ipv6 netip.Addr) // to send from; may be invalid
	receive func(packet []byte, from netip.AddrPort)

	conns   [2]Conn
	locals  [2]netip.Addr // of conns
	readers sync.WaitGroup
}

// sendTimeout bounds how long a message waits for room in the buffer of a socket.
const sendTimeout = 100 * time.Millisecond

// send sends a packet.
func (s *sockets) send(to netip.AddrPort, packet []byte) error {
	ipv4, ipv6 := s.local()
	family, local := 0, ipv4
	if to.Addr().Is6() {
		family, local = 1, ipv6
		if !local.IsValid() {
			local = netip.IPv6Unspecified()
		}
	} else if !local.IsValid() {
		local = netip.IPv4Unspecified()
	}
	conn := s.conns[family]
	if conn != nil && s.locals[family] != local {
		conn.Close() // who is to send has changed
		conn, s.conns[family] = nil, nil
	}
	if conn == nil {
		var err error
		if conn, err = s.open(netip.AddrPortFrom(local, 0)); err != nil {
			return err
		}
		s.conns[family], s.locals[family] = conn, local
		s.readers.Go(func() { s.read(conn) })
	}
	if err := conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	_, err := conn.WriteToUDPAddrPort(packet, to)
	return err
}

// close closes the sockets and waits until nothing is received any more.
func (s *sockets) close() {
	for _, c := range s.conns {
		if c != nil {
			c.Close()
		}
	}
	s.readers.Wait()
}

const (
	// readSize is more than any response needs, in bytes.
	readSize = 4096

	// readPause is how long reading pauses after an error, so that an error that
	// stays does not take a core.
	readPause = 5 * time.Millisecond
)

// read takes in packets until the socket is closed.
func (s *sockets) read(conn Conn) {
	buf := make([]byte, readSize)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			s.receive(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
		case errors.Is(err, net.ErrClosed):
			return
		default:
			time.Sleep(readPause)
		}
	}
}

// listenUDP opens a socket of the system.
func listenUDP(local netip.AddrPort) (Conn, error) {
	network := "udp6"
	if local.Addr().Is4() {
		network = "udp4"
	}
	return net.ListenUDP(network, net.UDPAddrFromAddrPort(local))
}
