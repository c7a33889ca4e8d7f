package sim

import "sync"

// ending is how a stream ends.
type ending uint8

const (
	streamOpen   ending = iota
	streamClosed        // with a last chunk, and the connection stays open
	streamBroken        // the connection ends without a last chunk
)

// subscriber is one SUBSCRIBE call. The cluster pushes, the goroutine of the
// call takes.
type subscriber struct {
	master *Master
	sees   func(framework string) bool // nil sees all
	limit  int                         // bytes that may wait
	hurry  func()                      // called at the end: a write must not take for ever now
	wake   chan struct{}               // says that there is something to take

	mu      sync.Mutex
	queue   [][]byte
	waiting int // bytes
	end     ending
}

func newSubscriber(m *Master, sees func(string) bool, limit int) *subscriber {
	return &subscriber{master: m, sees: sees, limit: limit, hurry: func() {}, wake: make(chan struct{}, 1)}
}

// push adds a record and reports whether the subscriber stays. One that does
// not read what it asked for has to go before it takes all memory.
func (s *subscriber) push(r []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end != streamOpen {
		return false
	}
	if s.waiting+len(r) > s.limit {
		s.queue, s.waiting, s.end = nil, 0, streamClosed
		s.hurry()
	} else {
		s.queue = append(s.queue, r)
		s.waiting += len(r)
	}
	s.ring()
	return s.end == streamOpen
}

// finish ends the stream, after what waits.
func (s *subscriber) finish(how ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.end == streamOpen {
		s.end = how
		s.hurry()
		s.ring()
	}
}

func (s *subscriber) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take gives what waits, and whether anything comes after it.
func (s *subscriber) take() ([][]byte, ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue, s.waiting = nil, 0
	return q, s.end
}

// subscribe starts a subscription and gives the state that its events begin
// with. Where max is exceeded the oldest of the same master has to go.
func (c *Cluster) subscribe(s *subscriber, max int) *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	var oldest *subscriber
	for _, other := range c.feed.subscribers {
		if other.master == s.master {
			n++
			if oldest == nil {
				oldest = other
			}
		}
	}
	if n >= max && oldest != nil {
		c.drop(oldest, streamClosed)
	}
	c.feed.subscribers = append(c.feed.subscribers, s)
	return c.copyState()
}

// unsubscribe forgets a subscriber that is gone.
func (c *Cluster) unsubscribe(s *subscriber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s, streamBroken)
}

func (c *Cluster) drop(s *subscriber, how ending) {
	s.finish(how)
	for i, other := range c.feed.subscribers {
		if other == s {
			c.feed.subscribers = append(c.feed.subscribers[:i], c.feed.subscribers[i+1:]...)
			return
		}
	}
}

// endStreams ends the streams of one master.
func (c *Cluster) endStreams(m *Master, how ending) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.feed.subscribers[:0]
	for _, s := range c.feed.subscribers {
		if s.master == m {
			s.finish(how)
		} else {
			kept = append(kept, s)
		}
	}
	clear(c.feed.subscribers[len(kept):])
	c.feed.subscribers = kept
}

// subscribers counts the streams of one master.
func (c *Cluster) subscribers(m *Master) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.feed.subscribers {
		if s.master == m {
			n++
		}
	}
	return n
}

// BreakStreams ends all streams of the operator API as a killed process does:
// the connections end without a last chunk.
func (m *Master) BreakStreams() {
	m.cluster.endStreams(m, streamBroken)
}

// CloseStreams ends them as the eviction of a subscriber does: a last chunk,
// and the connections stay open.
func (m *Master) CloseStreams() {
	m.cluster.endStreams(m, streamClosed)
}

// Subscribers is how many streams there are.
func (m *Master) Subscribers() int {
	return m.cluster.subscribers(m)
}
