//go:build linux && (amd64 || arm64)

package resolver

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"toponym/internal/dnswire"
	"toponym/internal/mmsg"
	"toponym/resolver/tap"
	"toponym/zone"
)

// batch answers the queries of one socket, many with two system calls. All that
// it needs is allocated once: in the steady state nothing is.
//
// One goroutine uses it, but for what is said to be for any. Pointers in messages
// lead to its own arrays, so it must not be copied.
type batch struct {
	socket    socket
	raw       syscall.RawConn
	store     *zone.Store // its zone may be nil if respond looks nothing up
	respond   respondFunc
	server    *Server // for queries that are forwarded
	counters  *workerCounters
	tap       *tap.Tap
	local     netip.AddrPort // of the socket
	events    []tap.Event    // of the queries whose responses have not been sent
	queries   queryBatch
	responses responseBatch

	names     [zone.MaxPrefetch][dnswire.MaxName]byte
	read      byte          // by prefetch
	answered  bool          // whether anything was read since serve began
	errno     syscall.Errno // why reading ended
	congested bool          // the last batch found no room in the socket's queue
	late      lateResponses
}

// socket is a [net.UDPConn], or what a test has instead.
type socket interface {
	syscall.Conn
	LocalAddr() net.Addr
	SetWriteDeadline(time.Time) error
}

// respondFunc makes the response to a packet, as [responder.respond] does.
type respondFunc func(buf []byte, z *zone.Zone, c client, packet []byte) ([]byte, *pendingQuery)

// batchSize is how many packets are received or sent with one system call at
// most. The cost of the calls themselves is lost among fewer already.
const batchSize = 64

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
	counters := s.counters.newWorker()
	defer s.counters.release(counters)
	b, err := newBatch(udp, s.store, s.responder.worker(counters).respond)
	if err != nil {
		s.log.WithError(err).Error("cannot answer queries over UDP")
		return
	}
	b.server, b.counters, b.tap = s, counters, s.o.Tap
	failures := 0
	for {
		err := b.serve(ctx)
		if b.answered {
			failures = 0
		}
		if !s.readAgain(ctx, err, &failures) {
			return
		}
	}
}

func newBatch(on socket, store *zone.Store, respond respondFunc) (*batch, error) {
	raw, err := on.SyscallConn()
	if err != nil {
		return nil, err
	}
	b := &batch{socket: on, raw: raw, store: store, respond: respond, counters: newWorkerCounters(nil), local: addrPort(on.LocalAddr())}
	b.queries.init(isWildcard(on.LocalAddr()))
	b.responses.init()
	b.late.init(b)
	return b, nil
}

// serve answers queries until ctx ends, the socket's deadline passes or reading
// fails.
//
// All the time it stays in one call of Read, which waits in the runtime's poller
// whenever drain has emptied the socket. A goroutine that waits there holds no
// thread. A thread that blocks in recvmmsg is a little cheaper under a flood, because
// the system also wakes an epoll set for each packet that one of its sockets has sent, but
// up to twice as expensive at any ordinary load, where for each wake-up the
// scheduler has to find it a processor.
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
// A batch that is not full has emptied the socket, and the poller reports each
// arrival after it. So there is no need to read again before waiting.
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

// answer answers the first n queries, all from one version of the zone.
func (b *batch) answer(fd uintptr, n int) {
	b.answered = true
	start := b.counters.sampleStart()
	z := b.store.Current()
	var asked time.Time // if anybody watches
	if b.tap.Open() {
		asked = time.Now()
	}
	forwarded := false
	for i := range n {
		if z != nil && n > 1 && i%zone.MaxPrefetch == 0 {
			b.prefetch(z, i, n)
		}
		client, ok := b.queries.client(i)
		if !ok {
			continue
		}
		if b.responses.full() {
			b.send(fd)
		}
		msg, l := b.respond(b.responses.buffer(), z, client, b.queries.packet(i))
		if !asked.IsZero() {
			b.note(i, msg, l, asked)
		}
		if l != nil {
			if msg == nil {
				l.replyTo, l.asked = newBatchResponseWriter(b, i), asked
			}
			b.server.responder.forward.admit(l)
			forwarded = true
		}
		if len(msg) > 0 {
			b.responses.add(msg, b.queries.peer(i))
		}
	}
	b.queries.reset(n)
	b.send(fd)
	if forwarded {
		b.server.responder.forward.flush()
	}
	b.counters.sampleEnd(start, n)
}

