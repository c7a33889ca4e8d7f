//go:build bench && linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"
)

// connections is the number of TCP connections. Knot's queue for new connections
// has 10 places, and a connection that does not fit waits for a second.
const connections = 8

// maxReopened ends a run whose server keeps closing connections.
const maxReopened = 1000

// stream loads a server over TCP from one thread, with pipelined queries: each
// connection keeps its window full (RFC 7766 section 6.2.1.1). Queries that are due
// together are written together, as busy clients do.
type stream struct {
	addr    netip.AddrPort
	queries [][]byte
	next    int
	window  int

	fds   []pollFD
	conns []*conn

	timeout time.Duration
	start   time.Time
	load    load
}

// conn is one connection, with the bytes read after the last whole response and the
// bytes that the kernel has not accepted yet.
type conn struct {
	inflight *inflight
	in       []byte
	have     int
	out      []byte
}

// readSize is enough for the largest response and many small ones.
const readSize = 128 << 10

func newStream(addr netip.AddrPort, queries [][]byte, sockets, window int, timeout time.Duration) (*stream, error) {
	g := &stream{addr: addr, queries: queries, window: window, timeout: timeout}
	for range sockets {
		fd, err := dialTCP(addr)
		if err != nil {
			return nil, err
		}
		g.fds = append(g.fds, pollFD{fd: int32(fd)})
		g.conns = append(g.conns, &conn{inflight: newInflight(window), in: make([]byte, readSize)})
	}
	return g, nil
}

func dialTCP(addr netip.AddrPort) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	if err == nil {
		err = syscall.SetNonblock(fd, true)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// run sends queries for the duration d. Queries that are outstanding at the end do
// not count as lost.
func (g *stream) run(d time.Duration) (load, error) {
	g.start = time.Now()
	var now, checked time.Duration
	for now < d {
		moved := false
		for i, c := range g.conns {
			n, err := g.receive(i, c, now)
			if err == nil {
				var m int
				m, err = g.send(i, c, now)
				n += m
			}
			if err != nil {
				if err := g.reopen(i, c); err != nil {
					return g.load, err
				}
			}
			moved = moved || n > 0
		}
		if !moved {
			g.wait()
		}
		now = time.Since(g.start)
		if now-checked > g.timeout/10 {
			for _, c := range g.conns {
				g.load.Lost += c.inflight.expire(now - g.timeout)
			}
			checked = now
		}
	}
	g.load.finish(g.load.Answered, now)
	return g.load, nil
}

func (g *stream) wait() {
	for i, c := range g.conns {
		g.fds[i].events = pollIn
		if len(c.out) > 0 {
			g.fds[i].events |= pollOut
		}
	}
	poll(g.fds, idleWait)
}

var errClosed = errors.New("the server closed the connection")

// receive reads once and counts the whole responses (RFC 1035 section 4.2.2).
func (g *stream) receive(i int, c *conn, now time.Duration) (int, error) {
	n, err := syscall.Read(int(g.fds[i].fd), c.in[c.have:])
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, errClosed
	}
	c.have += n
	rest := c.in[:c.have]
	for len(rest) >= 2 {
		size := int(rest[0])<<8 | int(rest[1])
		if len(rest) < 2+size {
			break
		}
		msg := rest[2 : 2+size]
		rest = rest[2+size:]
		if size < headerSize {
			return n, errClosed
		}
		sent, ok := c.inflight.complete(uint16(msg[0])<<8 | uint16(msg[1]))
		if !ok {
			g.load.Late++
			continue
		}
		g.load.answer(msg, now-sent)
	}
	c.have = copy(c.in, rest)
	return n, nil
}

// send fills the window, unless earlier queries are still waiting to be written.
func (g *stream) send(i int, c *conn, now time.Duration) (int, error) {
	for len(c.out) == 0 && len(c.inflight.free) > 0 {
		for range len(c.inflight.free) {
			id := c.inflight.acquire(now)
			q := g.queries[g.next]
			if g.next++; g.next == len(g.queries) {
				g.next = 0
			}
			c.out = append(c.out, byte(len(q)>>8), byte(len(q)), byte(id>>8), byte(id))
			c.out = append(c.out, q[2:]...)
			g.load.Sent++
		}
	}
	if len(c.out) == 0 {
		return 0, nil
	}
	n, err := syscall.Write(int(g.fds[i].fd), c.out)
	if err == syscall.EAGAIN || err == syscall.EINTR {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	c.out = c.out[:copy(c.out, c.out[n:])]
	return n, nil
}

// reopen replaces a connection. The outstanding queries of the old one are lost.
func (g *stream) reopen(i int, c *conn) error {
	if g.load.Reopened++; g.load.Reopened > maxReopened {
		return fmt.Errorf("%w %d times", errClosed, maxReopened)
	}
	_ = syscall.Close(int(g.fds[i].fd))
	g.load.Lost += uint64(c.inflight.count())
	fd, err := dialTCP(g.addr)
	if err != nil {
		return err
	}
	g.fds[i].fd = int32(fd)
	c.inflight, c.have, c.out = newInflight(g.window), 0, c.out[:0]
	return nil
}
