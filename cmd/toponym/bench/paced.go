//go:build bench && linux && (amd64 || arm64)

package main

import (
	"net/netip"
	"syscall"
	"time"
	"unsafe"
)

// paced sends queries at a constant rate, whatever the server does. It measures
// the time from just before a query is sent until the kernel has the response, so
// that the generator's own wait for a core does not count.
type paced struct {
	timeout time.Duration
	queries [][]byte
	fds     []pollFD
	in      *batch
	stamps  [batchSize][controlSize]byte
	sent    [1 << 16]int64 // by id, in Unix nanoseconds; 0: no query
	load    load
}

// controlSize is enough for one timestamp (cmsg(3)).
const controlSize = 64

func newPaced(addr netip.AddrPort, queries [][]byte, sockets int, timeout time.Duration) (*paced, error) {
	g := &paced{timeout: timeout, queries: queries, in: newBatch(maxAnswer)}
	for range sockets {
		fd, err := dialUDP(addr)
		if err != nil {
			return nil, err
		}
		if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1); err != nil {
			return nil, err
		}
		g.fds = append(g.fds, pollFD{fd: int32(fd), events: pollIn})
	}
	return g, nil
}

// run sends rate queries per second for the duration d, and waits for the last
// responses. An id is used again after 65536 queries; at the rates that are
// allowed that is after the timeout.
func (g *paced) run(d time.Duration, rate int) load {
	total := int(d.Seconds() * float64(rate))
	start := time.Now()
	var lag time.Duration
	for i := range total {
		due := start.Add(time.Duration(i) * time.Second / time.Duration(rate))
		for {
			wait := time.Until(due)
			if wait <= 0 {
				lag = max(lag, -wait)
				break
			}
			g.receive(wait)
		}
		g.send(i)
	}
	end := time.Now()
	for g.load.Answered < g.load.Sent && time.Since(end) < g.timeout {
		g.receive(g.timeout / 20)
	}
	g.load.Lost = g.load.Sent - g.load.Answered
	g.load.finish(g.load.Answered, end.Sub(start))
	g.load.Lag = micros(lag)
	return g.load
}

func (g *paced) send(i int) {
	id := uint16(i)
	q := g.queries[i%len(g.queries)]
	q[0], q[1] = byte(id>>8), byte(id)
	g.load.Sent++
	g.sent[id] = time.Now().UnixNano()
	fd := g.fds[i%len(g.fds)].fd
	if _, _, e := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&q[0])), uintptr(len(q))); e != 0 {
		g.sent[id] = 0 // it counts as lost
	}
}

// receive waits for responses, at most for limit.
func (g *paced) receive(limit time.Duration) {
	poll(g.fds, syscall.NsecToTimespec(int64(limit)))
	for _, p := range g.fds {
		if p.revents == 0 {
			continue
		}
		for i := range g.stamps {
			g.in.headers[i].hdr.Control = &g.stamps[i][0]
			g.in.headers[i].hdr.SetControllen(controlSize)
		}
		for i := range g.in.receive(int(p.fd)) {
			g.arrived(g.in.message(i), stamp(g.stamps[i][:g.in.headers[i].hdr.Controllen]))
		}
	}
}

func (g *paced) arrived(msg []byte, at int64) {
	if len(msg) < headerSize {
		return
	}
	id := uint16(msg[0])<<8 | uint16(msg[1])
	if g.sent[id] == 0 {
		g.load.Late++
		return
	}
	g.load.answer(msg, time.Duration(at-g.sent[id]))
	g.sent[id] = 0
}

// stamp returns when the kernel received a message, or the current time if there is
// no timestamp.
func stamp(control []byte) int64 {
	if messages, err := syscall.ParseSocketControlMessage(control); err == nil {
		for _, m := range messages {
			if m.Header.Level == syscall.SOL_SOCKET && m.Header.Type == syscall.SO_TIMESTAMPNS && len(m.Data) >= 16 {
				t := *(*syscall.Timespec)(unsafe.Pointer(&m.Data[0]))
				return t.Nano()
			}
		}
	}
	return time.Now().UnixNano()
}

// raisePriority gives this thread a real-time priority. It needs root; without it
// the generator's own delay shows as its lag.
func raisePriority() {
	const fifo = 1
	priority := int32(10)
	_, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_SETSCHEDULER, 0, fifo, uintptr(unsafe.Pointer(&priority)))
}
