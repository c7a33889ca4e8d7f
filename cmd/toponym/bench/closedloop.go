//go:build bench && linux && (amd64 || arm64)

package main

import (
	"net/netip"
	"syscall"
	"time"
)

// headerSize is the size of the shortest DNS message (RFC 1035 section 4.1.1).
const headerSize = 12

// maxAnswer exceeds every response over UDP here.
const maxAnswer = 8192

// idleWait is how long a generator waits for a silent server before it checks
// whether the run is over.
var idleWait = syscall.NsecToTimespec(int64(20 * time.Millisecond))

// closedLoop loads a server over UDP from one thread. Each socket keeps its window
// full: for each response a query is sent. Messages are received and sent in
// batches, so that one core can keep a fast server busy.
type closedLoop struct {
	queries [][]byte
	next    int // of queries

	fds       []pollFD
	inflights []*inflight
	in, out   *batch
	ids       [batchSize]uint16

	timeout time.Duration
	start   time.Time
	load    load
}

func newClosedLoop(addr netip.AddrPort, queries [][]byte, sockets, window int, timeout time.Duration) (*closedLoop, error) {
	g := &closedLoop{timeout: timeout, queries: queries, in: newBatch(maxAnswer), out: newBatch(maxQuery)}
	for range sockets {
		fd, err := dialUDP(addr)
		if err != nil {
			return nil, err
		}
		g.fds = append(g.fds, pollFD{fd: int32(fd), events: pollIn})
		g.inflights = append(g.inflights, newInflight(window))
	}
	return g, nil
}

// run sends queries for the duration d, and then waits for the last responses.
func (g *closedLoop) run(d time.Duration) load {
	g.start = time.Now()
	var now, checked time.Duration
	for now < d {
		moved := false
		for i, f := range g.inflights {
			fd := int(g.fds[i].fd)
			for g.receive(fd, f, now) == batchSize {
				moved = true
			}
			if g.send(fd, f, now) > 0 {
				moved = true
			}
		}
		if !moved {
			poll(g.fds, idleWait)
		}
		now = time.Since(g.start)
		if now-checked > g.timeout/10 {
			g.expire(now - g.timeout)
			checked = now
		}
	}
	inTime, elapsed := g.load.Answered, now
	for end := now + g.timeout; now < end && g.inFlight(); now = time.Since(g.start) {
		poll(g.fds, idleWait)
		for i, f := range g.inflights {
			g.receive(int(g.fds[i].fd), f, now)
		}
	}
	g.expire(now + g.timeout)
	g.load.finish(inTime, elapsed)
	return g.load
}

// receive reads one batch of responses and returns their number.
func (g *closedLoop) receive(fd int, f *inflight, now time.Duration) int {
	n := g.in.receive(fd)
	for i := range n {
		msg := g.in.message(i)
		if len(msg) < headerSize {
			g.load.Late++
			continue
		}
		sent, ok := f.complete(uint16(msg[0])<<8 | uint16(msg[1]))
		if !ok {
			g.load.Late++
			continue
		}
		g.load.answer(msg, now-sent)
	}
	return n
}

// send sends queries until the window is full, and returns their number.
func (g *closedLoop) send(fd int, f *inflight, now time.Duration) int {
	n := min(len(f.free), batchSize)
	if n == 0 {
		return 0
	}
	for i := range n {
		g.ids[i] = f.acquire(now)
		g.out.put(i, g.queries[g.next], g.ids[i])
		if g.next++; g.next == len(g.queries) {
			g.next = 0
		}
	}
	sent := g.out.send(fd, n)
	for _, id := range g.ids[sent:n] {
		f.release(id)
	}
	g.load.Sent += uint64(sent)
	return sent
}

func (g *closedLoop) expire(before time.Duration) {
	for _, f := range g.inflights {
		g.load.Lost += f.expire(before)
	}
}

func (g *closedLoop) inFlight() bool {
	for _, f := range g.inflights {
		if f.count() > 0 {
			return true
		}
	}
	return false
}
