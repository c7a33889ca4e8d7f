//go:build !linux

package resolver

import (
	"net"

	"toponym/resolver/transfer"
)

// writeInTurn writes to a connection, without the turn of the transfer since it may wait.
func writeInTurn(c *net.TCPConn, b []byte, turn transfer.Turn) error {
	turn.Release()
	_, err := c.Write(b)
	return err
}
