package server

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are those that the service manager has opened for us
// (sd_listen_fds(3)). Units name them with FileDescriptorName=.
type Sockets struct {
	udp  []*net.UDPConn
	tcp  []*net.TCPListener
	http net.Listener
}

// Names of sockets. A unit gives all of its sockets one name, so there is one
// for both transports.
const (
	dnsSocket    = "dns"
	dnsUDPSocket = "dns-udp"
	dnsTCPSocket = "dns-tcp"
	httpSocket   = "http"
)

// InheritedSockets takes the sockets over, once in a process.
func InheritedSockets() (*Sockets, error) {
	s := &Sockets{}
	var errs []error
	for _, f := range activation.Files(true) {
		if err := s.add(f); err != nil {
			errs = append(errs, fmt.Errorf("the socket %q of the service manager: %w", f.Name(), err))
		}
		f.Close() // what is used of it is a copy
	}
	return s, errors.Join(errs...)
}

func (s *Sockets) add(f *os.File) error {
	switch f.Name() {
	case dnsSocket, dnsUDPSocket, dnsTCPSocket, httpSocket:
	default:
		return fmt.Errorf("FileDescriptorName must be %s, %s, %s or %s", dnsSocket, dnsUDPSocket, dnsTCPSocket, httpSocket)
	}
	l, err := net.FileListener(f)
	if err == nil {
		tcp, ok := l.(*net.TCPListener)
		switch {
		case ok && f.Name() == httpSocket && s.http == nil:
			s.http = l
			return nil
		case ok && (f.Name() == dnsSocket || f.Name() == dnsTCPSocket):
			s.tcp = append(s.tcp, tcp)
			return nil
		}
		l.Close()
		if ok && f.Name() == httpSocket {
			return errors.New("there are two")
		}
		return errors.New("is of the wrong kind")
	}
	c, err := net.FilePacketConn(f)
	if err != nil {
		return err
	}
	if udp, ok := c.(*net.UDPConn); ok && (f.Name() == dnsSocket || f.Name() == dnsUDPSocket) {
		s.udp = append(s.udp, udp)
		return nil
	}
	c.Close()
	return errors.New("is of the wrong kind")
}

// adopt has the rooms answer on sockets that were inherited. Those for a room
// that is switched off stay unused.
func (s *Server) adopt(in *Sockets) error {
	if s.dns != nil && len(in.udp)+len(in.tcp) > 0 {
		if err := s.dns.Adopt(in.udp, in.tcp); err != nil {
			return err
		}
		s.log.Infof("answering DNS on %s, on sockets of the service manager: listener and port do not count", s.dns.Addr())
	}
	if s.http != nil && in.http != nil {
		s.http.Adopt(in.http)
		s.log.Infof("answering HTTP on %s, on a socket of the service manager", s.http.Addr())
	}
	return nil
}
