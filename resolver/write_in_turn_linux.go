package resolver

import (
	"net"
	"os"

	"golang.org/x/sys/unix"

	"toponym/resolver/transfer"
)

// writeInTurn writes to a connection. It has the turn for each write, but not while it
// waits until the client has made room.
func writeInTurn(c *net.TCPConn, b []byte, turn transfer.Turn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) (done bool) {
		for len(b) > 0 {
			var n int
			var err error
			if failed = turn.Attempt(func() { n, err = unix.Write(int(fd), b) }); failed != nil {
				return true
			}
			switch {
			case err == nil:
				b = b[n:]
			case err == unix.EAGAIN:
				return false
			case err != unix.EINTR:
				failed = os.NewSyscallError("write", err)
				return true
			}
		}
		return true
	})
	if failed != nil {
		return failed
	}
	return err
}
