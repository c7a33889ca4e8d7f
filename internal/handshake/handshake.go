// Package handshake bounds what the TLS handshakes of clients cost a server that
// has more urgent things to do. A handshake takes some hundred times the CPU of
// a DNS query, and anyone can start as many as they like.
package handshake

import (
	"context"
	"crypto/tls"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
)

// breather is how long a handshake waits between two others, because Go looks for
// packets at once only when a processor has nothing else to do.
const breather = 50 * time.Microsecond

// Limit bounds the handshakes that use a processor at the same time, to half as
// many as there are processors. A handshake that waits for its client does not
// count, so slow clients keep nobody out.
type Limit struct {
	tokens  chan struct{}
	waiting atomic.Int32
}

// NewLimit returns a limit for all handshakes of a process.
func NewLimit() *Limit {
	return &Limit{tokens: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

func (l *Limit) acquire() {
	l.waiting.Add(1)
	l.tokens <- struct{}{}
	l.waiting.Add(-1)
}

// rest pauses between two handshakes.
func (l *Limit) rest() {
	if l.waiting.Load() > 0 {
		time.Sleep(breather)
	}
}

func (l *Limit) release() { <-l.tokens }

// Server returns a function that makes the TLS side of a server out of a
// connection. The function config is called for each handshake and returns the
// configuration to use then; what it returns is not changed. Clients may resume
// sessions for as long as the function that Server returned is used.
func (l *Limit) Server(config func() *tls.Config) func(net.Conn) *tls.Conn {
	shared := &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			c := config().Clone()
			w := hello.Conn.(*conn)
			w.begin()
			verify := c.VerifyConnection
			c.VerifyConnection = func(state tls.ConnectionState) error {
				// What follows is cheap.
				w.end()
				if verify != nil {
					return verify(state)
				}
				return nil
			}
			return c, nil
		},
	}
	return func(c net.Conn) *tls.Conn { return tls.Server(&conn{Conn: c, limit: l}, shared) }
}

// TCP returns the connection below a TLS connection that Server made, or c itself
// if it is none.
func TCP(c net.Conn) net.Conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if w, ok := c.(*conn); ok {
		c = w.Conn
	}
	return c
}

// Complete reports whether a connection needs no handshake any more. It must not
// be called while one is under way.
func Complete(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	return !ok || t.ConnectionState().HandshakeComplete
}

// conn is the connection below a TLS connection. From the client's first message
// on until the handshake is decided, it holds a token from each message of the
// client to the response. Package tls uses it from one goroutine during that time; it may be closed
// from any.
type conn struct {
	net.Conn
	limit *Limit
	busy  atomic.Bool // the handshake needs tokens
	holds atomic.Bool // a token
}

func (c *conn) begin() {
	c.busy.Store(true)
	c.resume()
	c.limit.rest()
}

func (c *conn) end() {
	c.busy.Store(false)
	c.pause()
}

func (c *conn) resume() {
	if c.holds.Load() {
		return
	}
	c.limit.acquire()
	c.holds.Store(true)
	if !c.busy.Load() { // it was closed meanwhile
		c.pause()
	}
}

func (c *conn) pause() {
	if c.holds.CompareAndSwap(true, false) {
		c.limit.release()
	}
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.end()
	return c.Conn.Close()
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	if !c.busy.Load() {
		return c.Conn.Read(b)
	}
	c.pause()
	n, err := c.Conn.Read(b)
	if err == nil {
		c.resume()
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if !c.busy.Load() {
		return c.Conn.Write(b)
	}
	c.pause() // until something has been read: what the server does meanwhile is cheap
	return c.Conn.Write(b)
}

// Handshake runs the handshake of a connection that Server made. One that takes
// longer than the timeout, or ctx, fails.
func Handshake(ctx context.Context, t *tls.Conn, timeout time.Duration) error {
	t.SetDeadline(time.Now().Add(timeout))
	err := t.HandshakeContext(ctx)
	if w, ok := t.NetConn().(*conn); ok {
		w.end()
	}
	if err == nil {
		err = t.SetDeadline(time.Time{})
	}
	return err
}

// ClientNames returns the names in the certificate of a client, in lower case: its
// common name, DNS names, IP addresses, mail addresses and URIs. There are none if
// the client has shown no certificate, or if none was verified.
func ClientNames(state *tls.ConnectionState) (names []string) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return nil
	}
	c := state.VerifiedChains[0][0]
	names = append(names, c.Subject.CommonName)
	names = append(names, c.DNSNames...)
	names = append(names, c.EmailAddresses...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	for i, name := range names {
		names[i] = strings.ToLower(name)
	}
	return names
}
