package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"toponym/internal/handshake"
)

// maxConnections is the default of Options.MaxConnections.
const maxConnections = 512

// connections are the open connections of a server. When there are too many, an
// idle one is closed: of the client that has most of them, the one that has been
// idle longest. A shutdown waits only for connections with an unanswered request;
// http.Server.Shutdown alone also waits for connections that never sent one.
type connections struct {
	limit int

	mu     sync.Mutex
	open   map[net.Conn]*connection
	closed uint64 // that were closed to make room
	failed uint64 // whose TLS handshake was not completed
}

// connection is the state of an open connection.
type connection struct {
	client netip.Addr
	busy   bool      // a complete request has arrived and is not answered yet
	since  time.Time // when it became idle
}

func newConnections(limit int) *connections {
	if limit <= 0 {
		limit = maxConnections
	}
	return &connections{limit: limit, open: map[net.Conn]*connection{}}
}

// count is the number of open connections.
func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// closedForRoom is the number of connections that were closed because there were
// too many.
func (c *connections) closedForRoom() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// failedHandshakes is the number of connections with TLS that ended before their
// handshake was complete.
func (c *connections) failedHandshakes() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// cut closes a connection at once, without telling a client with TLS first, which
// may have to wait for the client.
func cut(conn net.Conn) { _ = handshake.TCP(conn).Close() }

type connectionKey struct{}

// withConnection is for http.Server.ConnContext.
func (c *connections) withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// stateChanged is for http.Server.ConnState.
func (c *connections) stateChanged(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[conn] = &connection{client: clientOf(conn.RemoteAddr().String()), since: time.Now()}
		if len(c.open) > c.limit {
			c.makeRoom(conn)
		}
	case http.StateIdle: // the answer has been written
		if one := c.open[conn]; one != nil {
			one.busy, one.since = false, time.Now()
		}
	case http.StateClosed, http.StateHijacked:
		delete(c.open, conn)
		if !handshake.Complete(conn) {
			c.failed++
		}
	}
}

// makeRoom closes an idle connection, or the newest one if none is idle.
func (c *connections) makeRoom(newest net.Conn) {
	perClient := map[netip.Addr]int{}
	for _, one := range c.open {
		perClient[one.client]++
	}
	victim := newest
	best := c.open[newest]
	found := false
	for conn, one := range c.open {
		if one.busy || conn == newest {
			continue
		}
		more, most := perClient[one.client], perClient[best.client]
		if !found || more > most || more == most && one.since.Before(best.since) {
			victim, best, found = conn, one, true
		}
	}
	delete(c.open, victim)
	c.closed++
	cut(victim)
}

// markBusy marks the connections of requests that have arrived completely.
func (c *connections) markBusy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connectionKey{}).(net.Conn); ok {
			c.mu.Lock()
			if one := c.open[conn]; one != nil {
				one.busy = true
			}
			c.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// closeIdle closes the connections without an unanswered request.
func (c *connections) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, one := range c.open {
		if !one.busy {
			cut(conn)
		}
	}
}
