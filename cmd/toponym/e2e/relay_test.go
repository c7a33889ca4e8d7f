//go:build e2e

package e2e_test

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// relay forwards UDP packets to a server and back. It delays queries and loses
// some of them.
type relay struct {
	to    netip.AddrPort
	delay time.Duration
	loss  int64 // one of so many queries is lost

	front *net.UDPConn
	count atomic.Int64
	mu    sync.Mutex
	back  map[netip.AddrPort]*net.UDPConn // to the server, by client
}

// startRelay starts a relay and returns its port. The relay ends with the test.
func startRelay(t *testing.T, to int, delay time.Duration, loss int64) int {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	front.SetReadBuffer(4 << 20)
	r := &relay{to: netip.MustParseAddrPort(local(to)), delay: delay, loss: loss, front: front, back: map[netip.AddrPort]*net.UDPConn{}}
	var all sync.WaitGroup
	all.Go(func() { r.run(&all) })
	t.Cleanup(func() {
		front.Close()
		r.mu.Lock()
		for _, c := range r.back {
			c.Close()
		}
		r.back = nil
		r.mu.Unlock()
		all.Wait()
	})
	return front.LocalAddr().(*net.UDPAddr).Port
}

func (r *relay) run(all *sync.WaitGroup) {
	buf := make([]byte, 4096)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if r.count.Add(1)%r.loss == 0 {
			continue
		}
		back := r.backOf(from, all)
		if back == nil {
			return
		}
		packet := append([]byte(nil), buf[:n]...)
		time.AfterFunc(r.delay, func() { back.Write(packet) })
	}
}

// backOf returns the socket towards the server that stands for one client.
func (r *relay) backOf(from netip.AddrPort, all *sync.WaitGroup) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.back[from]; c != nil || r.back == nil {
		return c
	}
	c, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(r.to))
	if err != nil {
		return nil
	}
	r.back[from] = c
	all.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			r.front.WriteToUDPAddrPort(buf[:n], from)
		}
	})
	return c
}
