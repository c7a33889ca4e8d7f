// Package fakedns has DNS servers for tests, which answer as the test wants them
// to: late, wrong, cut, or not at all.
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

// Server is a server on a port of the loopback interface.
type Server struct {
	Addr  netip.AddrPort
	Asked atomic.Int64 // queries that have come
	TCP   atomic.Int64 // of those, the ones over TCP or TLS
	Conns atomic.Int64 // connections that were made

	answer atomic.Pointer[Answer]
	ends   []*dns.Server
}

// Answer says what becomes of a query.
type Answer func(w dns.ResponseWriter, q *dns.Msg)

// Start starts a server for UDP and TCP that lives as long as the test.
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

// StartTLS starts a server for DNS over TLS alone.
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
	s := &Server{Addr: l.Addr().(*net.TCPAddr).AddrPort()}
	s.Set(answer)
	return s
}

func (s *Server) run(t testing.TB, d *dns.Server) {
	started := make(chan struct{})
	d.NotifyStartedFunc = func() { close(started) }
	go d.ActivateAndServe()
	<-started
	s.ends = append(s.ends, d)
	t.Cleanup(func() { d.Shutdown() })
}

// Stop ends the server before the test does.
func (s *Server) Stop() {
	for _, d := range s.ends {
		d.Shutdown()
	}
}

// Set changes how the server answers from now on.
func (s *Server) Set(answer Answer) { s.answer.Store(&answer) }

// ServeDNS is called with each query.
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

// Records answers with records in presentation form, those that have the name
// and the type of the question, or a CNAME record of that name. Names for which
// there are none do not exist.
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
			m.Ns = []dns.RR{SOA}
		}
		w.WriteMsg(m)
	}
}

// SOA is the record that stands in negative answers: they may be remembered for
// 60 seconds.
var SOA, _ = dns.NewRR("test. 300 IN SOA ns.test. root.test. 1 2 3 4 60")

// Rcode answers with a code alone.
func Rcode(rcode int) Answer {
	return func(w dns.ResponseWriter, q *dns.Msg) { w.WriteMsg(new(dns.Msg).SetRcode(q, rcode)) }
}
