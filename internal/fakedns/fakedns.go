// Package fakedns provides DNS servers for tests. They answer as a test needs it:
// late, wrong, truncated, or not at all.
//
// Servers of [Start] use real sockets on the loopback interface. Those of a [Network]
// live in memory, for tests with a fake clock.
package fakedns

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

// Server is a DNS server.
type Server struct {
	Addr  netip.AddrPort
	Asked atomic.Int64 // queries received
	TCP   atomic.Int64 // queries received over TCP or TLS
	Conns atomic.Int64 // connections accepted

	answer atomic.Pointer[Answer]
	stop   func()
}

// Answer handles a query.
type Answer func(w dns.ResponseWriter, q *dns.Msg)

// Start starts a server for UDP and TCP on a port of the loopback interface. It
// stops when the test ends.
func Start(t testing.TB, answer Answer) *Server {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		udp, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			l.Close()
			continue // another program has the port for UDP
		}
		s := serverAt(l, answer)
		s.run(t, &dns.Server{PacketConn: udp, Handler: s})
		s.run(t, &dns.Server{Listener: counted{l, s}, Handler: s, MaxTCPQueries: -1})
		return s
	}
}

// StartTLS starts a server for DNS over TLS alone, like Start.
func StartTLS(t testing.TB, conf *tls.Config, answer Answer) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := serverAt(l, answer)
	s.run(t, &dns.Server{Listener: tls.NewListener(counted{l, s}, conf), Handler: s, MaxTCPQueries: -1})
	return s
}

func serverAt(l net.Listener, answer Answer) *Server {
	s := &Server{Addr: l.Addr().(*net.TCPAddr).AddrPort(), stop: func() {}}
	s.Set(answer)
	return s
}

func (s *Server) run(t testing.TB, d *dns.Server) {
	started := make(chan struct{})
	d.NotifyStartedFunc = func() { close(started) }
	go d.ActivateAndServe()
	<-started
	t.Cleanup(func() { d.Shutdown() })
	before := s.stop
	s.stop = func() { d.Shutdown(); before() }
}

// Stop stops the server before the test ends.
func (s *Server) Stop() { s.stop() }

// Set changes how the server answers from now on.
func (s *Server) Set(answer Answer) { s.answer.Store(&answer) }

// ServeDNS handles a query.
func (s *Server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.Asked.Add(1)
	if OverTCP(w) {
		s.TCP.Add(1)
	}
	(*s.answer.Load())(w, q)
}

// OverTCP reports whether a query came over TCP or TLS.
func OverTCP(w dns.ResponseWriter) bool { return w.LocalAddr().Network() == "tcp" }

type counted struct {
	net.Listener
	s *Server
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.s.Conns.Add(1)
	}
	return conn, err
}

// Silent never answers.
func Silent(dns.ResponseWriter, *dns.Msg) {}

// Records answers with those of the records, in presentation form, that have the
// name and the type of the question, and with CNAME records of that name. Names
// without records do not exist.
func Records(lines ...string) Answer {
	var all []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			panic(err)
		}
		all = append(all, rr)
	}
	return func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.RecursionAvailable, m.Compress = true, true
		if o := q.IsEdns0(); o != nil {
			m.SetEdns0(1232, o.Do())
		}
		m.Rcode = dns.RcodeNameError
		for _, rr := range all {
			h := rr.Header()
			if !strings.EqualFold(h.Name, q.Question[0].Name) {
				continue
			}
			m.Rcode = dns.RcodeSuccess
			if h.Rrtype == q.Question[0].Qtype || h.Rrtype == dns.TypeCNAME {
				m.Answer = append(m.Answer, dns.Copy(rr))
			}
		}
		if len(m.Answer) == 0 {
			m.Ns = []dns.RR{soa(q.Question[0].Name)}
		}
		w.WriteMsg(m)
	}
}

// soa is the record in negative answers, of the top-level domain. They may be kept for
// 60 seconds.
func soa(name string) dns.RR {
	labels := dns.SplitDomainName(name)
	if len(labels) > 1 {
		labels = labels[len(labels)-1:]
	}
	rr, err := dns.NewRR(dns.Fqdn(strings.Join(labels, ".")) + " 300 IN SOA ns.test. root.test. 1 2 3 4 60")
	if err != nil {
		panic(err)
	}
	return rr
}

// Rcode answers with a response code and nothing else.
func Rcode(rcode int) Answer {
	return func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(q, rcode)) }
}
