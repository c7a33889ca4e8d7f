//go:build !linux

package resolver

import "net"

// unacknowledged is unknown on this system.
func unacknowledged(*net.TCPConn) int { return 0 }
