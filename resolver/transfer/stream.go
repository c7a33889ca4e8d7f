package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// minRate is the bytes per second that a secondary has to take in the long run. It
// is slow for any network, and lets a zone of 100,000 tasks pass within minutes.
const minRate = 128 << 10

// refusalSize is the size of most responses without records, in bytes.
const refusalSize = 512

// errSlow says that a secondary did not take a transfer fast enough.
var errSlow = errors.New("the client reads too slowly")

// ErrBusy says that too many other transfers were under way.
var ErrBusy = errors.New("too many transfers are under way")

// Stream writes a response of many messages. It is used once.
type Stream struct {
	s       *Server
	q       *Request
	event   Event
	timeout time.Duration
	write   func(m *messages) error
	signer  *Verification // nil for a query that was not signed

	difference bool // begun as a difference
	light      bool // little work: there is nothing to be made

	unacknowledged func() int // nil if unknown
	progress       progress
}

func (s *Server) newStream(q *Request, e Event, timeout time.Duration, write func(m *messages) error) *Stream {
	return &Stream{s: s, q: q, event: e, timeout: timeout, write: write, difference: e.Kind == IXFR}
}

// SignWith has all messages signed: RFC 8945, section 5.3.1, requires that, though
// clients have to accept responses in which only some are.
func (t *Stream) SignWith(v *Verification) { t.signer = v }

// MeasureWith tells how to find out how many of the bytes that were sent the client has
// not acknowledged: what is in the buffers of this host has not been taken by anybody.
func (t *Stream) MeasureWith(unacknowledged func() int) { t.unacknowledged = unacknowledged }

// Send sends messages, each with its length field before it, until a deadline, or until
// the context ends. The turn is held when it is called.
type Send func(ctx context.Context, framed []byte, deadline time.Time, t Turn) error

// Turn is the turn of a transfer. Writing is work as well: a thread that writes at low
// priority keeps one of the processors of the Go scheduler, so only as many may as there
// are turns. But a client that does not read must keep nobody's turn.
type Turn interface {
	// Attempt calls a function that does not wait, in the turn of the transfer.
	Attempt(write func()) error

	// Release gives the turn back, before the caller waits.
	Release()
}

// progress is how fast a client takes a response.
type progress struct {
	mu    sync.Mutex
	sent  int           // bytes
	spent time.Duration // in sending
	since time.Time     // when the client began to be waited for; zero while it is not
}

// begin notes that the client is waited for.
func (p *progress) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = time.Now()
}

// end notes that bytes have been sent.
func (p *progress) end(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spent, p.since, p.sent = p.spent+time.Since(p.since), time.Time{}, p.sent+bytes
}

// behind is how much longer the client has been waited for than it takes at [minRate].
func (t *Stream) behind() time.Duration {
	p := &t.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	waited, taken := p.spent, p.sent
	if !p.since.IsZero() {
		waited += time.Since(p.since)
	}
	if t.unacknowledged != nil {
		taken = max(0, taken-t.unacknowledged())
	}
	return waited - time.Duration(taken)*time.Second/minRate
}

// batchSize is how many bytes are sent at once at least, but for the last ones. With
// fewer, more time goes into waking the client up and waiting for it.
const batchSize = 48 << 10

// streamBuffer is what a stream needs while it runs.
type streamBuffer struct {
	messages messages
	framed   [batchSize + bufferSize]byte // messages with their length fields
	used     int
}

var streamBuffers = sync.Pool{New: func() any { return new(streamBuffer) }}

// free gives the buffer back, without what would keep a version alive.
func (b *streamBuffer) free() {
	b.messages.send, b.messages.owner, b.messages.zone = nil, "", ""
	streamBuffers.Put(b)
}

// Run writes the response until it is complete, sending fails, or the context ends;
// then the connection must be closed, since a part of a response is no response.
// While too many others are under way it waits for a few seconds, and then sends
// SERVFAIL instead and returns nil.
//
// The secondary may take as long as it takes at [minRate], and the timeout longer.
// So one that stops reading is cut off after the timeout, and one that reads a byte
// now and then soon after; sooner if it keeps others waiting.
func (t *Stream) Run(ctx context.Context, send Send) error {
	whole := ctx
	ctx, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	h := &holder{client: clientPrefix(t.q.Client), behind: t.behind, cut: func() { cut(errSlow) }}
	release, ok := t.s.slots.acquire(ctx, h)
	if !ok {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return t.refuse(ctx, send)
	}
	defer release()
	t.countUnderway(1)
	defer t.countUnderway(-1)
	b := streamBuffers.Get().(*streamBuffer) // not before: any number may wait
	defer b.free()
	start := time.Now()
	var err error
	run := t.s.background
	if t.light {
		run = func(f func()) { f() }
	}
	run(func() {
		turn := &turn{of: t.s.turns, ctx: ctx}
		defer turn.give()
		if err = turn.take(); err == nil {
			err = t.writeAll(ctx, b, turn, start, send)
		}
	})
	if err != nil && whole.Err() == nil && (errors.Is(err, os.ErrDeadlineExceeded) || context.Cause(ctx) == errSlow) {
		err = errSlow
	}
	t.event.Records = b.messages.records
	t.event.Duration, t.event.Err = time.Since(start), err
	t.s.observe(t.event)
	return err
}

// writeAll writes and sends the messages. The turn is held while they are made and
// written, but not while the client is waited for.
func (t *Stream) writeAll(ctx context.Context, b *streamBuffer, turn *turn, start time.Time, send Send) error {
	m := &b.messages
	b.used = 0
	flush := func() error {
		allowance := time.Duration(t.event.Bytes) * time.Second / minRate
		t.countUnderway(-1)
		t.progress.begin()
		err := send(ctx, b.framed[:b.used], start.Add(t.timeout+allowance), turn)
		turn.give()
		t.progress.end(b.used)
		t.countUnderway(1)
		b.used = 0
		return err
	}
	m.start(b.framed[2:], string(t.q.Zone), t.q.Type, func(msg []byte) error {
		msg = t.q.finish(msg, m.sent == 1)
		if t.signer != nil {
			msg = t.signer.Finish(msg)
		}
		binary.BigEndian.PutUint16(b.framed[b.used:], uint16(len(msg)))
		t.event.Bytes += len(msg)
		if b.used += 2 + len(msg); b.used >= batchSize {
			if err := flush(); err != nil {
				return err
			}
			runtime.Gosched()
			if err := turn.take(); err != nil {
				return err
			}
		}
		m.buf = b.framed[b.used+2:]
		return nil
	})
	if err := t.write(m); err != nil {
		return err
	}
	if err := m.flush(); err != nil || b.used == 0 {
		return err
	}
	return flush()
}

// countUnderway counts the response if it has differences. One that becomes the whole
// zone still counts as what it began as.
func (t *Stream) countUnderway(by int32) {
	if t.difference {
		t.s.underway.Add(by)
	}
}

// refuse answers with SERVFAIL.
func (t *Stream) refuse(ctx context.Context, send Send) error {
	msg := t.q.respond(make([]byte, dnswire.HeaderSize, refusalSize), dns.RcodeServerFailure, nil)
	if t.signer != nil {
		msg = t.signer.Finish(msg)
	}
	t.event.Err = ErrBusy
	t.s.observe(t.event)
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg)))
	turn := &turn{of: t.s.turns, ctx: ctx}
	defer turn.give()
	return send(ctx, append(framed, msg...), time.Now().Add(t.timeout), turn)
}
