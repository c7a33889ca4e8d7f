package master

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// awaited is a body that is given up when nothing comes for some time while
// somebody waits for it. Time during which nobody reads does not count.
type awaited struct {
	ctx  context.Context
	body io.ReadCloser

	since atomic.Int64 // when the read began that waits, Unix nanoseconds; 0 for none

	mu     sync.Mutex
	limit  time.Duration
	silent func()
	timer  *time.Timer // nil when it was closed
}

func await(ctx context.Context, body io.ReadCloser, limit time.Duration, silent func()) *awaited {
	a := &awaited{ctx: ctx, body: body, limit: limit, silent: silent}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(limit, a.look)
	return a
}

// set sets another limit, and what to do after it.
func (a *awaited) set(limit time.Duration, silent func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit, a.silent = limit, silent
	a.timer.Reset(limit)
}

func (a *awaited) look() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer == nil {
		return
	}
	rest := a.limit
	if since := a.since.Load(); since != 0 {
		rest -= time.Since(time.Unix(0, since))
	}
	if rest <= 0 {
		a.silent()
		return
	}
	a.timer.Reset(rest)
}

func (a *awaited) Read(p []byte) (int, error) {
	a.since.Store(time.Now().UnixNano())
	n, err := a.body.Read(p)
	a.since.Store(0)
	return n, err
}

func (a *awaited) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
		a.body.Close()
	}
}

// yielding lets others run between the pieces of a large body, as limited does.
type yielding struct{ r io.Reader }

func (y yielding) Read(p []byte) (int, error) {
	runtime.Gosched()
	return y.r.Read(p)
}
