package testutil

import (
	"net"
	"testing"
)

// Serve accepts connections at an address until the test ends, and closes each after what
// is done with it, one after the other. It returns the address.
func Serve(t testing.TB, network, address string, serve func(net.Conn)) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			c.Close()
		}
	}()
	return l.Addr()
}

// NothingListens waits until nothing accepts connections at an address, as host:port. A
// port that has been closed may belong to another program for a while, and a connection
// to it may meet itself.
func NothingListens(t testing.TB, address string) {
	t.Helper()
	Poll(t, func() (bool, string) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return true, ""
		}
		defer c.Close()
		return c.LocalAddr().String() == c.RemoteAddr().String(), "a connection"
	}, "nothing listens at %s", address)
}
