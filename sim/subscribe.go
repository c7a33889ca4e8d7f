package sim

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"
)

// oneChunk is the size up to which the first record, which holds the whole
// cluster, goes out in one chunk like all others. A bigger one is not put
// together in memory: readers must not rely on the chunks anyway.
const oneChunk = 4 << 20

// grace is what a client has to read the rest of a stream that ends. Whatever
// it does not read would stay in memory otherwise.
const grace = 10 * time.Second

var heartbeat = record([]byte(`{"type":"HEARTBEAT"}`))

// subscribe is the call SUBSCRIBE: the state, and then what changes, until one
// of the two has enough.
func (m *Master) subscribe(w http.ResponseWriter, r *http.Request, sees func(string) bool) {
	ctx := r.Context()
	rc := http.NewResponseController(w)
	s := newSubscriber(m, sees, m.options.MaxWaiting)
	s.hurry = func() { rc.SetWriteDeadline(time.Now().Add(grace)) } // where there is a connection
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
func (s *snapshot) writeSubscribed(w io.Writer, every time.Duration) error {
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
