package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toponym/state/leader"
)

const (
	// defaultHeartbeat is the time between two heartbeats where a master does
	// not say it (master/constants.hpp, DEFAULT_HEARTBEAT_INTERVAL).
	defaultHeartbeat = 15 * time.Second
	// missedHeartbeats is how many heartbeats in a row are missing from a stream
	// that is dead.
	missedHeartbeats = 3
	// maxPendingEvents bounds how many events have been read and wait to be
	// applied.
	maxPendingEvents = 256
)

// stream is an event stream whose first event, the full state, has been read.
type stream struct {
	at    leader.Address // who answered
	lead  leadership     // what that said of itself before
	first message        // SUBSCRIBED
	began time.Time

	records *recordIO
	decoder *eventDecoder
	body    *idleTimeoutReader
	cancel  context.CancelCauseFunc
}

// noStreamError is why a master that answers has no event stream. Its state has to
// be polled.
type noStreamError struct{ err error }

func (e noStreamError) Error() string { return e.err.Error() }
func (e noStreamError) Unwrap() error { return e.err }

// hasNoStream reports whether an error says that a master which answers has no
// stream: it does not know the call or does not allow it, or something on the
// way keeps the stream back. A master that has not recovered or is overloaded
// says 503.
func hasNoStream(err error) bool {
	if errors.As(err, new(noStreamError)) {
		return true
	}
	if e := (*statusError)(nil); errors.As(err, &e) {
		switch e.status {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusRequestTimeout:
			return false
		}
		return true
	}
	return false
}

// isRecovering reports whether a master answered that it will have a stream, but
// not yet. A master that knows no leader says 503 as well.
func isRecovering(err error) bool {
	e := (*statusError)(nil)
	return errors.As(err, &e) && e.status == http.StatusServiceUnavailable && !strings.Contains(e.text, "No leader")
}

// open subscribes to the events of the leader, which is found through a master of
// any role, and reads the first event, which is the full state.
func (w *Watcher) open(ctx context.Context, at leader.Address) (*stream, error) {
	// Who leads is asked before: a leadership that ends in between takes longer
	// to begin anew than one call takes, so the answer is not of a later one.
	lead, _ := w.client.whoLeads(ctx, at, callTimeout)
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stream{lead: lead, decoder: newEventDecoder(w.client.keep...), cancel: cancel, began: time.Now()}
	late := time.AfterFunc(firstByteTimeout, func() {
		cancel(noStreamError{fmt.Errorf("%s: no event stream within %v", lead.at, firstByteTimeout)})
	})
	resp, who, err := w.client.call(ctx, lead.at, "SUBSCRIBE")
	late.Stop()
	if err == nil {
		s.at = who
		s.body = newIdleTimeoutReader(ctx, resp.Body, firstByteTimeout, func() {
			cancel(noStreamError{fmt.Errorf("%s: no state at the beginning of the event stream within %v", who, firstByteTimeout)})
		})
		s.records = newRecordIO(s.body, w.o.MaxBytes)
		late = time.AfterFunc(w.o.Timeout, func() { cancel(fmt.Errorf("%s: %w", who, errStateTimeout(w.o.Timeout))) })
		w.background(func() { err = w.readFirst(s) })
		late.Stop()
	}
	if err != nil {
		if c := context.Cause(ctx); c != nil {
			err = c
		}
		s.close()
		return nil, err
	}
	limit := missedHeartbeats * s.heartbeat()
	s.body.setLimit(limit, func() {
		cancel(fmt.Errorf("the event stream of %s has been silent for %v, the time of %d heartbeats", s.at, limit, missedHeartbeats))
	})
	return s, nil
}

