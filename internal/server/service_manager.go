package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/api"
)

// notifier reports the state of the process to the service manager (sd_notify(3)),
// and does nothing if there is none. It replaces the function of the library, which
// blocks when the manager does not read its socket.
type notifier struct {
	socket string // a path, or a name that begins with @; empty for no manager
	log    logrus.FieldLogger
	failed atomic.Bool // whether the last message failed, which was logged
}

// newNotifier returns a notifier that does nothing unless enabled is set and
// the environment names the manager's socket.
func newNotifier(enabled bool, log logrus.FieldLogger) *notifier {
	n := &notifier{log: log}
	if enabled {
		n.socket = os.Getenv("NOTIFY_SOCKET")
	}
	return n
}

const (
	// notifyTimeout bounds the time to wait for room in the manager's socket.
	notifyTimeout = 500 * time.Millisecond

	// maxAssignment limits an assignment in bytes.
	maxAssignment = 512
)

// tell sends assignments such as READY=1. Each is made a single line: a status quotes
// names from the cluster, and a line break in one of them could set any variable,
// WATCHDOG among them.
func (n *notifier) tell(assignments ...string) {
	if n.socket == "" {
		return
	}
	lines := make([]string, len(assignments))
	for i, a := range assignments {
		lines[i] = oneLine(a, maxAssignment)
	}
	err := n.send(strings.Join(lines, "\n"))
	if failed := err != nil; n.failed.Swap(failed) != failed && failed {
		n.log.WithError(err).Warn("the service manager cannot be notified")
	}
}

// oneLine replaces characters that are not printable, and cuts the text to a number
// of bytes.
func oneLine(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func (n *notifier) send(state string) error {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetWriteDeadline(time.Now().Add(notifyTimeout)); err != nil {
		return err
	}
	_, err = c.Write([]byte(state))
	return err
}

func (n *notifier) ready(status string) { n.tell(daemon.SdNotifyReady, "STATUS="+status) }

func (n *notifier) reloading() {
	monotonic := strings.TrimSpace(daemon.SdNotifyMonotonicUsec()) // ends in a line break
	n.tell(daemon.SdNotifyReloading, monotonic, "STATUS=reading the settings")
}

func (n *notifier) status(status string) { n.tell("STATUS=" + status) }

func (n *notifier) alive() { n.tell(daemon.SdNotifyWatchdog) }

func (n *notifier) stopping() { n.tell(daemon.SdNotifyStopping, "STATUS=stopping") }

// statusLine describes the server in one line.
func (s *Server) statusLine() string {
	names, st := s.Zone().Counts().Names, s.status()
	line := fmt.Sprintf("%d names; %s", names, st.Short())
	if names == 1 {
		line = "1 name; " + st.Short()
	}
	for _, problem := range api.SevereProblems(&st, time.Now(), s.config.Load().Refresh) {
		line += "; " + problem
	}
	return line
}

const (
	statusInterval = time.Second // between two statuses
	probeTimeout   = time.Second // of a query to the server itself
)

// reportStatus reports the status to the service manager until ctx ends, and that the
// server is alive if the unit has a watchdog.
//
// A server is alive if it answers, not if its timers run: either it has
// answered a client since the last check, or it answers a query over its own
// socket. So a flood in which that query is lost does not get it killed.
func (s *Server) reportStatus(ctx context.Context, n *notifier) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.WithError(err).Warn("the watchdog of the service manager is not used")
	}
	interval := statusInterval
	if limit > 0 {
		interval = min(interval, limit/3)
	}
	w := watchdog{
		limit: limit, answered: s.answered, alive: n.alive, log: s.log,
		probe: func() error { return s.probe(ctx, min(probeTimeout, interval)) },
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if limit > 0 {
			w.check(ctx)
		}
		n.status(s.statusLine())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// watchdog tells the service manager that the server is alive.
type watchdog struct {
	limit    time.Duration // after which the manager ends a server that is not alive
	answered func() uint64 // queries so far
	probe    func() error  // sends a query to this server
	alive    func()        // tells the manager
	log      logrus.FieldLogger

	before uint64 // queries answered as of the last check
	silent bool   // whether the last check failed, which was logged
}

func (w *watchdog) check(ctx context.Context) {
	var err error
	if w.answered() == w.before {
		err = w.probe()
	}
	w.before = w.answered() // the probe among them
	switch {
	case err == nil:
		w.alive()
	case ctx.Err() == nil && !w.silent:
		w.log.WithError(err).WithField("watchdog", w.limit).Error("this server does not answer; the service manager will end it")
	}
	w.silent = err != nil
}

// answered returns the number of answered queries.
func (s *Server) answered() uint64 {
	if s.dns == nil {
		return 0
	}
	return s.dns.Answered()
}

// probe sends a query to this server.
func (s *Server) probe(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if s.dns != nil {
		if !s.dns.Addr().IsValid() {
			return nil // it waits for an address
		}
		m := new(dns.Msg).SetQuestion(dns.Fqdn(s.config.Load().Domain), dns.TypeSOA)
		_, err := dns.ExchangeContext(ctx, m, reachable(s.dns.Addr()).String())
		return err
	}
	if s.http == nil {
		return nil
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

// reachable returns an address at which a listener of this host can be reached.
func reachable(at netip.AddrPort) netip.AddrPort {
	switch a := at.Addr(); {
	case !a.IsUnspecified():
		return at
	case a.Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port())
}
