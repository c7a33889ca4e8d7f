package dnstap

import (
	"sync"
	"sync/atomic"

	"toponym/resolver/tap"
)

const (
	// chunkSize is how many bytes are collected until they are written, unless
	// flushInterval has passed.
	chunkSize = 64 << 10

	// maxChunks bounds the memory of messages that wait: 4 MiB, as most chunks are
	// little above chunkSize.
	maxChunks = 64

	// stripes are places where messages are collected, so that goroutines that answer
	// do not wait for each other.
	stripes = 16
)

// chunk is messages that are written together.
type chunk struct {
	b        []byte
	messages int
}

// queue collects messages until they are written. Its memory is bounded: there are
// maxChunks chunks at most, each in a stripe, full, free, or being written.
type queue struct {
	stripes [stripes]stripe
	turn    atomic.Uint32
	made    atomic.Int32
	full    chan *chunk
	free    chan *chunk
}

type stripe struct {
	mu    sync.Mutex
	chunk *chunk // nil if there is none

	_ [64]byte // no two stripes share a cache line of the processor
}

func newQueue() *queue {
	return &queue{full: make(chan *chunk, maxChunks), free: make(chan *chunk, maxChunks)}
}

// add encodes the messages of events, and returns how many there was no room for.
func (q *queue) add(e *encoder, events []tap.Event) (dropped int) {
	s := q.lock()
	if s == nil {
		return countAll(e, events)
	}
	defer s.mu.Unlock()
	for i := range events {
		if s.chunk == nil {
			if s.chunk = q.take(); s.chunk == nil {
				return dropped + countAll(e, events[i:])
			}
		}
		b, n := e.appendFrames(s.chunk.b, &events[i])
		s.chunk.b = b
		s.chunk.messages += n
		if len(b) >= chunkSize {
			q.full <- s.chunk // has room for all chunks
			s.chunk = nil
		}
	}
	return dropped
}

func countAll(e *encoder, events []tap.Event) (n int) {
	for i := range events {
		n += e.count(&events[i])
	}
	return n
}

// lock locks a stripe that nobody uses. There is none only if more goroutines answer at
// this moment than there are stripes.
func (q *queue) lock() *stripe {
	turn := q.turn.Add(1)
	for i := range uint32(stripes) {
		if s := &q.stripes[(turn+i)%stripes]; s.mu.TryLock() {
			return s
		}
	}
	return nil
}

// take returns an empty chunk, or nil if all are in use.
func (q *queue) take() *chunk {
	select {
	case c := <-q.free:
		return c
	default:
	}
	if q.made.Add(1) > maxChunks {
		q.made.Add(-1)
		return nil
	}
	return &chunk{b: make([]byte, 0, chunkSize+4<<10)}
}

// release takes a chunk back that was written. One that has become too large is not kept.
func (q *queue) release(c *chunk) {
	if cap(c.b) > 4*chunkSize {
		q.made.Add(-1)
		return
	}
	c.b, c.messages = c.b[:0], 0
	q.free <- c
}

// collect moves what the stripes have to the full chunks.
func (q *queue) collect() {
	for i := range q.stripes {
		s := &q.stripes[i]
		s.mu.Lock()
		if s.chunk != nil && s.chunk.messages > 0 {
			q.full <- s.chunk
			s.chunk = nil
		}
		s.mu.Unlock()
	}
}
