//go:build linux && (amd64 || arm64)

package upstream

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"toponym/internal/mmsg"
)

// udpConn is a connected UDP socket that sends and receives in batches, and learns from the
// system which packets ICMP messages quote (ip(7), IP_RECVERR).
type udpConn struct {
	conn   *net.UDPConn
	raw    syscall.RawConn
	out    sendQueue
	in     receiveBatch
	quotes []*UnreachableError // that Read has yet to return
}

func newUDPConn(conn *net.UDPConn) (datagramConn, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &udpConn{conn: conn, raw: raw}
	err = raw.Control(func(fd uintptr) {
		call := mmsg.Call
		if !mmsg.Supported(fd) {
			call = mmsg.CallSingly
		}
		c.init(call)
		// Best effort: without it ICMP messages are ignored.
		if conn.RemoteAddr().(*net.UDPAddr).IP.To4() != nil {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		}
	})
	return c, err
}

// init sets which of the calls of package mmsg sends and receives.
func (c *udpConn) init(call messagesCall) {
	c.out.init(c, call)
	c.in.init(call)
}

// Send implements datagramConn. The packet is sent soon, together with those that come
// meanwhile.
func (c *udpConn) Send(packet []byte) error { return c.out.add(packet) }

// Read implements datagramConn.
func (c *udpConn) Read(packet []byte) (int, error) {
	for {
		if len(c.quotes) > 0 {
			quote := c.quotes[0]
			c.quotes = c.quotes[1:]
			return 0, quote
		}
		n, err := c.in.next(c.raw, packet)
		if err == nil || errors.Is(err, net.ErrClosed) {
			return n, err
		}
		woken := errors.Is(err, os.ErrDeadlineExceeded)
		if woken {
			_ = c.conn.SetReadDeadline(time.Time{}) // before the queue is read: Send may find more
		}
		c.readErrorQueue()
		if len(c.quotes) == 0 && !woken {
			return 0, err
		}
	}
}

// More implements datagramConn.
func (c *udpConn) More() bool { return len(c.quotes) > 0 || c.in.taken < c.in.have }

// maxQuotes bounds the ICMP messages that are read at a time.
const maxQuotes = 64

// readErrorQueue reads what ICMP messages quote.
func (c *udpConn) readErrorQueue() {
	var quoted [maxQuery]byte
	var control [512]byte
	for len(c.quotes) < maxQuotes {
		n, controls := -1, 0
		err := c.raw.Control(func(fd uintptr) {
			n, controls, _, _, _ = unix.Recvmsg(int(fd), quoted[:], control[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
		})
		if err != nil || n < 0 {
			return
		}
		if errno := icmpError(control[:controls]); errno != 0 && n > 0 {
			c.quotes = append(c.quotes, &UnreachableError{Err: errno, Packet: append([]byte(nil), quoted[:n]...)})
		}
	}
}

// icmpError returns the error that an ICMP message stands for, or 0 for control
// messages without one. It reads struct sock_extended_err of <linux/errqueue.h>.
func icmpError(control []byte) syscall.Errno {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0
	}
	for _, m := range messages {
		v4 := m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_RECVERR
		v6 := m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_RECVERR
		if !v4 && !v6 || len(m.Data) < 8 {
			continue
		}
		switch origin := m.Data[4]; origin {
		case unix.SO_EE_ORIGIN_ICMP, unix.SO_EE_ORIGIN_ICMP6:
			return syscall.Errno(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return 0
}

// Close implements datagramConn.
func (c *udpConn) Close() error { return c.out.close() }