// prefetch reads what answering the next few of n queries, from the i-th on, is going to
// look up.
func (b *batch) prefetch(z *zone.Zone, i, n int) {
	var list [zone.MaxPrefetch][]byte
	count := 0
	for end := min(n, i+zone.MaxPrefetch); i < end; i++ {
		packet := b.queries.packet(i)
		if end := dnswire.SkipQuestionName(packet, dnswire.HeaderSize); end > 0 {
			name := b.names[count][:copy(b.names[count][:], packet[dnswire.HeaderSize:end])]
			dnswire.ToLower(name)
			list[count] = name
			count++
		}
	}
	b.read += z.Prefetch(list[:count])
}

// send sends the responses, and forgets them in any case: a response that cannot
// be sent is lost, as any packet may be.
//
// If there is still no room after sendTimeout, the network does not take anything,
// such as packets to neighbors that do not answer. Then further responses are
// dropped at once until it does.
func (b *batch) send(fd uintptr) {
	sent := b.responses.send(fd)
	if !sent && !b.congested {
		_ = b.socket.SetWriteDeadline(time.Now().Add(sendTimeout))
		_ = b.raw.Write(b.responses.send)
		sent = b.responses.allSent()
	}
	b.congested = !sent
	if len(b.events) > 0 {
		b.observe()
	}
	b.responses.reset()
}

// note keeps the i-th query, and the response to it, for those who watch, until the
// response is sent.
func (b *batch) note(i int, msg []byte, l *pendingQuery, asked time.Time) {
	if len(b.events) == batchSize {
		b.observe() // there are queries without a response among them
	}
	b.events = append(b.events, tap.Event{
		Stage: stageOf(msg, l), Transport: UDP, Client: b.queries.sources[i].addrPort(), Server: b.queries.local(i, b.local),
		Query: b.queries.packet(i), Response: msg, Asked: asked,
	})
}

// observe shows what was noted to those who watch.
func (b *batch) observe() {
	now := time.Now()
	for i := range b.events {
		if e := &b.events[i]; e.Stage == tap.Answered {
			e.Responded = now
		}
	}
	b.tap.Observe(b.events)
	b.events = b.events[:0]
}

// queryBatch is the packets of one batch as recvmmsg(2) returns them.
type queryBatch struct {
	messages [batchSize]mmsg.Message
	vectors  [batchSize]unix.Iovec
	sources  [batchSize]sockaddr
	controls [batchSize]control
	packets  [batchSize][querySize]byte

	wildcard bool // whether controls report the address that was asked
}

// querySize is enough for any query: clients are told to keep to 1232 bytes. It
// is no multiple of a page, as the beginnings of all packets would then compete
// for the same few lines of the processor's cache.
const querySize = 4096 + 64

func (q *queryBatch) init(wildcard bool) {
	q.wildcard = wildcard
	for i := range q.messages {
		q.vectors[i].Base = &q.packets[i][0]
		q.vectors[i].SetLen(querySize)
		h := &q.messages[i].Header
		h.Iov, h.Iovlen = &q.vectors[i], 1
		h.Name = &q.sources[i][0]
		if q.wildcard {
			h.Control = &q.controls[i][0]
		}
	}
	q.reset(batchSize)
}

// reset makes the first n messages ready to be received into: the system changes
// the lengths.
func (q *queryBatch) reset(n int) {
	for i := range n {
		h := &q.messages[i].Header
		h.Namelen = uint32(len(sockaddr{}))
		if q.wildcard {
			h.Controllen = uint64(len(control{}))
		}
	}
}

