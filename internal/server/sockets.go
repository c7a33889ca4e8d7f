package server

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

// Sockets are those that the service manager has opened for this process
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

// InheritedSockets takes over the sockets that the service manager has passed
// to this process. It may be called once in a process. The error tells which
// socket cannot be used and why.
func InheritedSockets() (*Sockets, error) {
	s := &Sockets{}
	var errs []error
	for _, f := range activation.Files(true) {
		if err := s.add(f); err != nil {
			errs = append(errs, fmt.Errorf("socket %q of the service manager: %w", f.Name(), err))
		}
		f.Close() // add has made a copy
	}
	return s, errors.Join(errs...)
}

var errSocketKind = errors.New("is of the wrong kind")

func (s *Sockets) add(f *os.File) error {
	switch f.Name() {
	case dnsSocket, dnsUDPSocket, dnsTCPSocket, httpSocket:
	default:
		return fmt.Errorf("FileDescriptorName must be %s, %s, %s or %s", dnsSocket, dnsUDPSocket, dnsTCPSocket, httpSocket)
	}
	if l, err := net.FileListener(f); err == nil {
		if err := s.addListener(f.Name(), l); err != nil {
			l.Close()
			return err
		}
		return nil
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
	return errSocketKind
}

func (s *Sockets) addListener(name string, l net.Listener) error {
	tcp, ok := l.(*net.TCPListener)
	switch {
	case !ok || name == dnsUDPSocket:
		return errSocketKind
	case name != httpSocket:
		s.tcp = append(s.tcp, tcp)
	case s.http != nil:
		return errors.New("there are two")
	default:
		s.http = tcp
	}
	return nil
}

// adopt answers on inherited sockets. Those for a part of the server that is
// switched off stay unused.
func (s *Server) adopt(in *Sockets) error {
	if s.dns != nil && len(in.udp)+len(in.tcp) > 0 {
		if err := s.dns.UseSockets(in.udp, in.tcp); err != nil {
			return err
		}
		s.adoptedDNS = true
		s.log.WithField("addr", s.dns.Addr()).Info("answering DNS on sockets of the service manager; the settings listener and port are not used")
	}
	if s.http != nil && in.http != nil {
		s.http.Adopt(in.http)
		s.log.WithField("addr", s.http.Addr()).Info("answering HTTP on a socket of the service manager; the settings HTTPListener and httpport are not used")
	}
	return nil
}
