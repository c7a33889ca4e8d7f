package sim

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// oneChunk is the size up to which the first record, which has the whole cluster, is sent
// in one chunk like all others. A bigger one is not assembled in memory: readers must
// not rely on the chunks.
const oneChunk = 4 << 20

// drainTimeout is how long a client may take to read the rest of a stream that ends. The
// rest stays in memory until then.
const drainTimeout = 10 * time.Second

var heartbeat = record([]byte(`{"type":"HEARTBEAT"}`))

// subscribe is the call SUBSCRIBE: the state, and then the events, until the client leaves
// or the stream is ended.
func (m *Master) subscribe(w http.ResponseWriter, r *http.Request, sees func(string) bool) {
	ctx := r.Context()
	rc := http.NewResponseController(w)
	s := newSubscriber(m, sees, m.options.MaxWaiting)
	s.limitWrites = func() { rc.SetWriteDeadline(time.Now().Add(drainTimeout)) } // fails without a connection, as in tests
	state := m.cluster.subscribe(s, m.options.MaxSubscribers)
	defer m.cluster.unsubscribe(s)
	if _, _, leads := m.view(); !leads {
		panic(http.ErrAbortHandler) // another master has been elected since the check
	}
	state.finish(sees)
	out := &stream{m: m, ctx: ctx, w: w, flush: rc.Flush}
	w.Header().Set("Content-Type", mediaJSON)
	if state.writeSubscribed(out, m.options.Heartbeat) != nil || out.send(heartbeat) != nil {
		return
	}
	state = nil // it is big, and a stream can last long
	beat := time.NewTicker(m.options.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			if out.send(heartbeat) != nil {
				return
			}
		case <-s.wake:
			records, end := s.take()
			for _, r := range records {
				if out.send(r) != nil {
					return
				}
			}
			switch end {
			case streamClosed:
				rc.SetWriteDeadline(time.Time{})
				return // net/http writes the last chunk and keeps the connection
			case streamBroken:
				panic(http.ErrAbortHandler)
			}
		}
	}
}

// stream writes records, each as a chunk of its own.
type stream struct {
	m     *Master
	ctx   context.Context
	w     io.Writer
	flush func() error
}

func (s *stream) Write(p []byte) (int, error) {
	if !s.m.open(s.ctx) {
		return 0, s.ctx.Err()
	}
	n, err := s.w.Write(p)
	if err == nil {
		err = s.flush()
	}
	return n, err
}

func (s *stream) send(r []byte) error {
	_, err := s.Write(r)
	return err
}

// writeSubscribed writes the first record of a stream.
func (s *fullState) writeSubscribed(w io.Writer, every time.Duration) error {
	message := func(e *encoder) {
		e.open('{')
		e.stringField("type", "SUBSCRIBED")
		e.openKey("subscribed", '{')
		e.openKey("get_state", '{')
		e.getState(s)
		e.close('}')
		e.floatField("heartbeat_interval_seconds", every.Seconds())
		e.close('}')
		e.close('}')
	}
	var size countingWriter
	counter := newEncoder(&size)
	message(counter)
	counter.flush() // a countingWriter does not fail
	e := newEncoder(w)
	e.limit = oneChunk
	e.buf = append(strconv.AppendInt(e.buf, int64(size), 10), '\n')
	message(e)
	return e.flush()
}

// ending is the way in which a stream ends.
type ending uint8

const (
	streamOpen   ending = iota
	streamClosed        // with a last chunk, and the connection stays open
	streamBroken        // the connection ends without a last chunk
)

// subscriber is one SUBSCRIBE call. The cluster pushes records, and the goroutine of the
// call takes them.
type subscriber struct {
	master      *Master
	sees        func(framework string) bool // nil sees all
	limit       int                         // bytes that may wait
	limitWrites func()                      // called at the end: from then on writes have a deadline
	wake        chan struct{}               // signals that there are records to take

	mu      sync.Mutex
	queue   [][]byte
	waiting int // bytes
	ended   ending
}

func newSubscriber(m *Master, sees func(string) bool, limit int) *subscriber {
	return &subscriber{master: m, sees: sees, limit: limit, limitWrites: func() {}, wake: make(chan struct{}, 1)}
}

// push adds a record and reports whether the subscriber stays. The stream of a client that
// does not read is ended before it takes all memory.
func (s *subscriber) push(r []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != streamOpen {
		return false
	}
	if s.waiting+len(r) > s.limit {
		s.queue, s.waiting, s.ended = nil, 0, streamClosed
		s.limitWrites()
	} else {
		s.queue = append(s.queue, r)
		s.waiting += len(r)
	}
	s.signal()
	return s.ended == streamOpen
}

// end ends the stream after the records that wait.
func (s *subscriber) end(how ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == streamOpen {
		s.ended = how
		s.limitWrites()
		s.signal()
	}
}

func (s *subscriber) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns the records that wait, and how the stream ends after them.
func (s *subscriber) take() ([][]byte, ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue, s.waiting = nil, 0
	return q, s.ended
}

