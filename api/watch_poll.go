package api

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// poll answers when there is an event, or when the time is over.
func (s *Server) poll(w *response, r *http.Request, q watchRequest) {
	f := s.changes
	wait := q.wait + rand.N(q.wait/waitJitter+1)
	one := &watcher{position: position{filter: q.filter, index: q.index}, due: time.Now().Add(wait)}
	at, window, err := s.awaitEvent(w, r, one)
	switch {
	case errors.Is(err, errBehind):
		_, newest := f.history.Index()
		s.gone(w, q.index, newest)
	case errors.Is(err, errBusy):
		s.busy(w)
	case err == nil && w.resume() == nil:
		s.answerPoll(w, r, at, window)
	}
}

// awaitEvent waits until a watcher has an event to read, or until it is due. It
// returns the watcher's position, which is at the end of the window if there is no
// event. A watcher that does not want to wait needs no turn.
func (s *Server) awaitEvent(w *response, r *http.Request, one *watcher) (at position, window *watchWindow, err error) {
	f := s.changes
	if !time.Now().Before(one.due) {
		window, err = s.past(w, r, one)
		return one.position, window, err
	}
	at = one.position
	f.join(one)
	defer f.part(one)
	for {
		select {
		case <-f.ctx.Done():
			return at, &watchWindow{after: at.index}, nil
		case <-r.Context().Done():
			return at, nil, r.Context().Err()
		case window = <-one.turn:
		}
		if one.index < window.after {
			if window, err = s.past(w, r, one); err != nil {
				return at, nil, err
			}
		}
		one.joined = true
		if one.seek(window) || !time.Now().Before(one.due) {
			return one.position, window, nil
		}
		one.end(f)
	}
}

// past is the window of old versions with the next event that a watcher has to
// read, or an empty one where there is no event until the newest version.
func (s *Server) past(w *response, r *http.Request, one *watcher) (*watchWindow, error) {
	leave, ok := s.pasts.acquire(r.Context(), clientOf(r.RemoteAddr))
	if !ok {
		return nil, errBusy
	}
	defer leave()
	defer w.pause()
	for {
		if err := w.resume(); err != nil {
			return nil, err
		}
		window, ok := s.changes.past(&one.position)
		if !ok {
			return nil, errBehind
		}
		if one.seek(window) || len(window.versions) == 0 {
			return window, nil
		}
		w.pause()
	}
}

// answerPoll answers with the events of a window from a position on, as many
// versions as fit in pollBytes.
func (s *Server) answerPoll(w *response, r *http.Request, at position, window *watchWindow) {
	end, size := at, 0
	for size < pollBytes && end.seek(window) {
		for v := window.version(end.index + 1); end.seekIn(v); end.event++ {
			size += len(v.block(&v.events[end.event]))
		}
	}
	w.Header().Set(indexHeader, strconv.FormatUint(end.index, 10))
	s.stream(w, r, contentJSON, func(t *stream) {
		t.buf = strconv.AppendUint(append(t.buf, `{"index":`...), end.index, 10)
		t.buf = append(t.buf, `,"events":[`...)
		separator, last := "\n", "]}\n"
		for at.index < end.index {
			for v := window.version(at.index + 1); at.seekIn(v); at.event++ {
				t.buf = append(append(t.buf, separator...), v.json(&v.events[at.event])...)
				separator, last = ",\n", "\n]}\n"
				s.changes.events.Add(1)
				if !t.next() {
					return
				}
			}
		}
		t.buf = append(t.buf, last...)
	})
}
