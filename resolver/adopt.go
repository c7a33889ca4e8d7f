package resolver

import (
	"errors"
	"net"
	"net/netip"
)

// Adopt has the server answer on sockets that somebody else has opened, such as
// systemd, in the place of [Server.Listen]. It takes one or more of each kind,
// which the server closes in the end.
func (s *Server) Adopt(udp []*net.UDPConn, tcp []*net.TCPListener) error {
	switch {
	case s.udp != nil:
		return errors.New("resolver: the server listens already")
	case len(udp) == 0:
		return errors.New("no socket for DNS over UDP was handed over")
	case len(tcp) == 0:
		return errors.New("no socket for DNS over TCP was handed over")
	}
	for _, u := range udp {
		if err := configureUDP(u); err != nil {
			return err
		}
	}
	s.adopted = true
	s.udp, s.moreUDP = udp[0], udp[1:]
	s.tcp, s.moreTCP = tcp[0], tcp[1:]
	at := udp[0].LocalAddr().(*net.UDPAddr).AddrPort()
	s.addr = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	return nil
}

// share gives sockets for that many workers: those that were adopted, and more
// descriptors of the same ones, as only who opened a socket can open another at
// the same place.
func dupSockets(adopted []*net.UDPConn, workers int) (sockets []*net.UDPConn, err error) {
	sockets = append(sockets, adopted...)
	for i := 0; len(sockets) < workers; i++ {
		again, err := dupSocket(adopted[i%len(adopted)])
		if err != nil {
			return sockets, err
		}
		sockets = append(sockets, again)
	}
	return sockets, nil
}

func dupSocket(udp *net.UDPConn) (*net.UDPConn, error) {
	f, err := udp.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}