// subscribe starts a subscription and returns the state that its events begin with. More
// than max streams of a master end the oldest of them.
func (c *Cluster) subscribe(s *subscriber, max int) *fullState {
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
	return c.copyFullState()
}

// unsubscribe removes a subscriber.
func (c *Cluster) unsubscribe(s *subscriber) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s, streamBroken)
}

func (c *Cluster) drop(s *subscriber, how ending) {
	s.end(how)
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
			s.end(how)
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

// Subscribers returns the number of streams.
func (m *Master) Subscribers() int {
	return m.cluster.subscribers(m)
}

// The events of the operator API's streams. Each is encoded once, under the cluster's lock
// and only if there is a subscriber, and all subscribers share its bytes. What is no event
// in Mesos, such as an agent that stops responding, has no function here.

// feed has the subscribers of a cluster.
type feed struct {
	subscribers []*subscriber // the oldest first
	scratch     encoder
}

// publish encodes an event, which may be about a framework, and pushes it to the
// subscribers that may see it.
func (c *Cluster) publish(f *framework, event, key string, write func(*encoder)) {
	if len(c.feed.subscribers) == 0 {
		return
	}
	e := &c.feed.scratch
	e.buf, e.comma = e.buf[:0], false
	e.open('{')
	e.stringField("type", event)
	e.openKey(key, '{')
	write(e)
	e.close('}')
	e.close('}')
	r := record(e.buf)
	name := ""
	if f != nil {
		name = f.Name
	}
	kept := c.feed.subscribers[:0]
	for _, s := range c.feed.subscribers {
		if f != nil && s.sees != nil && !s.sees(name) || s.push(r) {
			kept = append(kept, s)
		}
	}
	clear(c.feed.subscribers[len(kept):])
	c.feed.subscribers = kept
}

// record frames a message as RecordIO: its length, a line feed, its bytes.
func record(message []byte) []byte {
	r := make([]byte, 0, len(message)+8)
	r = strconv.AppendInt(r, int64(len(message)), 10)
	r = append(r, '\n')
	return append(r, message...)
}

// breakAll ends all streams as the end of the process does.
func (f *feed) breakAll() {
	for _, s := range f.subscribers {
		s.end(streamBroken)
	}
	f.subscribers = nil
}

func (c *Cluster) taskAdded(f *framework, t *Task) {
	c.tell(f.ID, SchedulerNews{Task: t})
	c.publish(f, "TASK_ADDED", "task_added", func(e *encoder) {
		e.key("task")
		e.taskV1(t)
	})
}

// taskUpdated publishes a status. The state beside it is that of the task, which may be
// newer. A master publishes nothing about tasks on agents that it does not know.
func (c *Cluster) taskUpdated(f *framework, t *Task, s *Status) {
	c.tell(f.ID, SchedulerNews{t, s})
	if a, ok := c.agents.get(t.AgentID); !ok || a.State != AgentRegistered {
		return
	}
	c.publish(f, "TASK_UPDATED", "task_updated", func(e *encoder) {
		e.idField("framework_id", f.ID)
		e.key("status")
		e.statusV1(t, s)
		e.stringField("state", t.State)
	})
}

func (c *Cluster) frameworkAdded(f *framework) {
	c.publish(f, "FRAMEWORK_ADDED", "framework_added", func(e *encoder) { e.frameworkEvent(f) })
}

func (c *Cluster) frameworkUpdated(f *framework) {
	c.publish(f, "FRAMEWORK_UPDATED", "framework_updated", func(e *encoder) { e.frameworkEvent(f) })
}

func (e *encoder) frameworkEvent(f *framework) {
	e.openKey("framework", '{')
	e.frameworkV1(&f.Framework, true)
	e.nanosField("unregistered_time", f.Unregistered)
	e.close('}')
}

func (c *Cluster) frameworkRemoved(f *framework) {
	c.publish(f, "FRAMEWORK_REMOVED", "framework_removed", func(e *encoder) {
		e.key("framework_info")
		e.frameworkInfo(&f.Framework)
	})
}

func (c *Cluster) agentAdded(a *Agent) {
	c.tell("", SchedulerNews{})
	c.publish(nil, "AGENT_ADDED", "agent_added", func(e *encoder) {
		var used usage
		var seen executors
		for _, p := range c.nodes[a.ID].tasks.keys {
			t, ok := p.framework.tasks.get(p.id)
			if !ok || Terminal(t.State) {
				continue
			}
			used.add(t.Role, t.Resources)
			if t.ExecutorID != "" {
				used.add(t.Role, seen.add(t))
			}
		}
		e.key("agent")
		e.agentV1(a, used, false)
	})
}

func (c *Cluster) agentRemoved(a *Agent) {
	c.publish(nil, "AGENT_REMOVED", "agent_removed", func(e *encoder) { e.idField("agent_id", a.ID) })
}
