package fakedns

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Socket is a UDP socket in a [Network] that is not connected.
type Socket struct {
	network *Network
	local   netip.AddrPort
	in      chan arrived

	close  sync.Once
	closed chan struct{}
}

// arrived is a packet, and where it comes from.
type arrived struct {
	data []byte
	from netip.AddrPort
}

// Listen opens a socket with an address. A port of 0 becomes another one.
func (n *Network) Listen(local netip.AddrPort) *Socket {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sockets++
	if local.Port() == 0 {
		local = netip.AddrPortFrom(local.Addr(), uint16(40000+n.sockets))
	}
	return &Socket{network: n, local: local, in: make(chan arrived, 4096), closed: make(chan struct{})}
}

// WriteToUDPAddrPort sends a packet. It never blocks.
func (s *Socket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	query := append([]byte(nil), b...)
	n := s.network
	n.running.Go(func() {
		time.Sleep(n.Delay)
		if n.Lose != nil && n.Lose(true, query) {
			return
		}
		server := n.server(to)
		if server == nil || server.tls != nil {
			return
		}
		q := new(dns.Msg)
		if q.Unpack(query) == nil {
			server.ServeDNS(&socketWriter{socket: s, server: to}, q)
		}
	})
	return len(b), nil
}

// Deliver hands a packet to the socket as if it came from an address, which may be
// forged. It is lost when the socket is read too slowly.
func (s *Socket) Deliver(packet []byte, from netip.AddrPort) {
	time.Sleep(s.network.Delay)
	if s.network.Lose != nil && s.network.Lose(false, packet) {
		return
	}
	select {
	case s.in <- arrived{packet, from}:
	default:
	}
}

// ReadFromUDPAddrPort reads a packet. What does not fit into b is lost.
func (s *Socket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-s.in:
		return copy(b, p.data), p.from, nil
	case <-s.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

// SetWriteDeadline does nothing, as sending does not block.
func (s *Socket) SetWriteDeadline(time.Time) error { return nil }

// LocalAddrPort is the address of the socket.
func (s *Socket) LocalAddrPort() netip.AddrPort { return s.local }

// Close closes the socket.
func (s *Socket) Close() error {
	s.close.Do(func() { close(s.closed) })
	return nil
}

// socketWriter answers a query that came from a socket.
type socketWriter struct {
	writer
	socket *Socket
	server netip.AddrPort
}

func (w *socketWriter) Write(b []byte) (int, error) {
	w.socket.Deliver(append([]byte(nil), b...), w.server)
	return len(b), nil
}

func (w *socketWriter) WriteMsg(m *dns.Msg) error { return writeMsg(w, m) }
func (w *socketWriter) LocalAddr() net.Addr       { return net.UDPAddrFromAddrPort(w.server) }
func (w *socketWriter) RemoteAddr() net.Addr      { return net.UDPAddrFromAddrPort(w.socket.local) }
