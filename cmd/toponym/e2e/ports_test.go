//go:build e2e

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given are the ports that tests have got, so that none is given twice.
var given sync.Map

// freePort gives a port of 127.0.0.1 that is free for UDP and TCP. It stays
// below those that systems hand out by themselves, so that nobody takes it
// before its process does, or while its process is down.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		if free(port) {
			return port
		}
	}
	t.Fatal("found no free port")
	return 0
}

func free(port int) bool {
	at := local(port)
	udp, err := net.ListenPacket("udp", at)
	if err != nil {
		return false
	}
	defer udp.Close()
	tcp, err := net.Listen("tcp", at)
	if err != nil {
		return false
	}
	defer tcp.Close()
	return true
}

// local is a port of this machine as host:port.
func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
