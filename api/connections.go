package api

import (
	linked "container/list"
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

// acceptPause is how long no connection is accepted after one that had to be made
// room for. It bounds what a client can cost that opens connections without pause.
const acceptPause = 200 * time.Microsecond

// connections are the open connections of a server. When there are too many, an
// idle one is closed: of the client that has most of them, the one that has been
// idle longest. A shutdown waits only for connections with an unanswered request;
// http.Server.Shutdown alone also waits for connections that never sent one.
//
// Those of watchers are never idle. They have a lower limit of their own, so that
// others find room (watch.go).
type connections struct {
	limit int

	mu      sync.Mutex
	open    map[net.Conn]*connection
	clients map[netip.Addr]*connectionsOf
	closed  uint64 // that were closed to make room
	failed  uint64 // whose TLS handshake was not completed
}

// connectionsOf are the open connections of a client.
type connectionsOf struct {
	addr netip.Addr
	open int
	idle linked.List // of *connection; the one that has been idle for longest first
}

// connection is the state of an open connection.
type connection struct {
	conn   net.Conn
	client *connectionsOf
	idle   *linked.Element // nil while a complete request has arrived and is not answered yet
	since  time.Time       // when it became idle
}

func newConnections(limit int) *connections {
	if limit <= 0 {
		limit = maxConnections
	}
	return &connections{limit: limit, open: map[net.Conn]*connection{}, clients: map[netip.Addr]*connectionsOf{}}
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

// stateChanged is for http.Server.ConnState. The goroutine that accepts connections
// calls it for new ones.
func (c *connections) stateChanged(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.add(conn) {
			time.Sleep(acceptPause)
		}
	case http.StateIdle: // the answer has been written
		c.setBusy(conn, false)
	case http.StateClosed, http.StateHijacked:
		c.mu.Lock()
		defer c.mu.Unlock()
		if one := c.open[conn]; one != nil {
			c.forget(one)
		}
		if !handshake.Complete(conn) {
			c.failed++
		}
	}
}

// add takes a new connection. It reports whether another had to be closed.
func (c *connections) add(conn net.Conn) (full bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	addr := clientOf(conn.RemoteAddr().String())
	client := c.clients[addr]
	if client == nil {
		client = &connectionsOf{addr: addr}
		c.clients[addr] = client
	}
	one := &connection{conn: conn, client: client, since: time.Now()}
	client.open++
	c.open[conn] = one
	if full = len(c.open) > c.limit; full {
		c.makeRoom(one)
	}
	if c.open[conn] != nil {
		one.idle = client.idle.PushBack(one)
	}
	return full
}

// makeRoom closes an idle connection, or the newest one, which is in no list yet, if
// none is idle.
func (c *connections) makeRoom(newest *connection) {
	victim := newest
	for _, client := range c.clients {
		e := client.idle.Front()
		if e == nil {
			continue
		}
		one := e.Value.(*connection)
		more, most := client.open, victim.client.open
		if victim == newest || more > most || more == most && one.since.Before(victim.since) {
			victim = one
		}
	}
	c.forget(victim)
	c.closed++
	cut(victim.conn)
}

func (c *connections) forget(one *connection) {
	if one.idle != nil {
		one.client.idle.Remove(one.idle)
		one.idle = nil
	}
	if one.client.open--; one.client.open == 0 {
		delete(c.clients, one.client.addr)
	}
	delete(c.open, one.conn)
}

// limitBuffer bounds what the kernel keeps for a client that does not read, on the
// connection of a request.
func limitBuffer(r *http.Request, bytes int) {
	conn, _ := r.Context().Value(connectionKey{}).(net.Conn)
	if tcp, ok := handshake.TCP(conn).(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(bytes)
	}
}

// setBusy says whether a request has arrived on a connection that is not answered
// yet.
func (c *connections) setBusy(conn net.Conn, busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := c.open[conn]
	if one == nil {
		return
	}
	if one.idle != nil {
		one.client.idle.Remove(one.idle)
		one.idle = nil
	}
	if !busy {
		one.since = time.Now()
		one.idle = one.client.idle.PushBack(one)
	}
}

// markBusy marks the connections of requests that have arrived completely.
func (c *connections) markBusy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(connectionKey{}).(net.Conn); ok {
			c.setBusy(conn, true)
		}
		next.ServeHTTP(w, r)
	})
}

// closeIdle closes the connections without an unanswered request.
func (c *connections) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn, one := range c.open {
		if one.idle != nil {
			cut(conn)
		}
	}
}
