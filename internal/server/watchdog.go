package server

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/miekg/dns"
)

// How often the service manager hears the status, and how long a query of ours
// may take.
const (
	statusEvery  = 10 * time.Second
	probeTimeout = time.Second
)

// reportStatus tells the service manager how the server does until ctx ends, and that
// it is alive where the unit has a watchdog.
//
// Alive is a server that answers, not one whose timers run: either it has
// answered somebody since the last look, or it answers a query of ours over its
// own socket. A flood that has our query lost is thus no reason to be killed.
func (s *Server) reportStatus(ctx context.Context, n *notifier) error {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warnf("there is no watchdog: %v", err)
	}
	every := statusEvery
	if limit > 0 {
		every = min(every, limit/3)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	silent := false
	answered := s.answered()
	for {
		if limit > 0 {
			now := s.answered()
			err := error(nil)
			if now == answered {
				err = s.probe(ctx, min(probeTimeout, every))
			}
			answered = s.answered() // with the probe
			switch {
			case err == nil:
				n.alive()
			case ctx.Err() == nil && !silent:
				s.log.Errorf("this server does not answer: %v; its watchdog ends it after %v", err, limit)
			}
			silent = err != nil
		}
		n.status(s.statusLine())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// answered is how many queries were answered.
func (s *Server) answered() uint64 {
	if s.dns == nil {
		return 0
	}
	return s.dns.Answered()
}

// probe asks the server itself.
func (s *Server) probe(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if s.dns != nil {
		m := new(dns.Msg).SetQuestion(dns.Fqdn(s.config.Load().Domain), dns.TypeSOA)
		_, err := dns.ExchangeContext(ctx, m, reachable(s.dns.Addr()).String())
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/healthz", reachable(s.http.Addr())), nil)
	if err != nil {
		return err
	}
	req.Close = true
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// reachable is where a listener of this host can be reached.
func reachable(at netip.AddrPort) netip.AddrPort {
	switch a := at.Addr(); {
	case !a.IsUnspecified():
		return at
	case a.Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port())
}
