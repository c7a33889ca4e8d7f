//go:build linux && (amd64 || arm64)

package resolver

import (
	"context"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"toponym/zone"
)

// batch answers the queries of one socket, many with two system calls. All that
// it needs is allocated once: in the steady state nothing is.
//
// One goroutine uses it. Pointers in messages lead to its own arrays, so it must
// not be copied.
type batch struct {
	socket   socket
	raw      syscall.RawConn
	store    *zone.Store
	respond  respond
	server   *Server // for what is answered later
	counters *workerCounters

	queries queryBatch
	replies responseBatch

	answered bool          // whether anything was read since serve began
	errno    syscall.Errno // why reading ended
}

// socket is a [net.UDPConn], or what a test has instead.
type socket interface {
	syscall.Conn
	LocalAddr() net.Addr
	SetWriteDeadline(time.Time) error
}

// respond makes the reply to a packet, or says that it follows later.
type respond func(buf []byte, z *zone.Zone, c client, packet []byte) ([]byte, *pendingQuery)

// yieldAfter is how many full batches are answered before other goroutines get
// their turn.
//
// While queries come faster than they are answered, a worker never waits, and
// with one core nothing else runs until the scheduler steps in, after 10 ms or
// more. To yield after each batch would be as cheap, but what computes meanwhile
// keeps the core for 10 ms each time, and answering would get 3 % of it. These
// many batches take about as long, so that each gets its half.
const yieldAfter = 32

// answerBatches answers what comes to a socket until ctx ends.
func (s *Server) answerBatches(ctx context.Context, udp *net.UDPConn) {
	counts := s.counters.newWorker()
	b, err := newBatch(udp, s.store, s.worker(counts).respond)
	if err != nil {
		s.log.WithError(err).Error("cannot answer queries over UDP")
		return
	}
	b.server, b.counters = s, counts
	pause := backoff{max: time.Second}
	for {
		err := b.serve(ctx)
		if b.answered {
			pause.reset()
		}
		if !s.readAgain(ctx, err, &pause) {
			return
		}
	}
}

func newBatch(on socket, store *zone.Store, respond respond) (*batch, error) {
	raw, err := on.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &batch{socket: on, raw: raw, store: store, respond: respond, counters: newWorkerCounters(nil)}
	b.queries.init(isWildcard(on.LocalAddr()))
	b.replies.init()
	return b, nil
}

// serve answers queries until ctx ends, the socket's deadline passes or reading
// fails.
//
// All the time it stays in one call of Read, which waits in the runtime's poller
// whenever drain has taken everything. A goroutine that waits there holds no
// thread. A thread that blocks in recvmmsg is a little cheaper under a flood, but
// up to twice as dear at any ordinary load, where each wake has the scheduler
// find it a processor.
func (b *batch) serve(ctx context.Context) error {
	b.answered, b.errno = false, 0
	err := b.raw.Read(func(fd uintptr) bool { return b.drain(ctx, fd) })
	if err == nil && b.errno != 0 {
		err = os.NewSyscallError("recvmmsg", b.errno)
	}
	return err
}

// drain answers what the socket holds. It reports whether to stop waiting for
// more.
//
// A batch that is not full has emptied the socket, and what comes after it is
// news to the poller, which reports each arrival. So there is no need to look
// again before waiting.
func (b *batch) drain(ctx context.Context, fd uintptr) (stop bool) {
	for full := 1; ; full++ {
		n, errno := b.queries.receive(fd)
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		default:
			b.errno = errno
			return true
		}
		b.answer(fd, n)
		if ctx.Err() != nil {
			return true
		}
		if n < batchSize {
			return false
		}
		if full%yieldAfter == 0 {
			runtime.Gosched()
		}
	}
}

// answer replies to the first n queries, all from one version of the zone.
func (b *batch) answer(fd uintptr, n int) {
	b.answered = true
	start := b.counters.sampleStart()
	z := b.store.Current()
	for i := range n {
		client, ok := b.queries.client(i)
		if !ok {
			continue
		}
		if b.replies.full() {
			b.send(fd)
		}
		msg, l := b.respond(b.replies.buffer(), z, client, b.queries.packet(i))
		if l != nil {
			if msg == nil {
				l.replyTo = newBatchResponseWriter(b, i)
			}
			b.server.forward.ask(l)
		}
		if len(msg) > 0 {
			b.replies.add(msg, b.queries.peer(i))
		}
	}
	b.queries.reset(n)
	b.send(fd)
	b.counters.sampleEnd(start, n)
}

// sendPatience is how long replies may wait for room in the socket's queue. It
// is for a burst that the network takes a moment for; if it takes longer,
// clients will have asked again.
const sendTimeout = 100 * time.Millisecond

// send sends the replies, and forgets them in any case: a reply that cannot be
// sent is lost, as any packet may be.
func (b *batch) send(fd uintptr) {
	if !b.replies.send(fd) {
		_ = b.socket.SetWriteDeadline(time.Now().Add(sendTimeout))
		_ = b.raw.Write(b.replies.send)
	}
	b.replies.reset()
}
