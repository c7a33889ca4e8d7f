package resolver

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged returns how many bytes the client has not acknowledged yet, or 0
// if that is unknown (tcp(7), SIOCOUTQ).
func unacknowledged(c *net.TCPConn) (n int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	err = raw.Control(func(fd uintptr) {
		if n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err != nil {
			n = 0
		}
	})
	if err != nil {
		return 0
	}
	return n
}
