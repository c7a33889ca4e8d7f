package upstream

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"toponym/internal/dnswire"
	"toponym/resolver/tap"
)

// errRetired is returned when another socket has replaced this one.
var errRetired = errors.New("the socket is closed when its last response has come")

// datagramConn is a UDP socket that is connected to a server, so that the system
// passes on only what comes from there.
type datagramConn interface {
	// Send sends a packet, or returns errBusy when there is no room for it now. It
	// never blocks, and keeps nothing of the packet.
	Send(packet []byte) error

	// Read reads a packet. It returns an [UnreachableError] for an ICMP message,
	// and net.ErrClosed, maybe wrapped, when the socket is closed.
	Read(packet []byte) (int, error)

	// More reports whether the next call of Read returns at once.
	More() bool

	Close() error
}

// UnreachableError is an ICMP message about a packet, from the host of a server or
// forged in its name. A connection that [Options.Dial] makes may
// return it from Read.
type UnreachableError struct {
	Err    error
	Packet []byte // the first bytes of the packet, as the message quotes them
}

// Error implements error.
func (e *UnreachableError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the system.
func (e *UnreachableError) Unwrap() error { return e.Err }

// socket is a UDP socket to a server, with the attempts that wait for a response
// on it.
type socket struct {
	server *server
	conn   datagramConn
	used   atomic.Int32 // queries that were sent

	mu      sync.Mutex
	pending pending
	last    time.Time // of the last query
	retired bool
	ended   bool
}

// maxPending bounds the queries that are pending on one socket, so that a free id
// is found at once.
const maxPending = 16 << 10

// pending holds attempts by the id of their query.
type pending map[uint16]*attempt

// add adds an attempt under a random id that is free. It reports false when
// there are too many.
func (p pending) add(a *attempt) bool {
	if len(p) >= maxPending {
		return false
	}
	for {
		id := uint16(rand.Uint32())
		if _, taken := p[id]; !taken {
			a.id = id
			p[id] = a
			return true
		}
	}
}

// remove removes an attempt, and reports whether it was there.
func (p pending) remove(a *attempt) bool {
	if p[a.id] != a {
		return false
	}
	delete(p, a.id)
	return true
}

func newSocket(s *server) (*socket, error) {
	conn, err := s.client.dialUDP(s.addr)
	if err != nil {
		return nil, err
	}
	return &socket{server: s, conn: conn, pending: pending{}, last: time.Now()}, nil
}

// queryBuffers are for queries, which a datagramConn does not keep.
var queryBuffers = sync.Pool{New: func() any { return new([maxQuery]byte) }}

// send sends the query of an attempt.
func (k *socket) send(a *attempt) error {
	k.mu.Lock()
	switch {
	case k.retired: // since it was chosen
		k.mu.Unlock()
		return errRetired
	case k.ended:
		k.mu.Unlock()
		return errClosed
	}
	if !k.pending.add(a) {
		k.mu.Unlock()
		return errFull
	}
	a.transport = k
	k.last = a.sent
	k.mu.Unlock()
	buf := queryBuffers.Get().(*[maxQuery]byte)
	defer queryBuffers.Put(buf)
	query := a.appendQuery(buf[:0])
	err := k.conn.Send(query)
	if err == errBusy {
		k.drop(a)
		return err
	}
	a.observe(tap.Received, query, nil)
	// Other errors are treated as a lost packet, and the next attempt follows in
	// time.
	return nil
}

// drop forgets an attempt whose response is no longer wanted.
func (k *socket) drop(a *attempt) {
	k.mu.Lock()
	found := k.pending.remove(a)
	end := k.retired && len(k.pending) == 0
	k.mu.Unlock()
	if found && end {
		k.conn.Close()
	}
}

// retire closes the socket when the last response has come or is no longer
// wanted.
func (k *socket) retire() {
	k.mu.Lock()
	k.retired = true
	end := len(k.pending) == 0
	k.mu.Unlock()
	if end {
		k.conn.Close()
	}
}

func (k *socket) idle(after time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.pending) == 0 && time.Since(k.last) > after
}

// readSize is one byte more than servers may send, so that a longer packet is known
// to be truncated.
const readSize = 4096 + 1

// readPause is how long reading pauses after an error, so that an error that stays
// does not take a core.
const readPause = 5 * time.Millisecond

// read takes in responses until the socket is closed.
func (k *socket) read() {
	defer k.end()
	buf := make([]byte, readSize)
	for {
		if !k.conn.More() {
			k.server.client.o.Flush()
		}
		n, err := k.conn.Read(buf)
		var unreachable *UnreachableError
		switch {
		case err == nil:
			if n == readSize {
				buf[2] |= dnswire.FlagTC >> 8 // the rest did not fit
			}
			k.handle(buf[:n])
		case errors.As(err, &unreachable):
			k.onUnreachable(unreachable)
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return
		default:
			time.Sleep(readPause)
		}
	}
}

// handle hands a response to the attempt that waits for it.
func (k *socket) handle(msg []byte) {
	if len(msg) < dnswire.HeaderSize {
		return
	}
	k.mu.Lock()
	a := k.pending[dnswire.ID(msg)]
	ok := a != nil && a.question().answeredBy(msg)
	k.mu.Unlock()
	if !ok {
		k.onMismatch(a != nil)
		return
	}
	r, ok := a.parse(msg)
	if !ok {
		k.server.health.onResponse(0) // it is there
		k.onMismatch(true)
		return
	}
	k.mu.Lock()
	ok = k.pending.remove(a)
	end := k.retired && len(k.pending) == 0
	k.mu.Unlock()
	if !ok {
		return // it is no longer wanted
	}
	a.observe(tap.Completed, nil, msg)
	a.onResponse(r)
	if end {
		k.conn.Close()
	}
}

// onMismatch notes a message that answers no query. One that has the id of a query,
// but another question or nonsense in it, may be the guess of an attacker who forges
// responses: after many of those the port changes.
func (k *socket) onMismatch(guess bool) {
	k.server.counters.mismatched.Add(1)
	if guess {
		k.used.Add(rotateAfter / 16)
		k.server.log.add("sends responses that match no query or make no sense, unless they are forged", nil)
	}
}

// onUnreachable hands an ICMP message to the attempt whose query it quotes. Messages
// that quote no pending query mean nothing, because anyone can send them.
func (k *socket) onUnreachable(e *UnreachableError) {
	if len(e.Packet) < dnswire.HeaderSize {
		return
	}
	k.mu.Lock()
	a := k.pending[dnswire.ID(e.Packet)]
	k.mu.Unlock()
	if a == nil {
		return
	}
	var buf [maxQuery]byte
	if bytes.HasPrefix(a.appendQuery(buf[:0]), e.Packet) {
		a.onUnreachable(e.Err)
	}
}

// end ends all attempts on the socket, which is closed.
func (k *socket) end() {
	k.mu.Lock()
	k.ended = true
	failed := make([]*attempt, 0, len(k.pending))
	for _, a := range k.pending {
		failed = append(failed, a)
	}
	clear(k.pending)
	k.mu.Unlock()
	k.conn.Close()
	k.server.onClosed(k)
	for _, a := range failed {
		a.onFailure(errClosed)
	}
}
