package api

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"
)

// contentEvents is the content type of server-sent events.
const contentEvents = "text/event-stream"

// Errors that end a stream.
var (
	errBehind = errors.New("the client is behind what is kept")
	errBusy   = errors.New("too many clients read old versions")
)

// follow answers with a stream of events.
func (s *Server) follow(w *response, r *http.Request, q watchRequest) {
	f := s.changes
	limitBuffer(r, 2*chunkSize)
	one := &watcher{position: position{filter: q.filter, index: q.index}, due: time.Now().Add(heartbeat)}
	f.join(one)
	defer f.part(one)
	t := &watchStream{w: w, r: r, feed: f, watcher: one}
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-r.Context().Done():
			return
		case window := <-one.turn:
			err := s.turn(t, window)
			one.end(f)
			if err == nil {
				continue
			}
			if !t.started {
				s.busy(w)
				return
			}
			s.log.WithError(err).WithField("client", r.RemoteAddr).Debug("a watcher was cut off")
			panic(http.ErrAbortHandler)
		}
	}
}

// turn sends a watcher what has come, if there is anything.
func (s *Server) turn(t *watchStream, window *watchWindow) error {
	one := t.watcher
	if one.index < window.after {
		if one.joined {
			t.feed.behind.Add(1)
			return errBehind
		}
		return s.catchUp(t)
	}
	one.joined = true
	return t.send(window)
}

// catchUp sends a client that has just come the versions that other watchers have
// read already.
func (s *Server) catchUp(t *watchStream) error {
	leave, ok := s.pasts.acquire(t.r.Context(), clientOf(t.r.RemoteAddr))
	if !ok {
		return errBusy
	}
	defer leave()
	defer t.w.pause()
	for {
		if err := t.w.resume(); err != nil {
			return err
		}
		window, ok := t.feed.past(&t.watcher.position)
		if !ok {
			t.feed.behind.Add(1)
			return errBehind
		}
		if t.watcher.index == window.last() {
			if t.watcher.told == t.watcher.index {
				return nil
			}
			t.watcher.due = time.Time{} // so that the client knows the index at once
			return t.send(window)
		}
		for t.watcher.index < window.last() {
			if err := t.send(window); err != nil {
				return err
			}
		}
	}
}

// watchStream is an answer of server-sent events.
type watchStream struct {
	w       *response
	r       *http.Request
	feed    *changeFeed
	watcher *watcher
	started bool // the headers have been sent
}

// send sends the events that follow in a window, as many as fit in one chunk.
func (t *watchStream) send(window *watchWindow) error {
	pooled := chunks.Get().(*[]byte)
	defer chunks.Put(pooled)
	b := (*pooled)[:0]
	if !t.started {
		b = t.begin(b, window)
	}
	b, events := t.watcher.read(b, window)
	now := time.Now()
	if len(b) == 0 {
		if now.Before(t.watcher.due) && !t.watcher.untold(now) {
			return nil
		}
		// An id without data is no event, but a client that reconnects sends it.
		b = appendNumber(append(b, ": heartbeat\n"...), t.watcher.index)
	}
	c := http.NewResponseController(t.w)
	_ = c.SetWriteDeadline(now.Add(watchStall))
	if _, err := t.w.Write(b); err != nil {
		return t.failed(err)
	}
	if err := c.Flush(); err != nil {
		return t.failed(err)
	}
	t.feed.events.Add(uint64(events))
	t.watcher.due = time.Now().Add(heartbeat)
	if t.watcher.event == 0 {
		t.watcher.told = t.watcher.index
	}
	return nil
}

// failed counts a client that did not read.
func (t *watchStream) failed(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.feed.stalled.Add(1)
	}
	return err
}

// begin sets the headers and appends the first event.
func (t *watchStream) begin(b []byte, window *watchWindow) []byte {
	t.started, t.watcher.told = true, t.watcher.index
	h := t.w.Header()
	h.Set("Content-Type", contentEvents)
	h.Set("X-Accel-Buffering", "no") // for nginx, which would keep events back
	// Without chunks an event takes one write. The stream ends with the connection.
	h.Set("Transfer-Encoding", "identity")
	newest := max(window.last(), t.watcher.index)
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, retryAfter.Milliseconds(), 10)
	b = append(b, "\n"+eventBegin+WatchIndex+eventData+`{"event":"`+WatchIndex+`","index":`...)
	b = strconv.AppendUint(b, t.watcher.index, 10)
	b = append(b, `,"newest":`...)
	b = strconv.AppendUint(b, newest, 10)
	return appendNumber(append(b, "}\n"...), t.watcher.index)
}
