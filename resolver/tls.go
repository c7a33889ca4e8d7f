package resolver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"toponym/internal/handshake"
	"toponym/resolver/transfer"
)

// handshakeTimeout bounds the TLS handshake of a client.
const handshakeTimeout = 5 * time.Second

// handshakeCounts count TLS handshakes by their result.
type handshakeCounts struct {
	completed, failed, timedOut atomic.Uint64
}

// ListenTLS opens a listener for queries over TLS, in addition to those of
// [Server.Listen] or [Server.UseSockets]. Port 0 takes any free one. An error says
// what the operator can do, and unwraps to the system's.
func (s *Server) ListenTLS(at netip.AddrPort) error {
	_, tcp := networks(at.Addr(), false)
	l, err := net.ListenTCP(tcp, net.TCPAddrFromAddrPort(at))
	if err != nil {
		return bindError(at.Port(), err)
	}
	s.tls = append(s.tls, l)
	return nil
}

// TLSAddrs are the addresses at which queries are answered over TLS, with the
// actual ports, after [Server.ListenTLS].
func (s *Server) TLSAddrs() (addrs []netip.AddrPort) {
	for _, l := range s.tls {
		at := l.Addr().(*net.TCPAddr).AddrPort()
		addrs = append(addrs, netip.AddrPortFrom(at.Addr().Unmap(), at.Port()))
	}
	return addrs
}

// overTLS has messages go through TLS on the connection.
func (c *connection) overTLS(t *tls.Conn) {
	c.transport, c.conn = TLS, t
	c.in.Reset(t)
	c.out.Reset(t)
}

// handshake runs the TLS handshake of a connection over TLS, and reports whether
// queries can be read. Otherwise the connection is closed.
func (c *connection) handshake(ctx context.Context) bool {
	t, ok := c.conn.(*tls.Conn)
	if !ok {
		return true
	}
	counts := &c.s.handshakes
	err := handshake.Handshake(ctx, t, handshakeTimeout)
	switch {
	case err == nil:
		counts.completed.Add(1)
		state := t.ConnectionState()
		one := *c.responder
		one.session = &transfer.Session{Version: state.Version, Names: handshake.ClientNames(&state)}
		c.responder = &one
		return true
	case errors.Is(err, os.ErrDeadlineExceeded):
		counts.timedOut.Add(1)
	default:
		counts.failed.Add(1)
	}
	c.cut()
	return false
}

// cut closes the connection at once, without the message that would tell the
// client of it with TLS: sending that may have to wait for the client.
func (c *connection) cut() { c.tcp.Close() }
