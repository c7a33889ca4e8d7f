package api

import (
	"context"
	"net"
	"net/http"
	"sync"
)

// conns are the open connections, with whether each is owed an answer. At the
// end only those are waited for: http.Server.Shutdown alone also waits for
// connections that never sent a request, or half of one.
type conns struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

type connKey struct{}

// known is for http.Server.ConnContext.
func (c *conns) known(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// note is for http.Server.ConnState.
func (c *conns) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if c.open == nil {
			c.open = map[net.Conn]bool{}
		}
		c.open[conn] = false
	case http.StateIdle: // the answer has gone out
		c.open[conn] = false
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
	}
}

// owing marks the connections of requests that have arrived whole.
func (c *conns) owing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok {
			c.mu.Lock()
			if _, open := c.open[conn]; open {
				c.open[conn] = true
			}
			c.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// closeOthers closes the connections that are not owed an answer.
func (c *conns) closeOthers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, owed := range c.open {
		if !owed {
			conn.Close()
		}
	}
}
