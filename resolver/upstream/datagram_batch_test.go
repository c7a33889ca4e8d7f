//go:build linux && (amd64 || arm64)

package upstream

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"

	"toponym/internal/mmsg"
)

// echo returns a socket that is connected to a server that sends each packet back.
func echo(t *testing.T) *udpConn {
	t.Helper()
	server, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, readSize)
		for {
			n, from, err := server.ReadFromUDP(buf)
			if err != nil {
				return
			}
			server.WriteToUDP(buf[:n], from)
		}
	}()
	t.Cleanup(func() { server.Close(); <-ended })
	return dialUDPConn(t, server.LocalAddr())
}

// dialUDPConn returns a socket that is connected to an address.
func dialUDPConn(t *testing.T, to net.Addr) *udpConn {
	t.Helper()
	conn, err := net.DialUDP("udp", nil, to.(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	c, err := newUDPConn(conn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*udpConn)
}

// More packets than fit into a batch are sent without a pause, and come back whole.
func TestPacketsOfSeveralBatchesAllArrive(t *testing.T) { testPackets(t, echo(t)) }

// Sandboxes may forbid the calls for several packets.
func TestPacketsOfSeveralBatchesArriveWithoutCallsForThem(t *testing.T) {
	c := echo(t)
	c.init(mmsg.CallSingly)
	testPackets(t, c)
}

func testPackets(t *testing.T, c datagramConn) {
	const count = 3*batchSize + 1 // the default buffers of sockets hold them
	for i := range count {
		packet := make([]byte, 2+i) // of different lengths
		binary.BigEndian.PutUint16(packet, uint16(i))
		if err := c.Send(packet); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
	seen := map[uint16]bool{}
	buf := make([]byte, readSize)
	for range count {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		i := binary.BigEndian.Uint16(buf)
		if n != 2+int(i) || seen[i] {
			t.Errorf("got packet %d with %d bytes, seen before: %v; want each once with its length", i, n, seen[i])
		}
		seen[i] = true
	}
}

// A socket that is closed while packets wait ends all who use it.
func TestClosingASocketEndsSendingAndReading(t *testing.T) {
	c := echo(t)
	ended := make(chan error)
	go func() {
		buf := make([]byte, readSize)
		for {
			if _, err := c.Read(buf); err != nil {
				ended <- err
				return
			}
		}
	}()
	for range batchSize / 2 {
		if err := c.Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Read: got %v, want %v", err, net.ErrClosed)
	}
	if err := c.Send([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send: got %v, want %v", err, net.ErrClosed)
	}
}

// Whichever call meets the error that an ICMP message leaves, Read learns which packet the
// message quotes.
func TestNoSendHidesThatAPacketWasRefused(t *testing.T) {
	for name, send := range map[string]func(b *sendBatch, c *udpConn){
		"without waiting": func(b *sendBatch, c *udpConn) { b.trySend(c) },
		"waiting":         func(b *sendBatch, c *udpConn) { b.sendAll(c) },
	} {
		t.Run(name, func(t *testing.T) {
			// Nobody else gets the port of a connected socket, which takes nothing from here.
			closed, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer closed.Close()
			c := dialUDPConn(t, closed.LocalAddr())
			b := newSendBatch(mmsg.Call)
			b.add([]byte("first"))
			send(b, c)
			b.add([]byte("second"))
			send(b, c) // meets the error of the first one
			var unreachable *UnreachableError
			if _, err := c.Read(make([]byte, readSize)); !errors.As(err, &unreachable) || string(unreachable.Packet) != "first" {
				t.Errorf("got %v, want that the first packet was refused", err)
			}
		})
	}
}
