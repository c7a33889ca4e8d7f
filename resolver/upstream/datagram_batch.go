//go:build linux && (amd64 || arm64)

package upstream

import (
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"toponym/internal/mmsg"
)

// batchSize is how many packets are sent or received with one system call at most. The
// queries of one batch of clients are spread over portsPerServer sockets.
const batchSize = 16

// messagesCall is [mmsg.Call], or [mmsg.CallSingly].
type messagesCall func(call, fd uintptr, messages []mmsg.Message) (int, syscall.Errno)

// sendQueue has the packets that wait until a goroutine sends them: a batch of queries
// of clients, which is answered without a pause, leads to a batch here.
type sendQueue struct {
	conn *udpConn
	send func() // sends what is there

	mu              sync.Mutex
	filling, spare  *sendBatch
	sending, closed bool
	senders         sync.WaitGroup // the goroutine that sends, while there is one
}

func (q *sendQueue) init(c *udpConn, call messagesCall) {
	q.conn, q.filling, q.spare = c, newSendBatch(call), newSendBatch(call)
	q.send = q.run
}

// add queues a packet. When a batch is full it is sent at once. It returns errBusy if the
// socket has no room for that.
func (q *sendQueue) add(packet []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return net.ErrClosed
	case q.filling.made == batchSize && !q.filling.trySend(q.conn):
		return errBusy
	}
	q.filling.add(packet)
	if !q.sending {
		q.sending = true
		q.senders.Go(q.send)
	}
	return nil
}

// run sends batches until no packet is left.
func (q *sendQueue) run() {
	for {
		q.mu.Lock()
		b := q.filling
		if b.made == 0 || q.closed {
			q.sending = false
			q.mu.Unlock()
			return
		}
		q.filling, q.spare = q.spare, b
		q.mu.Unlock()
		b.sendAll(q.conn)
	}
}

// close closes the socket. Packets that have not been sent are lost.
func (q *sendQueue) close() error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	err := q.conn.conn.Close()
	q.senders.Wait()
	return err
}

// sendBatch is packets as sendmmsg(2) takes them.
type sendBatch struct {
	messages [batchSize]mmsg.Message
	vectors  [batchSize]unix.Iovec
	packets  [batchSize][maxQuery]byte
	made     int // packets
	sent     int // of those, the ones that are sent or given up
	errno    syscall.Errno
	cut      bool // a call has sent only some of the packets
	call     messagesCall
	send     func(fd uintptr) bool
	try      func(fd uintptr)
}

func newSendBatch(call messagesCall) *sendBatch {
	b := &sendBatch{call: call}
	for i := range b.messages {
		b.vectors[i].Base = &b.packets[i][0]
		h := &b.messages[i].Header
		h.Iov, h.Iovlen = &b.vectors[i], 1
	}
	b.send = b.sendTo
	b.try = func(fd uintptr) { b.sendTo(fd) }
	return b
}

func (b *sendBatch) add(packet []byte) {
	b.vectors[b.made].SetLen(copy(b.packets[b.made][:], packet))
	b.made++
}

// sendTo sends what has not been sent. It reports false when the socket has no room, and
// leaves other errors in errno.
func (b *sendBatch) sendTo(fd uintptr) bool {
	for b.sent < b.made {
		n, errno := b.call(unix.SYS_SENDMMSG, fd, b.messages[b.sent:b.made])
		switch errno {
		case 0:
			b.sent += n
			b.cut = b.cut || b.sent < b.made
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			b.errno = errno
			return true
		}
	}
	return true
}

// trySend sends all packets without waiting. It reports false if some are left, for a
// goroutine to send.
func (b *sendBatch) trySend(c *udpConn) bool {
	b.errno = 0
	err := c.raw.Control(b.try)
	b.wakeReader(c)
	if err != nil || b.sent < b.made {
		return false
	}
	b.made, b.sent = 0, 0
	return true
}

// wakeReader wakes Read if a call may have met the error of an earlier packet. The error is
// gone now, so Read would not wake up for it. A call that has sent some packets does not
// tell why it did not send all.
func (b *sendBatch) wakeReader(c *udpConn) {
	if b.cut || b.errno != 0 && b.errno != unix.ENOBUFS {
		_ = c.conn.SetReadDeadline(time.Unix(1, 0))
	}
	b.cut = false
}

// maxPendingErrors is how many errors of earlier packets a packet gets past.
const maxPendingErrors = 3

// sendAll sends all packets, and waits for room. A packet that the system does not take
// is lost.
func (b *sendBatch) sendAll(c *udpConn) {
	failures := 0
	for b.sent < b.made {
		b.errno = 0
		before := b.sent
		if c.raw.Write(b.send) != nil {
			break // it is closed
		}
		b.wakeReader(c)
		if b.sent > before {
			failures = 0
		}
		switch b.errno {
		case 0:
			continue
		case unix.ENOBUFS:
			time.Sleep(busyPause)
		}
		if failures++; failures == maxPendingErrors {
			b.sent++
			failures = 0
		}
	}
	b.made, b.sent = 0, 0
}

// receiveBatch is packets as recvmmsg(2) returns them. One goroutine uses it.
type receiveBatch struct {
	messages [batchSize]mmsg.Message
	vectors  [batchSize]unix.Iovec
	packets  [batchSize][readSize]byte
	have     int // packets
	taken    int // of those, the ones that next has returned
	errno    syscall.Errno
	call     messagesCall
	receive  func(fd uintptr) bool
}

func (b *receiveBatch) init(call messagesCall) {
	b.call = call
	for i := range b.messages {
		b.vectors[i].Base = &b.packets[i][0]
		b.vectors[i].SetLen(readSize)
		h := &b.messages[i].Header
		h.Iov, h.Iovlen = &b.vectors[i], 1
	}
	b.receive = b.receiveFrom
}

// receiveFrom takes what has come. It reports false if nothing has.
func (b *receiveBatch) receiveFrom(fd uintptr) bool {
	for {
		n, errno := b.call(unix.SYS_RECVMMSG, fd, b.messages[:])
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		}
		b.have, b.errno = max(n, 0), errno
		return true
	}
}

// next copies the next packet, and waits for one if none is there.
func (b *receiveBatch) next(raw syscall.RawConn, packet []byte) (int, error) {
	if b.taken == b.have {
		b.taken, b.have, b.errno = 0, 0, 0
		if err := raw.Read(b.receive); err != nil {
			return 0, err
		}
		if b.errno != 0 {
			return 0, os.NewSyscallError("recvmmsg", b.errno)
		}
	}
	n := copy(packet, b.packets[b.taken][:b.messages[b.taken].Length])
	b.taken++
	return n, nil
}
