package fakedns

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// Network is a network in memory. Tests in a bubble of testing/synctest use it, so
// that no result depends on how fast the machine is: a packet takes Delay from one
// end to the other, and no other time passes.
//
// Its fields must not change once it is in use.
type Network struct {
	Delay time.Duration

	// Lose reports whether a packet over UDP gets lost. Nil means that none does. It
	// is called from several goroutines.
	Lose func(toServer bool, packet []byte) bool

	// Unreachable is the error that a socket gets for a packet to an address where
	// no server is. Nil means that it gets none. Over TCP no connection is made.
	Unreachable func(packet []byte) error

	running sync.WaitGroup

	mu      sync.Mutex
	servers map[netip.AddrPort]*networkServer
	sockets int // that were opened
}

// NewNetwork returns a network without servers. At the end of the test all packets
// that are under way arrive, and servers finish what they do. Clients must have
// closed their connections by then, as they do when they are stopped in a cleanup of
// a test that created the network before them.
func NewNetwork(t testing.TB) *Network {
	n := &Network{servers: map[netip.AddrPort]*networkServer{}}
	t.Cleanup(n.running.Wait)
	return n
}

type networkServer struct {
	*Server
	tls *tls.Config // nil: it speaks DNS over UDP and TCP
}

// Start starts a server for UDP and TCP.
func (n *Network) Start(answer Answer) *Server { return n.add(nil, answer) }

// StartTLS starts a server for DNS over TLS alone.
func (n *Network) StartTLS(conf *tls.Config, answer Answer) *Server { return n.add(conf, answer) }

func (n *Network) add(conf *tls.Config, answer Answer) *Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(len(n.servers) + 1)}), 53)
	s := &Server{Addr: addr}
	s.Set(answer)
	n.servers[addr] = &networkServer{s, conf}
	s.stop = func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.servers[addr] = nil
	}
	return s
}

// Sockets is how many sockets for UDP were opened.
func (n *Network) Sockets() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sockets
}

func (n *Network) server(addr netip.AddrPort) *networkServer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.servers[addr]
}

var errRefused = errors.New("connection refused")

// Dial opens a connection to a server, or a socket, which needs no server.
func (n *Network) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	if network == "udp" {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.sockets++
		local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(40000+n.sockets))
		return &packetConn{network: n, local: local, remote: addr, in: make(chan packet, 4096), closed: make(chan struct{})}, nil
	}
	if err := sleep(ctx, 2*n.Delay); err != nil {
		return nil, err
	}
	s := n.server(addr)
	if s == nil {
		return nil, errRefused
	}
	s.Conns.Add(1)
	a, b := net.Pipe()
	client, server := n.buffered(a), n.buffered(b)
	if s.tls != nil {
		server = tls.Server(server, s.tls)
	}
	n.running.Go(func() { s.serveStream(server, n.Delay) })
	return client, nil
}

// bufferedConn is one end of a pipe. Writing to it does not block, as long as there is
// not too much that the other end has not read, and closing it loses nothing.
type bufferedConn struct {
	net.Conn

	mu     sync.Mutex
	closed bool
	out    chan []byte
}

func (n *Network) buffered(conn net.Conn) net.Conn {
	c := &bufferedConn{Conn: conn, out: make(chan []byte, 4096)}
	n.running.Go(func() {
		for b := range c.out {
			conn.Write(b)
		}
		conn.Close()
	})
	return c
}

// flushPatience is how long a closed connection waits for its other end to read.
const flushPatience = time.Second

func (c *bufferedConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	select {
	case c.out <- append([]byte(nil), b...):
		return len(b), nil
	default:
		return 0, errors.New("the other end does not read")
	}
}

// Read implements [net.Conn]. On a connection that this end has closed it returns
// net.ErrClosed.
func (c *bufferedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil && c.closed {
		err = net.ErrClosed
	}
	return n, err
}

// SetReadDeadline implements [net.Conn]. A Read of a closed connection has ended already.
func (c *bufferedConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return c.Conn.SetReadDeadline(t)
}

// SetDeadline and SetWriteDeadline leave writing alone, as it does not block. What was
// written must arrive.
func (c *bufferedConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *bufferedConn) SetWriteDeadline(time.Time) error { return nil }

