//go:build !unix

package upstream

import "net"

// sender sends packets. Sockets here take a packet or lose it.
type sender struct{ conn *net.UDPConn }

func (s *sender) init(conn *net.UDPConn) error { s.conn = conn; return nil }

func (s *sender) send(msg []byte) error {
	_, err := s.conn.Write(msg)
	return err
}
