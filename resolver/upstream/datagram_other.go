//go:build !linux || (!amd64 && !arm64)

package upstream

import (
	"errors"
	"net"
	"syscall"
)

// udpConn is a connected UDP socket. Where the system does not tell which packet an
// ICMP message quotes, such messages are ignored.
type udpConn struct{ *net.UDPConn }

func newUDPConn(conn *net.UDPConn) (datagramConn, error) { return udpConn{conn}, nil }

// Send implements datagramConn. Sockets of other systems take a packet or lose it.
func (c udpConn) Send(packet []byte) error {
	_, err := c.Write(packet)
	return err
}

// More implements datagramConn.
func (udpConn) More() bool { return false }

// Read implements datagramConn.
func (c udpConn) Read(packet []byte) (int, error) {
	for {
		n, err := c.UDPConn.Read(packet)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return n, err
		}
	}
}