// readFirst reads the first event.
func (w *Watcher) readFirst(s *stream) error {
	if err := s.records.next(); err != nil {
		return noStreamError{fmt.Errorf("%s: no event stream: %w", s.at, syntax(err))}
	}
	activityOf(s.body.ctx).expects(s.records.left)
	w.client.busy.begin()
	s.decoder.decoders = w.client.decoders()
	first, err := s.decoder.read(yieldReader{s.records})
	s.decoder.decoders = 1
	if err == nil && (first.kind != "SUBSCRIBED" || first.doc == nil) {
		err = errNotMessage
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the event stream was cut off in the first state", s.at)
	case err != nil:
		return noStreamError{fmt.Errorf("%s: the event stream does not begin with a state: %w", s.at, err)}
	}
	first.doc.Leadership, first.doc.LeaderAge = s.lead.Leadership, s.lead.age
	s.first = first
	return nil
}

func (s *stream) heartbeat() time.Duration {
	if h := s.first.heartbeat; h > 0 {
		return max(h, time.Second)
	}
	return defaultHeartbeat
}

func (s *stream) close() {
	s.cancel(nil)
	if s.body != nil {
		s.body.close()
	}
}

// read sends the events on as they come until the stream ends, and returns why
// it did.
func (s *stream) read(ctx context.Context, out chan<- message) error {
	for {
		if err := s.records.next(); err != nil {
			return s.end(err)
		}
		m, err := s.decoder.read(s.records)
		if err != nil {
			return s.end(err)
		}
		select {
		case out <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end describes how a stream ended. A master that drops a subscriber ends the
// chunked encoding, and a master that stops does not.
func (s *stream) end(err error) error {
	ended := context.Cause(s.body.ctx)
	switch {
	case ended != nil:
		return ended
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s ended the event stream, as a master does with the oldest when it has too many subscribers", s.at)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the event stream of %s broke off: the master has stopped, or the connection was lost", s.at)
	}
	return fmt.Errorf("the event stream of %s cannot be read: %w", s.at, cause(err))
}

// idleTimeoutReader is a body that calls onTimeout when nothing comes for some
// time while somebody reads. Time during which nobody reads does not count. All
// times are of the monotonic clock, so that setting the system's clock neither
// ends a live stream nor keeps a dead one.
type idleTimeoutReader struct {
	ctx   context.Context
	body  io.ReadCloser
	began time.Time

	// since is when the read began that waits, as time since began; negative
	// while nobody reads.
	since atomic.Int64

	mu        sync.Mutex
	limit     time.Duration
	onTimeout func()
	timer     *time.Timer // nil after close
}

func newIdleTimeoutReader(ctx context.Context, body io.ReadCloser, limit time.Duration, onTimeout func()) *idleTimeoutReader {
	r := &idleTimeoutReader{ctx: ctx, body: body, began: time.Now(), limit: limit, onTimeout: onTimeout}
	r.since.Store(-1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(limit, r.check)
	return r
}

// setLimit sets another limit, and what to call after it.
func (r *idleTimeoutReader) setLimit(limit time.Duration, onTimeout func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit, r.onTimeout = limit, onTimeout
	r.timer.Reset(limit)
}

// idle returns for how long somebody has been waiting for a byte.
func (r *idleTimeoutReader) idle() time.Duration {
	if since := r.since.Load(); since >= 0 {
		return time.Since(r.began) - time.Duration(since)
	}
	return 0
}

func (r *idleTimeoutReader) check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil {
		return
	}
	left := r.limit - r.idle()
	if left <= 0 {
		r.onTimeout()
		return
	}
	r.timer.Reset(left)
}

func (r *idleTimeoutReader) Read(p []byte) (int, error) {
	r.since.Store(int64(time.Since(r.began)))
	n, err := r.body.Read(p)
	r.since.Store(-1)
	return n, err
}

func (r *idleTimeoutReader) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
		r.body.Close()
	}
}

// yieldReader gives other goroutines their turn between the pieces of a large
// body, as limitReader does.
type yieldReader struct{ r io.Reader }

func (y yieldReader) Read(p []byte) (int, error) {
	runtime.Gosched()
	return y.r.Read(p)
}
