package master

import (
	"context"
	"net/http"
	"time"

	"toponym/state/leader"
)

// A master that hangs, or that a network no longer reaches, ends no connection. It is
// noticed long before heartbeats are missing, because it is asked for its health
// whenever it has been silent for a while.
const (
	// healthPath is answered by masters of any role without authentication, after what
	// they were asked before.
	healthPath = "/master/health"

	// checkInterval is for how long a master may be silent before it is asked, and
	// checkTimeout how long its answer may take. Both together are how soon it is said
	// that it does not answer.
	checkInterval = 2 * time.Second
	checkTimeout  = 2 * time.Second
)

// isAlive reports whether a master answers a small request within checkTimeout, whatever
// it answers.
func (c *client) isAlive(ctx context.Context, at leader.Address) bool {
	ctx = context.WithValue(ctx, activityKey{}, (*activity)(nil))
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	resp, _, err := c.do(ctx, at, http.MethodGet, healthPath, "")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return true
}

// anyAlive asks masters side by side, and reports whether one of them is alive.
func (c *client) anyAlive(ctx context.Context, masters []leader.Address) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan bool, len(masters))
	for _, at := range masters {
		go func() { answers <- c.isAlive(ctx, at) }()
	}
	for range masters {
		if <-answers {
			return true
		}
	}
	return false
}

// awaitReturn closes alive when one of the masters is alive again, if none is at first,
// so that nobody waits to try again for longer than masters are away. It ends with ctx.
func (c *client) awaitReturn(ctx context.Context, masters []leader.Address, alive chan<- struct{}) {
	if c.anyAlive(ctx, masters) {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(checkInterval):
		}
		if c.anyAlive(ctx, masters) && ctx.Err() == nil {
			close(alive)
			return
		}
	}
}

// checkWhilePolling asks a master whose state is polled for its health from time to time
// until ctx ends.
func (w *Watcher) checkWhilePolling(ctx context.Context, at leader.Address) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(checkInterval):
		}
		alive := w.client.isAlive(ctx, at)
		if ctx.Err() != nil {
			return
		}
		w.noteAlive(at, alive)
	}
}

// noteAlive notes whether a master has answered.
func (w *Watcher) noteAlive(at leader.Address, alive bool) {
	if w.status.alive(at, alive, time.Now()) {
		w.report.alive(at, alive)
	}
}
