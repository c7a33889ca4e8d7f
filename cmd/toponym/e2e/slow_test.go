//go:build e2e

package e2e_test

import (
	"net"
	"testing"
	"time"
)

// Clients that hold connections and do nothing with them cannot keep others
// out for longer than the idle timeout.
func TestSlowConnections(t *testing.T) {
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
		case 0: // says nothing
		case 1: // begins and does not go on
			_, _ = c.Write(frame(webQuery)[:10])
		case 2: // trickles
			stop := make(chan struct{})
			defer close(stop)
			go trickle(c, stop)
		}
	}
	// UDP has nothing to do with it.
	s.wantAddresses(t, "web.marathon.mesos", "10.1.0.1", "10.1.0.2", "10.1.0.3")
	c, err := net.Dial("tcp", s.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now()
	exchange(t, c, webQuery)
	if took := time.Since(begin); took > 3*2*time.Second+slack {
		t.Errorf("a query over TCP had to wait for %v", took)
	}
}

// trickle sends an octet at a time of a query that never ends.
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
