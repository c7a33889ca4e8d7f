package api

import (
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limits of answers that are written in chunks.
const (
	chunkSize = 32 << 10 // bytes

	// A client that reads more slowly than minReadRate, after a grace time, is
	// cut off, because it holds a slot that other clients need.
	minReadRate = 32 << 10 // bytes per second
	readGrace   = 10 * time.Second
	maxStall    = 30 * time.Second // however fast it has been before
)

// chunks are buffers that streams reuse.
var chunks = sync.Pool{New: func() any { b := make([]byte, 0, chunkSize+4<<10); return &b }}

// stream writes an answer of any length in chunks. The handler appends to buf and
// calls next after each item.
type stream struct {
	buf []byte
	err error // the client is gone or too slow: nothing more has to be written

	w       *response
	r       *http.Request
	sent    int64         // bytes
	blocked time.Duration // time spent writing
	rested  time.Time     // when DNS had its last turn
}

// stream answers with status 200 and what content appends. If the client does not
// get all of it, the connection is broken, so that the client notices.
func (s *Server) stream(w *response, r *http.Request, contentType string, content func(*stream)) {
	w.Header().Set("Content-Type", contentType)
	pooled := chunks.Get().(*[]byte)
	t := &stream{w: w, r: r, buf: (*pooled)[:0], rested: time.Now()}
	defer func() {
		if cap(t.buf) <= 2*chunkSize { // one item may have been larger
			*pooled = t.buf[:0]
			chunks.Put(pooled)
		}
	}()
	content(t)
	if t.sent == 0 && t.err == nil {
		// An answer of a single chunk gets its length, as in Mesos-DNS.
		w.Header().Set("Content-Length", strconv.Itoa(len(t.buf)))
	}
	t.write()
	if t.err != nil && !errors.Is(t.err, errHead) {
		s.log.WithError(t.err).WithField("path", pathLabel(r.Pattern)).Debug("a client did not read the whole answer")
		panic(http.ErrAbortHandler)
	}
}

// longStream is stream in the background, for answers about the whole cluster.
func (s *Server) longStream(w *response, r *http.Request, contentType string, content func(*stream)) {
	s.inBackground(func() { s.stream(w, r, contentType, content) })
}

// errHead ends a long answer to HEAD, whose length stays unknown.
var errHead = errors.New("the body of an answer to HEAD is not made")

// next writes the buffer if it is full. It is false if the client no longer reads.
func (t *stream) next() bool {
	if t.err == nil && len(t.buf) >= chunkSize {
		if t.r.Method == http.MethodHead {
			t.err = errHead
		} else {
			t.write()
			if time.Since(t.rested) >= restEvery {
				time.Sleep(breather)
				t.rested = time.Now()
			}
			if err := t.w.resume(); t.err == nil {
				t.err = err
			}
		}
	}
	if t.err != nil {
		t.buf = t.buf[:0]
	}
	return t.err == nil
}

// write writes the buffer. A client that has been faster than required gets more
// time for it.
func (t *stream) write() {
	if t.err == nil {
		t.err = t.r.Context().Err()
	}
	if t.err == nil && len(t.buf) > 0 {
		size := int64(len(t.buf))
		allowed := readGrace + time.Duration(float64(t.sent+size)/minReadRate*float64(time.Second)) - t.blocked
		begin := time.Now()
		// Some ResponseWriters of tests have no deadlines.
		_ = http.NewResponseController(t.w).SetWriteDeadline(begin.Add(min(allowed, maxStall)))
		_, t.err = t.w.Write(t.buf)
		t.blocked += time.Since(begin)
		t.sent += size
	}
	t.buf = t.buf[:0]
}
