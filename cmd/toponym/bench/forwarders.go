//go:build bench && linux && (amd64 || arm64)

package main

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// forwarder is a peer for forwarding. Each runs with one thread and a cache that
// holds all names.
type forwarder struct {
	name, pkg, program string // without a package the program must be installed
	settings           func(s *server, dir string, up netip.AddrPort) string
	args               func(settings string) []string
	cases              []string // nil: all
}

// CoreDNS is measured with its cache, and for misses also without: a miss costs
// more with the cache.
const (
	corednsName  = "coredns"
	corednsPlain = "coredns-plain"
)

var forwarders = []forwarder{
	{"unbound", "unbound", "unbound", unboundSettings, func(f string) []string { return []string{"-d", "-p", "-c", f} }, nil},
	{"dnsmasq", "dnsmasq-base", "dnsmasq", dnsmasqSettings, func(f string) []string { return []string{"-k", "-C", f} }, nil},
	{"dnsdist", "dnsdist", "dnsdist", dnsdistSettings, func(f string) []string { return []string{"--supervised", "--disable-syslog", "-C", f} }, nil},
	{corednsName, "", corednsName, corednsSettings("\tcache {\n\t\tsuccess 2000000\n\t}\n"), corednsArgs, nil},
	{corednsPlain, "", corednsName, corednsSettings(""), corednsArgs, []string{"miss"}},
}

func forwarderNames() (out []string) {
	for _, p := range forwarders {
		out = append(out, p.name)
	}
	return out
}

func unboundSettings(s *server, dir string, up netip.AddrPort) string {
	return fmt.Sprintf(`server:
  interface: %[1]s@%[2]d
  num-threads: 1
  username: ""
  chroot: ""
  directory: "%[3]s"
  pidfile: "%[3]s/unbound.pid"
  use-syslog: no
  verbosity: 0
  do-not-query-localhost: no
  module-config: "iterator"
  outgoing-range: 4096
  num-queries-per-thread: 2048
  msg-cache-size: 256m
  rrset-cache-size: 512m
  so-rcvbuf: 4m
  edns-buffer-size: 1232
  minimal-responses: yes
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: %[4]s@%[5]d
`, s.addr.Addr(), s.addr.Port(), dir, up.Addr(), up.Port())
}

func dnsmasqSettings(s *server, _ string, up netip.AddrPort) string {
	return fmt.Sprintf(`port=%[2]d
listen-address=%[1]s
bind-interfaces
no-resolv
no-hosts
no-poll
user=root
cache-size=1000000
dns-forward-max=10000
server=%[3]s#%[4]d
`, s.addr.Addr(), s.addr.Port(), up.Addr(), up.Port())
}

func dnsdistSettings(s *server, _ string, up netip.AddrPort) string {
	return fmt.Sprintf(`setLocal("%[1]s")
newServer{address="%[2]s", healthCheckMode="up"}
setMaxUDPOutstanding(65535)
getPool(""):setCache(newPacketCache(2000000, {maxTTL=86400}))
setSecurityPollSuffix("")
`, s.addr, up)
}

func corednsSettings(cache string) func(*server, string, netip.AddrPort) string {
	return func(s *server, _ string, up netip.AddrPort) string {
		return fmt.Sprintf(".:%d {\n\tbind %s\n%s\tforward . %s\n}\n", s.addr.Port(), s.addr.Addr(), cache, up)
	}
}

func corednsArgs(settings string) []string { return []string{"-conf", settings} }

// program returns the path of a forwarder.
func (l *lab) program(p forwarder) (string, error) {
	if p.pkg != "" {
		return l.ensure(p.program, p.pkg)
	}
	path, err := find(l.o.CoreDNS)
	if err != nil {
		return "", fmt.Errorf("%w: %w (-coredns says where it is)", errMissing, err)
	}
	return path, nil
}

// startForwarder starts a server and waits until it answers.
func (l *lab) startForwarder(p forwarder, up netip.AddrPort) (*server, error) {
	program, err := l.program(p)
	if err != nil {
		return nil, err
	}
	s := &server{name: p.name, cases: p.cases}
	settings := func(dir string) string { return p.settings(s, dir, up) }
	if err := l.launch(s, []int{l.o.ServerCore}, program, settings, p.args); err != nil {
		return nil, err
	}
	return s, s.proc.await(time.Minute, func() error {
		m, _, err := (&dns.Client{Timeout: time.Second}).Exchange(new(dns.Msg).SetQuestion("n1."+forwardZone, dns.TypeA), s.addr.String())
		if err == nil && len(m.Answer) != 1 {
			err = fmt.Errorf("%s for a name to forward", dns.RcodeToString[m.Rcode])
		}
		return err
	})
}
