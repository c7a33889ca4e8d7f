//go:build e2e

package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// reserved has the ports that freePort has returned, so that no test gets a port
// twice.
var reserved sync.Map

// freePort returns a port of 127.0.0.1 that is free for UDP and TCP. It is below
// the ephemeral ports, so that no other program gets it before the process that it
// is for, or while that process is down.
func freePort(t *testing.T) int {
	t.Helper()
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		if _, taken := reserved.LoadOrStore(port, true); taken {
			continue
		}
		if free(port) {
			return port
		}
	}
	t.Fatal("free ports: got none in 1000 tries, want one")
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

// local returns a port of 127.0.0.1 as host:port.
func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
