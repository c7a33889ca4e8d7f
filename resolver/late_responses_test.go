//go:build linux && (amd64 || arm64)

package resolver

import (
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/testutil"
	"toponym/resolver/cache"
	"toponym/zone"
)

// lateResponseTest makes late responses, on one end of a socket pair that takes a few
// packets at a time only.
type lateResponseTest struct {
	*testing.T
	b      *batch
	socket *countingSocket
	other  net.Conn // the client's end
	packet []byte
	query  forwardQuery
}

func newLateResponseTest(t *testing.T) *lateResponseTest {
	x := &lateResponseTest{T: t}
	x.b, x.socket, x.other = socketPair(t)
	x.b.server = New(zone.NewStore(testZone(t)), forwarding())
	var c client
	x.packet, c = packQuery(t, askWWW)
	c.policy = x.b.server.responder.policy()
	var q query
	q.parse(x.packet)
	x.query = q.forwarded(c, lowerName(q.name), nil)
	return x
}

func (x *lateResponseTest) forwarder() *forwarder { return x.b.server.responder.forward }

// answer answers a number of queries that were pending.
func (x *lateResponseTest) answer(count int) {
	f := x.forwarder()
	for range count {
		l := x.query.clone(x.query.client)
		l.replyTo = &batchResponseWriter{b: x.b}
		f.pending.add(l)
		f.deliver([]*pendingQuery{l}, l.key, cache.Failure(dns.RcodeServerFailure), cache.Age{})
	}
}

// read reads a number of responses.
func (x *lateResponseTest) read(count int) {
	x.Helper()
	x.other.SetReadDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 500)
	for i := range count {
		n, err := x.other.Read(buf)
		if err != nil {
			x.Fatalf("response %d: %v", i, err)
		}
		if got, want := render(x, x.packet, buf[:n]), "SERVFAIL qr rd ra"; got != want {
			x.Fatalf("response %d: got %q, want %q", i, got, want)
		}
	}
}

// nothing fails the test if there is a response to read.
func (x *lateResponseTest) nothing() {
	x.Helper()
	x.other.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, err := x.other.Read(make([]byte, 500)); err == nil {
		x.Errorf("got a response of %d bytes, want none", n)
	}
}

func TestLateResponsesAreSentAtTheEndOfATurn(t *testing.T) {
	x := newLateResponseTest(t)
	x.answer(3)
	x.nothing()
	if n := x.forwarder().pending.open(); n != 3 {
		t.Errorf("%d queries are open, want 3 until their responses are sent", n)
	}
	x.forwarder().flush()
	x.read(3)
	x.nothing()
	if n := x.forwarder().pending.open(); n != 0 {
		t.Errorf("%d queries are open after their responses were sent, want none", n)
	}
}

// A turn may have more responses than fit in a batch.
func TestAFullBatchOfLateResponsesIsSentAtOnce(t *testing.T) {
	x := newLateResponseTest(t)
	x.socket.SetWriteBuffer(socketBuffer)
	x.other.(*net.UnixConn).SetReadBuffer(socketBuffer)
	const count = batchSize + 1
	done := make(chan struct{})
	go func() { x.read(count); close(done) }()
	x.answer(count)
	x.forwarder().flush()
	<-done
	x.nothing()
}

// A goroutine that is kept from the processor while it sends costs no response of another
// one: the socket has room.
func TestLateResponsesAreSentBesideOneThatSends(t *testing.T) {
	x := newLateResponseTest(t)
	x.socket.SetWriteBuffer(socketBuffer)
	x.other.(*net.UnixConn).SetReadBuffer(socketBuffer)
	goOn, sending := make(chan struct{}), make(chan struct{})
	x.b.raw = &slowConn{RawConn: x.b.raw, hold: func() { close(sending); <-goOn }}
	const count = 4*batchSize + 1
	read := make(chan struct{})
	go func() { x.read(1 + count); close(read) }()
	x.answer(1)
	ended := make(chan struct{})
	go func() { x.forwarder().flush(); close(ended) }()
	<-sending
	x.answer(count)
	x.forwarder().flush()
	if n := x.forwarder().pending.open(); n != 1 {
		t.Errorf("%d queries are open, want the one whose response is being sent", n)
	}
	close(goOn)
	<-ended
	<-read
	x.nothing()
}

// slowConn calls a function before the first system call.
type slowConn struct {
	syscall.RawConn
	hold func()
	held atomic.Bool
}

func (c *slowConn) Control(f func(fd uintptr)) error {
	if !c.held.Swap(true) {
		c.hold()
	}
	return c.RawConn.Control(f)
}

// What upstream servers say is read meanwhile, so many responses that they lead to
// may have to wait for room.
func TestLateResponsesWaitForRoomWithoutHoldingUpTheirSender(t *testing.T) {
	x := newLateResponseTest(t)
	x.answer(batchSize)
	x.forwarder().flush()
	x.answer(batchSize) // the client has not read yet
	x.forwarder().flush()
	x.read(2 * batchSize)
	x.b.server.background.Wait()
	if x.socket.waits.Load() == 0 {
		t.Error("no response had to wait, want the socket to be full")
	}
	x.answer(1)
	x.forwarder().flush()
	x.read(1)
}

// A client that reads nothing has few batches waiting for it.
func TestLateResponsesThatWaitForRoomAreBounded(t *testing.T) {
	x := newLateResponseTest(t)
	const count = 10 * batchSize
	for range count {
		x.answer(1)
		x.forwarder().flush()
	}
	if most := (maxBehind + 2) * batchSize; x.forwarder().pending.open() > most {
		t.Errorf("%d responses wait, want %d at most", x.forwarder().pending.open(), most)
	}
	go func() {
		buf := make([]byte, 500)
		for {
			if _, err := x.other.Read(buf); err != nil {
				return // it is closed in the end
			}
		}
	}()
	x.b.server.background.Wait()
	if n := x.forwarder().pending.open(); n != 0 {
		t.Errorf("%d responses wait in the end, want none", n)
	}
}

// Those that find no room in time are given up.
func TestLateResponsesForASocketThatTakesNothingAreGivenUp(t *testing.T) {
	x := newLateResponseTest(t)
	x.socket.inVain = true
	x.answer(batchSize)
	x.forwarder().flush()
	x.b.server.background.Wait()
	if n := x.forwarder().pending.open(); n != 0 {
		t.Errorf("%d responses wait, want none", n)
	}
}

func TestTheEndWaitsForLateResponses(t *testing.T) {
	x := newLateResponseTest(t)
	x.answer(batchSize)
	x.forwarder().flush()
	drained := make(chan struct{})
	go func() { x.forwarder().drain(t.Context()); close(drained) }()
	testutil.Eventually(t, func() bool { return x.socket.waits.Load() > 0 }, "the socket is full")
	select {
	case <-drained:
		t.Error("the end does not wait for responses that wait for room")
	default:
	}
	x.read(batchSize)
	<-drained
}

// A response that the system does not take costs no other.
func TestALateResponseThatCannotBeSentCostsNoOther(t *testing.T) {
	x := newLateResponseTest(t)
	x.answer(1)
	bad := &batchResponseWriter{b: x.b, sourceLen: 3} // no address is that short
	bad.writeResponse(x.query.clone(x.query.client), cache.Failure(dns.RcodeServerFailure), cache.Age{})
	x.answer(1)
	x.forwarder().flush()
	x.read(2)
	x.nothing()
}
