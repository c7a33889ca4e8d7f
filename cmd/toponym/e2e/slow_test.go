//go:build e2e

package e2e_test

import (
	"net"
	"testing"
	"time"
)

// Clients that open connections and then send nothing, or send slowly, are
// disconnected by the server, so that another client's query is answered while
// they still try.
func TestIdleConnectionsDoNotShutOutOthers(t *testing.T) {
	t.Parallel()
	const most = 20
	s := serveExample(t, settings{"tcpIdleTimeout": 2, "tcpMaxConnections": most})
	for i := range 2 * most {
		c, err := net.Dial("tcp", s.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		switch i % 3 {
		case 0: // sends nothing
		case 1: // sends a part of a query
			_, _ = c.Write(frame(webQuery)[:10])
		case 2: // sends a byte at a time
			stop := make(chan struct{})
			defer close(stop)
			go trickle(c, stop)
		}
	}
	// Queries over UDP are answered meanwhile.
	s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	exchange(t, c, webQuery)
}

// trickle sends a query that never ends, one byte at a time.
func trickle(c net.Conn, stop chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	b := []byte{0xff, 0xff}
	for {
		if _, err := c.Write(b); err != nil {
			return
		}
		b = []byte{0}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}
