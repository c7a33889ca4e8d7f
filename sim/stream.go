package sim

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// oneChunk is the size up to which the first record, which holds the whole
// cluster, goes out in one chunk like all others. A bigger one is not put
// together in memory: readers must not rely on the chunks anyway.
const oneChunk = 4 << 20

// grace is what a client has to read the rest of a stream that ends. Whatever
// it does not read would stay in memory otherwise.
const drainTimeout = 10 * time.Second

var heartbeat = record([]byte(`{"type":"HEARTBEAT"}`))

// subscribe is the call SUBSCRIBE: the state, and then what changes, until one
// of the two has enough.
func (m *Master) subscribe(w http.ResponseWriter, r *http.Request, sees func(string) bool) {
	ctx := r.Context()
	rc := http.NewResponseController(w)
	s := newSubscriber(m, sees, m.options.MaxWaiting)
	s.limitWrites = func() { rc.SetWriteDeadline(time.Now().Add(drainTimeout)) } // where there is a connection
	state := m.cluster.subscribe(s, m.options.MaxSubscribers)
	defer m.cluster.unsubscribe(s)
	if _, _, leads := m.view(); !leads {
		panic(http.ErrAbortHandler) // it ended between the check and here
	}
	state.finish(sees)
	out := &stream{m: m, ctx: ctx, w: w, flush: rc.Flush}
	w.Header().Set("Content-Type", mediaJSON)
	if state.writeSubscribed(out, m.options.Heartbeat) != nil || out.send(heartbeat) != nil {
		return
	}
	state = nil // a stream can be long, and this is big
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
	master      *Master
	sees        func(framework string) bool // nil sees all
	limit       int                         // bytes that may wait
	limitWrites func()                      // called at the end: a write must not take for ever now
	wake        chan struct{}               // says that there is something to take

	mu      sync.Mutex
	queue   [][]byte
	waiting int // bytes
	ended   ending
}

func newSubscriber(m *Master, sees func(string) bool, limit int) *subscriber {
	return &subscriber{master: m, sees: sees, limit: limit, limitWrites: func() {}, wake: make(chan struct{}, 1)}
}

// push adds a record and reports whether the subscriber stays. One that does
// not read what it asked for has to go before it takes all memory.
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

// finish ends the stream, after what waits.
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

// take gives what waits, and whether anything comes after it.
func (s *subscriber) take() ([][]byte, ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue
	s.queue, s.waiting = nil, 0
	return q, s.ended
}

// subscribe starts a subscription and gives the state that its events begin
// with. Where max is exceeded the oldest of the same master has to go.
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

// unsubscribe forgets a subscriber that is gone.
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

// Subscribers is how many streams there are.
func (m *Master) Subscribers() int {
	return m.cluster.subscribers(m)
}

// The events of the operator API's streams. Each is rendered once, under the
// cluster's lock and only if there is a subscriber, and all subscribers share
// its bytes. What Mesos does not tell, such as an agent that stops answering,
// has no function here.

// feed is who is told about changes.
type feed struct {
	subscribers []*subscriber // the oldest first
	scratch     encoder
}

// publish renders an event about a framework, or about none, and hands it on.
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

// breakAll ends all streams as a process does that ends.
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

// taskUpdated tells of a status. The state beside it is the task's own, which
// may be newer. Of tasks on agents that it does not know a master says nothing.
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
