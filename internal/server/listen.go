package server

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"toponym/config"
	"toponym/resolver"
)

// ListenError is an address that the server cannot listen on.
type ListenError struct {
	Service string         // "DNS", "DNS over TLS", "HTTP", "HTTPS" or "profiles"
	Addr    netip.AddrPort // as the settings have it
	Chosen  string         // the settings or flags that choose it
	Err     error
}

// Error implements error.
func (e *ListenError) Error() string {
	return fmt.Sprintf("cannot serve %s on %s (%s): %s", e.Service, e.Addr, e.Chosen, e.reason())
}

// Unwrap returns the reason.
func (e *ListenError) Unwrap() error { return e.Err }

func (e *ListenError) reason() string {
	var number syscall.Errno
	if !errors.As(e.Err, &number) {
		return e.Err.Error()
	}
	switch number {
	case syscall.EACCES, syscall.EPERM:
		return fmt.Sprintf("%v: ports below 1024 need CAP_NET_BIND_SERVICE", number)
	case syscall.EADDRINUSE:
		return fmt.Sprintf("%v: another program listens there (run: ss -lntup 'sport = :%d')", number, e.Addr.Port())
	case syscall.EADDRNOTAVAIL:
		return fmt.Sprintf("%v: this host does not have that address", number)
	}
	return number.Error()
}

// dnsListenError tells which address of the settings cannot be used.
func dnsListenError(c *config.Config, err error) error {
	at := c.DNSAddr()
	if e := (*resolver.ListenError)(nil); errors.As(err, &e) {
		at, err = e.Addr, e.Err
	}
	return &ListenError{"DNS", at, "settings listener and port", err}
}

// Listen opens all sockets, so that errors in their settings are known before
// anything runs. The error is a ListenError where an address cannot be used.
func (s *Server) Listen() error {
	if s.o.Sockets != nil {
		if err := s.adopt(s.o.Sockets); err != nil {
			return err
		}
	}
	c := s.config.Load()
	if s.dns != nil && !s.adoptedDNS {
		if err := s.dns.Listen(); err != nil {
			return dnsListenError(c, err)
		}
		for _, at := range s.dns.Addrs() {
			s.log.WithField("addr", at).Info("answering DNS over UDP and TCP")
		}
	}
	if s.dns != nil {
		for i, addr := range c.TLSListen {
			if err := s.dns.ListenTLS(addr); err != nil {
				return &ListenError{"DNS over TLS", addr, "setting tlsListen", err}
			}
			s.log.WithField("addr", s.dns.TLSAddrs()[i]).Info("answering DNS over TLS")
		}
	}
	if s.http != nil && !s.http.Addr().IsValid() {
		if err := s.http.Listen(); err != nil {
			return &ListenError{"HTTP", c.ListenHTTP(), "settings HTTPListener and httpport", err}
		}
		s.log.WithField("addr", s.http.Addr()).Info("answering HTTP")
	}
	if s.http != nil {
		for i, addr := range c.HTTPSListen {
			if err := s.http.ListenTLS(addr); err != nil {
				return &ListenError{"HTTPS", addr, "setting httpsListen", err}
			}
			s.log.WithField("addr", s.http.TLSAddrs()[i]).Info("answering HTTPS")
		}
	}
	if c.PprofListen.IsValid() {
		var err error
		if s.profiles, err = listenProfiles(c.PprofListen); err != nil {
			return &ListenError{"profiles", c.PprofListen, "setting pprofListen", err}
		}
		s.log.WithField("addr", s.profiles.Addr()).Info("serving profiles")
	}
	return nil
}