func (c *bufferedConn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.out)
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))                // a Read ends at once
		_ = c.Conn.SetWriteDeadline(time.Now().Add(flushPatience)) // the other end may not read any more
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// packet is what a socket reads: a packet, or an error.
type packet struct {
	data []byte
	err  error
}

// packetConn is a connected UDP socket.
type packetConn struct {
	network       *Network
	local, remote netip.AddrPort
	in            chan packet

	close  sync.Once
	closed chan struct{}
}

// Write sends a packet. It never blocks.
func (c *packetConn) Write(b []byte) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	query := append([]byte(nil), b...)
	c.network.running.Go(func() {
		time.Sleep(c.network.Delay)
		if c.network.Lose != nil && c.network.Lose(true, query) {
			return
		}
		s := c.network.server(c.remote)
		if s == nil || s.tls != nil {
			if c.network.Unreachable != nil {
				c.deliver(packet{err: c.network.Unreachable(query)})
			}
			return
		}
		q := new(dns.Msg)
		if q.Unpack(query) == nil {
			s.ServeDNS(&packetWriter{conn: c}, q)
		}
	})
	return len(b), nil
}

// deliver hands a packet, or an error, to the client. It is lost when the client
// reads too slowly.
func (c *packetConn) deliver(p packet) {
	time.Sleep(c.network.Delay)
	if p.err == nil && c.network.Lose != nil && c.network.Lose(false, p.data) {
		return
	}
	select {
	case c.in <- p:
	default:
	}
}

// Read reads a packet. What does not fit into b is lost.
func (c *packetConn) Read(b []byte) (int, error) {
	select {
	case p := <-c.in:
		return copy(b, p.data), p.err
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *packetConn) Close() error {
	c.close.Do(func() { close(c.closed) })
	return nil
}

func (c *packetConn) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(c.local) }
func (c *packetConn) RemoteAddr() net.Addr             { return net.UDPAddrFromAddrPort(c.remote) }
func (c *packetConn) SetDeadline(time.Time) error      { return nil }
func (c *packetConn) SetReadDeadline(time.Time) error  { return nil }
func (c *packetConn) SetWriteDeadline(time.Time) error { return nil }

// SendError makes the socket that a query came from, over UDP in a Network, read an
// error, such as one for an ICMP message.
func SendError(w dns.ResponseWriter, err error) {
	w.(*packetWriter).conn.deliver(packet{err: err})
}

// packetWriter answers a query over UDP.
type packetWriter struct {
	writer
	conn *packetConn
}

func (w *packetWriter) Write(b []byte) (int, error) {
	w.conn.deliver(packet{data: append([]byte(nil), b...)})
	return len(b), nil
}

func (w *packetWriter) WriteMsg(m *dns.Msg) error { return writeMsg(w, m) }
func (w *packetWriter) LocalAddr() net.Addr       { return w.conn.RemoteAddr() }
func (w *packetWriter) RemoteAddr() net.Addr      { return w.conn.LocalAddr() }

// serveStream answers the queries on a connection in their order, each when the one
// before was handled.
func (s *networkServer) serveStream(conn net.Conn, delay time.Duration) {
	defer conn.Close()
	w := &streamWriter{conn: conn, server: net.TCPAddrFromAddrPort(s.Addr), delay: delay}
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, b); err != nil {
			return
		}
		time.Sleep(delay)
		q := new(dns.Msg)
		if q.Unpack(b) != nil {
			return
		}
		s.ServeDNS(w, q)
	}
}

// streamWriter answers queries over TCP or TLS.
type streamWriter struct {
	writer
	conn   net.Conn
	server net.Addr
	delay  time.Duration
}

func (w *streamWriter) Write(b []byte) (int, error) {
	time.Sleep(w.delay)
	return w.conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
}

func (w *streamWriter) WriteMsg(m *dns.Msg) error { return writeMsg(w, m) }
func (w *streamWriter) LocalAddr() net.Addr       { return w.server }
func (w *streamWriter) RemoteAddr() net.Addr      { return w.server }
func (w *streamWriter) Close() error              { return w.conn.Close() }

func writeMsg(w io.Writer, m *dns.Msg) error {
	b, err := m.Pack()
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}

// writer has the methods of dns.ResponseWriter that need no connection.
type writer struct{}

func (writer) Close() error        { return nil }
func (writer) TsigStatus() error   { return nil }
func (writer) TsigTimersOnly(bool) {}
func (writer) Hijack()             {}