// receive takes what has come, without waiting, and returns how many messages
// there are.
func (q *queryBatch) receive(fd uintptr) (int, syscall.Errno) {
	return mmsg.Call(unix.SYS_RECVMMSG, fd, q.messages[:])
}

// packet is the i-th packet. Of one that is too long only the header is left,
// which gets the answer that the whole would: no query is that long.
func (q *queryBatch) packet(i int) []byte {
	m := &q.messages[i]
	if m.Header.Flags&unix.MSG_TRUNC != 0 {
		return q.packets[i][:dnswire.HeaderSize]
	}
	return q.packets[i][:min(m.Length, querySize)]
}

// client is the sender of the i-th packet, if it must be answered.
func (q *queryBatch) client(i int) (client, bool) {
	return clientOverUDP(q.sources[i].addrPort())
}

// peer is where a response goes to, and the control message with the address that
// it comes from.
type peer struct {
	addr       *byte
	addrLen    uint32
	control    *byte
	controlLen uint64
}

// peer is how to reach the sender of the i-th packet, from the address that it
// was sent to. It is valid until reset.
func (q *queryBatch) peer(i int) peer {
	h := &q.messages[i].Header
	p := peer{addr: h.Name, addrLen: h.Namelen}
	if q.wildcard {
		if n := q.controls[i].reverse(h.Controllen); n > 0 {
			p.control, p.controlLen = h.Control, n
		}
	}
	return p
}

// local is the address that the i-th packet was sent to, given that of the socket.
func (q *queryBatch) local(i int, socket netip.AddrPort) netip.AddrPort {
	if q.wildcard {
		return netip.AddrPortFrom(q.controls[i].local(), socket.Port())
	}
	return socket
}

// responseBatch is the packets of one batch as sendmmsg(2) takes them.
//
// They are packed one behind the other, since most are short: 64 buffers for the
// longest would take 4 MiB and miss the processor's cache each time.
type responseBatch struct {
	messages [batchSize]mmsg.Message
	vectors  [batchSize]unix.Iovec
	made     int // messages
	sent     int // of those, the ones that are sent or given up

	bytes [batchSize*1232 + bufferSize]byte
	used  int
}

func (r *responseBatch) init() {
	for i := range r.messages {
		h := &r.messages[i].Header
		h.Iov, h.Iovlen = &r.vectors[i], 1
	}
}

func (r *responseBatch) reset() { r.made, r.sent, r.used = 0, 0, 0 }

// full reports whether there is no room for another response of any size.
func (r *responseBatch) full() bool {
	return r.made == batchSize || len(r.bytes)-r.used < bufferSize
}

// buffer is where to make the next response, when the batch is not full.
func (r *responseBatch) buffer() []byte {
	return r.bytes[r.used:][:bufferSize:bufferSize]
}

// add takes a response that was made in the buffer.
func (r *responseBatch) add(msg []byte, to peer) {
	v := &r.vectors[r.made]
	v.Base = &msg[0]
	v.SetLen(len(msg))
	h := &r.messages[r.made].Header
	h.Name, h.Namelen = to.addr, to.addrLen
	h.Control, h.Controllen = to.control, to.controlLen
	r.made++
	r.used += len(msg)
}

// send sends what has not been sent, without waiting. It reports false when the
// socket has no room.
//
// The system stops at the first response that it does not take: one that is too
// large, that the firewall forbids, or to an address without a route. That one is
// left out, and costs the others nothing.
func (r *responseBatch) send(fd uintptr) bool {
	for r.sent < r.made {
		n, errno := mmsg.Call(unix.SYS_SENDMMSG, fd, r.messages[r.sent:r.made])
		switch errno {
		case 0:
			r.sent += n
		case unix.EINTR:
		case unix.EAGAIN:
			return false
		default:
			r.sent++
		}
	}
	return true
}

func (r *responseBatch) allSent() bool { return r.sent == r.made }

// release is reset for a batch that others use next: it keeps no addresses alive.
func (r *responseBatch) release() {
	for i := range r.made {
		h := &r.messages[i].Header
		h.Name, h.Control = nil, nil
	}
	r.reset()
}
