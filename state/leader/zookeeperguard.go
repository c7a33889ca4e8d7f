package leader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Bounds of messages, in octets. ZooKeeper allows 1 MiB; masters write less
// than 1 KiB, and there are a handful of them.
const (
	maxFrame   = 256 << 10 // from the server
	maxRequest = 16 << 10  // to it
)

// Operations of ZooKeeper's protocol that are used here.
const (
	opExists       = 3
	opGetData      = 4
	opGetChildren2 = 12
	opSetAuth      = 100
	opClose        = -11
)

// Numbers of messages that answer no request.
const (
	xidEvent = -1
	xidPing  = -2
)

const (
	statBytes   = 68 // of a Stat
	headerBytes = 16 // of an answer: number, zxid, error
)

// guard stands between the client library and the network. The library trusts
// the server: a message that is too short, a length or a count that is too
// large, or a timeout of zero ends the whole process, by a panic in a
// goroutine of its own or for want of memory. It takes no attacker: another
// kind of server on the port of the settings will do. So each message is read
// whole and checked here, and one that is not as the protocol has it ends the
// connection.
type guard struct {
	net.Conn
	failed func(error) // called with the reason when reading ends

	pending []byte // of a checked message
	buf     []byte
	greeted bool

	mu    sync.Mutex
	asked map[int32]int32 // operations that wait for an answer
}

func newGuard(c net.Conn, failed func(error)) *guard {
	return &guard{Conn: c, failed: failed, asked: map[int32]int32{}}
}

// Write notes what is asked. The library writes each message at once.
func (g *guard) Write(p []byte) (int, error) {
	// The first message, which opens a session, has no number.
	if len(p) >= 12 {
		g.mu.Lock()
		if xid := int32(binary.BigEndian.Uint32(p[4:])); xid > 0 {
			g.asked[xid] = int32(binary.BigEndian.Uint32(p[8:]))
		}
		g.mu.Unlock()
	}
	n, err := g.Conn.Write(p)
	if err != nil {
		g.failed(err)
	}
	return n, err
}

func (g *guard) Read(p []byte) (int, error) {
	if len(g.pending) == 0 {
		if err := g.next(); err != nil {
			g.failed(err)
			return 0, err
		}
	}
	n := copy(p, g.pending)
	g.pending = g.pending[n:]
	return n, nil
}

// next reads and checks a message.
func (g *guard) next() error {
	var length [4]byte
	if _, err := io.ReadFull(g.Conn, length[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxFrame {
		if !g.greeted {
			return errNotZooKeeper
		}
		return fmt.Errorf("it sent a message of %d octets", n)
	}
	g.buf = append(g.buf[:0], length[:]...)
	g.buf = append(g.buf, make([]byte, n)...)
	if _, err := io.ReadFull(g.Conn, g.buf[4:]); err != nil {
		return err
	}
	if !g.greeted {
		g.greeted = true
		if !validGreeting(g.buf[4:]) {
			return errNotZooKeeper
		}
	} else if !g.valid(g.buf[4:]) {
		return errors.New("it sent a message that is none of ZooKeeper's")
	}
	g.pending = g.buf
	return nil
}

var errNotZooKeeper = errors.New("it does not speak as ZooKeeper does: look at the port in zk")

// validGreeting checks the answer to the opening of a session: version,
// timeout in milliseconds, session, password.
func validGreeting(b []byte) bool {
	f := frame{b}
	_, timeout := f.int32(), f.int32()
	f.skip(8)
	f.buffer()
	return f.b != nil && (timeout > 0 && timeout < 1<<24)
}

// valid checks a message within a session.
func (g *guard) valid(b []byte) bool {
	if len(b) < headerBytes {
		return false
	}
	f := frame{b}
	xid := f.int32()
	f.skip(8)
	failed := f.int32() != 0
	switch {
	case xid == xidPing:
		return true
	case xid == xidEvent:
		f.skip(8)
		f.text()
		return f.b != nil
	}
	g.mu.Lock()
	op, ok := g.asked[xid]
	delete(g.asked, xid)
	g.mu.Unlock()
	if !ok {
		return false
	}
	return failed || f.answers(op)
}

// frame is what is left of a message; nil when there was too little.
type frame struct{ b []byte }

func (f *frame) skip(n int) []byte {
	if f.b == nil || n < 0 || n > len(f.b) {
		f.b = nil
		return nil
	}
	skipped := f.b[:n]
	f.b = f.b[n:]
	return skipped
}

func (f *frame) int32() int32 {
	if b := f.skip(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

// buffer skips octets with their length before them; -1 stands for none.
func (f *frame) buffer() {
	if n := f.int32(); n != -1 {
		f.skip(int(n))
	}
}

// text skips a text; the library takes -1 for a very long one.
func (f *frame) text() { f.skip(int(f.int32())) }

// answers tells whether what follows is an answer to an operation.
func (f *frame) answers(op int32) bool {
	switch op {
	case opSetAuth, opClose:
		return true
	case opExists:
		f.skip(statBytes)
	case opGetData:
		f.buffer()
		f.skip(statBytes)
	case opGetChildren2:
		n := f.int32()
		if n < 0 || int(n) > len(f.b)/4 {
			return false
		}
		for range n {
			f.text()
		}
		f.skip(statBytes)
	default:
		return false
	}
	return f.b != nil
}
