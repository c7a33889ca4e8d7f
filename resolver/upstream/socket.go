package upstream

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"toponym/internal/dnswire"
)

// Errors that end an attempt.
var (
	errClosed = errors.New("the connection was closed")
	errFull   = errors.New("too many questions are under way")
	errSilent = errors.New("no reply came in time")
)

// errRetired says that another socket has taken the place of this one.
var errRetired = errors.New("the socket is closed when its last reply has come")

// socket is a UDP socket that is connected to a server, so that the system
// passes on only what comes from there.
type socket struct {
	server *server
	conn   *net.UDPConn
	out    sender
	used   atomic.Int32 // questions that were sent

	mu      sync.Mutex
	pending pending
	last    time.Time // of the last question
	retired bool
	ended   bool
}

// maxWaiting bounds the questions that wait on one socket, so that an id that is
// free is found at once.
const maxPending = 16 << 10

// waiting are the attempts by the id of their query.
type pending map[uint16]*attempt

// add gives an attempt a random id that no other has.
func (w pending) add(a *attempt) bool {
	if len(w) >= maxPending {
		return false
	}
	for {
		id := uint16(rand.Uint32())
		if _, taken := w[id]; !taken {
			a.id = id
			w[id] = a
			return true
		}
	}
}

// take removes an attempt if it is there.
func (w pending) remove(a *attempt) bool {
	if w[a.id] != a {
		return false
	}
	delete(w, a.id)
	return true
}

func newSocket(s *server) (*socket, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.addr.AddrPort))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(1 << 20) // best effort: for bursts
	k := &socket{server: s, conn: conn, pending: pending{}, last: time.Now()}
	if err := k.out.init(conn); err != nil {
		conn.Close()
		return nil, err
	}
	return k, nil
}

// send sends the query of an attempt. What the system does not take at once is
// lost, as any packet may be: the next attempt follows all the same.
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
	var buf [maxQuery]byte
	if err := k.out.send(a.question().appendQuery(buf[:0], a.id, !a.noEDNS)); err != nil && refused(err) {
		// A reply to an earlier query that nobody listens; this one was sent
		// or not, and its own fate follows.
		_ = k.out.send(a.question().appendQuery(buf[:0], a.id, !a.noEDNS))
	}
	return nil
}

// refused reports whether the server's host says that nobody listens.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// drop forgets an attempt, whose reply is not wanted any more.
func (k *socket) drop(a *attempt) {
	k.mu.Lock()
	found := k.pending.remove(a)
	end := k.retired && len(k.pending) == 0
	k.mu.Unlock()
	if found && end {
		k.conn.Close()
	}
}

// retire ends the socket when the last reply has come or is not wanted any more.
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

// readSize is more than servers may send, so that what is longer is known to be
// cut.
const readSize = 4096 + 1

// read takes in replies until the socket is closed.
func (k *socket) read() {
	defer k.end()
	buf := make([]byte, readSize)
	for {
		n, err := k.conn.Read(buf)
		switch {
		case err == nil:
			if n == readSize {
				buf[2] |= dnswire.FlagTC >> 8 // the rest did not fit
			}
			k.handle(buf[:n])
		case refused(err):
			k.failAll(err)
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
			return
		default:
			k.failAll(err)
			time.Sleep(5 * time.Millisecond) // so that an error that stays does not take a core
		}
	}
}

// take hands a reply to who waits for it.
func (k *socket) handle(msg []byte) {
	if len(msg) < dnswire.HeaderSize {
		return
	}
	id := binary.BigEndian.Uint16(msg)
	k.mu.Lock()
	a := k.pending[id]
	ok := a != nil && a.question().answers(msg)
	k.mu.Unlock()
	if !ok {
		k.onMismatch(a != nil)
		return
	}
	h, ok := a.parse(msg)
	if !ok {
		k.server.health.onResponse(0)
		k.onMismatch(true)
		return
	}
	k.mu.Lock()
	ok = k.pending.remove(a)
	end := k.retired && len(k.pending) == 0
	k.mu.Unlock()
	if !ok {
		return // it was not wanted any more
	}
	a.onResponse(h)
	if end {
		k.conn.Close()
	}
}

// strange notes a reply that answers no question. One that has the id of a
// question, but another question or nonsense in it, may be the guess of somebody
// who forges replies: many such make us change the port.
func (k *socket) onMismatch(guess bool) {
	k.server.counters.mismatched.Add(1)
	if guess {
		k.used.Add(rotateAfter / 16)
		k.server.logf("sends replies to what was not asked or that make no sense, or somebody does in its name")
	}
}

// failAll ends all attempts.
func (k *socket) failAll(err error) {
	k.mu.Lock()
	failed := make([]*attempt, 0, len(k.pending))
	for _, a := range k.pending {
		failed = append(failed, a)
	}
	clear(k.pending)
	k.mu.Unlock()
	for _, a := range failed {
		a.onFailure(err)
	}
}

func (k *socket) end() {
	k.mu.Lock()
	k.ended = true
	k.mu.Unlock()
	k.conn.Close()
	k.server.closed(k)
	k.failAll(errClosed)
}
