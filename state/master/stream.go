package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"toponym/state/leader"
)

// Times of a stream.
const (
	// heartbeatTime is that between two heartbeats where a master does not say
	// it (master/constants.hpp, DEFAULT_HEARTBEAT_INTERVAL).
	heartbeatTime = 15 * time.Second
	missed        = 3 // so many heartbeats that do not come are a stream that is dead
	// streamPatience is how long the first state may be on its way without an
	// octet of it: proxies there are that keep a stream back for ever.
	streamPatience = time.Minute
)

// mostWaiting bounds how many events have been read and not taken in.
const mostWaiting = 256

// stream is an event stream whose first state has been read.
type stream struct {
	at    leader.Address
	who   identity
	first message // SUBSCRIBED
	began time.Time

	records *recordIO
	decoder *eventDecoder
	body    *awaited
	cancel  context.CancelCauseFunc
}

// noStream is why a master gives no event stream although it answers: the state
// has to be polled.
type noStream struct{ err error }

func (e noStream) Error() string { return e.err.Error() }
func (e noStream) Unwrap() error { return e.err }

// lacksStream reports whether an error says that a master which answers has no
// stream: it does not know the call or does not allow it, or something between
// us keeps it back. One that has not recovered or is overloaded says 503.
func lacksStream(err error) bool {
	if errors.As(err, new(noStream)) {
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

// notReady reports whether a master answered that it will have a stream, but not
// yet. One that knows of no leader says 503 as well.
func notReady(err error) bool {
	e := (*statusError)(nil)
	return errors.As(err, &e) && e.status == http.StatusServiceUnavailable && !strings.Contains(e.text, "No leader")
}

// open subscribes to the events of whoever leads, and reads the first of them,
// which is the whole state, in the background.
func (w *Watcher) open(ctx context.Context, at leader.Address) (*stream, error) {
	// Who leads is asked before: a leadership that ends in between takes longer
	// to begin anew than one call takes, so the answer is not of a later one.
	who, lead := w.fetcher.whoLeads(ctx, at)
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stream{who: who, decoder: newEventDecoder(), cancel: cancel, began: time.Now()}
	patience := min(w.o.Timeout, streamPatience)
	late := time.AfterFunc(patience, func() {
		cancel(noStream{fmt.Errorf("%s: no event stream within %v", lead, patience)})
	})
	resp, lead, err := w.fetcher.call(ctx, lead, "SUBSCRIBE")
	late.Stop()
	if err == nil {
		s.at = lead
		s.body = await(ctx, resp.Body, patience, func() {
			cancel(noStream{fmt.Errorf("%s: no state at the beginning of the event stream within %v", lead, patience)})
		})
		s.records = newRecordIO(s.body, w.o.MaxBytes)
		late = time.AfterFunc(w.o.Timeout, func() {
			cancel(fmt.Errorf("%s: the state at the beginning of the event stream takes longer than %v", lead, w.o.Timeout))
		})
		w.background(func() { err = w.subscribed(s) })
		late.Stop()
	}
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		s.close()
		return nil, err
	}
	limit := missed * s.heartbeat()
	s.body.set(limit, func() {
		cancel(fmt.Errorf("the event stream of %s has been silent for %v, the time of %d heartbeats", s.at, limit, missed))
	})
	return s, nil
}

// subscribed reads the first event.
func (w *Watcher) subscribed(s *stream) error {
	if err := s.records.next(); err != nil {
		return noStream{fmt.Errorf("%s: no event stream: %w", s.at, syntax(err))}
	}
	w.fetcher.work.begin()
	first, err := s.decoder.read(yielding{s.records})
	if err == nil && (first.kind != "SUBSCRIBED" || first.doc == nil) {
		err = errNotMessage
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the event stream was cut off in the first state", s.at)
	case err != nil:
		return noStream{fmt.Errorf("%s: the event stream does not begin with a state: %w", s.at, err)}
	}
	s.first = first
	return nil
}

func (s *stream) heartbeat() time.Duration {
	if h := s.first.heartbeat; h > 0 {
		return max(h, time.Second)
	}
	return heartbeatTime
}

func (s *stream) close() {
	s.cancel(nil)
	if s.body != nil {
		s.body.close()
	}
}

// read hands events on as they come until the stream ends, and says why it did.
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

// end says how a stream ended. A master that drops a subscriber says goodbye,
// and one that stops does not.
func (s *stream) end(err error) error {
	cause := context.Cause(s.body.ctx)
	switch {
	case cause != nil:
		return cause
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s ended the event stream, as a master does with the oldest when it has too many subscribers", s.at)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the event stream of %s broke off: the master has stopped, or the connection was lost", s.at)
	}
	return fmt.Errorf("the event stream of %s cannot be read: %w", s.at, short(err))
}
