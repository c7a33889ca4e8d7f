package upstream

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// udpConn is a connected UDP socket that learns from the system which packets ICMP
// messages quote (ip(7), IP_RECVERR).
type udpConn struct {
	conn *net.UDPConn
	raw  syscall.RawConn

	mu      sync.Mutex // guards memory of Send, which allocates nothing
	packet  []byte
	sendErr error
	send    func(fd uintptr) bool

	quotes []*UnreachableError // that Read has yet to return
}

func newUDPConn(conn *net.UDPConn) (datagramConn, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &udpConn{conn: conn, raw: raw}
	c.send = func(fd uintptr) bool {
		_, c.sendErr = unix.SendmsgN(int(fd), c.packet, nil, nil, unix.MSG_DONTWAIT)
		return true
	}
	err = raw.Control(func(fd uintptr) {
		// Best effort: without it ICMP messages are ignored.
		if conn.RemoteAddr().(*net.UDPAddr).IP.To4() != nil {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_RECVERR, 1)
		} else {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		}
	})
	return c, err
}

// maxPendingErrors is how many errors of earlier packets a send gets past.
const maxPendingErrors = 3

// Send implements datagramConn.
func (c *udpConn) Send(packet []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packet = append(c.packet[:0], packet...)
	for range maxPendingErrors {
		if err := c.raw.Write(c.send); err != nil {
			return err
		}
		switch c.sendErr {
		case nil:
			return nil
		case unix.EAGAIN, unix.ENOBUFS:
			return errBusy
		}
		// This may be the error of an earlier packet, and this one was not sent. The
		// error is gone now, so Read would not wake up for it.
		_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	}
	return c.sendErr
}

// Read implements datagramConn.
func (c *udpConn) Read(packet []byte) (int, error) {
	for {
		if len(c.quotes) > 0 {
			quote := c.quotes[0]
			c.quotes = c.quotes[1:]
			return 0, quote
		}
		n, err := c.conn.Read(packet)
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
func (c *udpConn) Close() error { return c.conn.Close() }
