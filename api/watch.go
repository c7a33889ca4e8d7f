package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toponym/zone"
)

// Times of /v1/watch.
const (
	heartbeat        = 15 * time.Second // after which something is sent without a change
	minHeartbeatWait = time.Second      // so that heartbeats come together
	// A client that does not read is cut off after watchStall.
	watchStall = 30 * time.Second
	// A client waits for retryAfter before it connects again.
	retryAfter = 2 * time.Second

	// The parameter wait, as in Consul. Up to a sixteenth is added, so that clients
	// that began together do not return together.
	defaultWait = 5 * time.Minute
	maxWait     = 10 * time.Minute
	waitJitter  = 16
)

// pollBytes is the text of events after which an answer to a poll ends with the
// version.
const pollBytes = 1 << 20

// maxPasts bounds the watchers that read versions which are older than those that
// watchers share. Each holds some megabytes.
const (
	maxPasts          = 8
	maxPastsPerClient = 4
)

// indexHeader has the index of the version that an answer ends with.
const indexHeader = "X-Toponym-Index"

// watchRequest is what a client asks /v1/watch for.
type watchRequest struct {
	filter *watchFilter
	index  uint64 // of the last version that the client knows; 0: none
	poll   bool   // one answer in JSON instead of a stream
	wait   time.Duration
}

// errNeedsEnumeration is the error of a watch without a name where enumeration is
// not allowed.
var errNeedsEnumeration = errors.New("without the setting EnumerationOn only names that are given can be watched: add name=")

// watch answers /v1/watch: changes of records since a version, as a stream of
// server-sent events or, where the client asks for JSON, as one answer when there
// are any.
func (s *Server) watch(w *response, r *http.Request, z *zone.Zone) {
	q, err := s.watchRequest(r, z)
	if err == nil && !s.o.EnumerationOn && (q.filter == nil || len(q.filter.names) == 0) {
		s.writeError(w, http.StatusForbidden, errNeedsEnumeration.Error())
		return
	}
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.o.History.Want()
	_, newest := s.o.History.Index()
	if q.index == 0 {
		q.index = newest
		q.wait = 0 // a poll without an index asks for it
	} else if _, newest, ok := s.o.History.After(q.index, 0); !ok {
		s.gone(w, q.index, newest)
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set(indexHeader, strconv.FormatUint(newest, 10))
		w.Header().Set("Content-Type", contentEvents)
		if q.poll {
			w.Header().Set("Content-Type", contentJSON)
		}
		return
	}
	w.pause()
	leave, ok := s.changes.admit(clientOf(r.RemoteAddr))
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(heartbeat.Seconds())))
		s.writeError(w, http.StatusServiceUnavailable, "there are too many watchers (watchMax, watchMaxClient): try again later")
		return
	}
	defer leave()
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // that of the request would end the watch
	if q.poll {
		s.poll(w, r, q)
	} else {
		s.follow(w, r, q)
	}
}

// watchRequest reads the parameters and headers of a request.
func (s *Server) watchRequest(r *http.Request, z *zone.Zone) (q watchRequest, err error) {
	p, err := parameters(r.URL, "index", "wait", "name*", "suffix*", "framework*", "type*")
	if err != nil {
		return q, err
	}
	if q.filter, err = s.watchFilter(p, z); err != nil {
		return q, err
	}
	index, from := p.get("index"), "index"
	// A browser that reconnects repeats the parameter, and sends the header.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		index, from = last, "Last-Event-ID"
	}
	if index != "" {
		if q.index, err = strconv.ParseUint(index, 10, 64); err != nil {
			return q, fmt.Errorf("%s: want the id of an event or the value of %s", from, indexHeader)
		}
	}
	accept := r.Header.Get("Accept")
	q.poll = (p.get("wait") != "" || strings.Contains(accept, contentJSON)) && !strings.Contains(accept, contentEvents)
	q.wait = defaultWait
	if text := p.get("wait"); text != "" {
		if q.wait, err = time.ParseDuration(text); err != nil || q.wait < 0 {
			return q, errors.New("wait: want a duration such as 30s or 5m")
		}
	}
	q.wait = min(q.wait, maxWait)
	return q, nil
}

// gone tells a client that changes since a version are not known.
func (s *Server) gone(w *response, index, newest uint64) {
	w.Header().Set(indexHeader, strconv.FormatUint(newest, 10))
	s.writeError(w, http.StatusGone, fmt.Sprintf("the changes after index %d are not kept: watch from index %d on, and read all records again", index, newest))
}
