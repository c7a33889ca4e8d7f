package fakemesosdns

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
)

// Server answers over HTTP and DNS from a zone, as Mesos-DNS does.
type Server struct {
	// Version is that of /v1/version.
	Version string
	// RefreshSeconds is the polling interval that it tells. It polls nothing: the
	// owner calls SetZone.
	RefreshSeconds int

	settings Settings
	port     atomic.Int32 // of DNS
	zone     atomic.Pointer[Zone]
}

const ttl = 60

// NewServer returns a server with an empty zone.
func NewServer(s Settings) *Server {
	server := &Server{Version: "0.10.0", RefreshSeconds: 60, settings: s.withDefaults()}
	server.zone.Store(&Zone{})
	return server
}

// SetZone makes the server answer from another zone.
func (s *Server) SetZone(z *Zone) { s.zone.Store(z) }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	z := s.zone.Load()
	var answer any
	switch r.URL.Path {
	case "/v1/version":
		answer = map[string]string{"Service": "Mesos-DNS", "Version": s.Version, "URL": "https://github.com/m3scluster/mesos-dns"}
	case "/v1/config":
		answer = map[string]any{
			"RefreshSeconds": s.RefreshSeconds, "Port": s.port.Load(), "TTL": ttl, "Domain": s.settings.Domain,
			"Masters": s.settings.Masters, "IPSources": s.settings.IPSources, "EnforceRFC952": s.settings.EnforceRFC952,
			"SOAMname": dotted(s.settings.SOAMname), "SRVRecordDefaultWeight": 1,
		}
	case "/v1/enumerate":
		answer = map[string]any{"frameworks": z.Frameworks}
	case "/v1/axfr":
		answer = s.axfr(z)
	default:
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(indent(answer)) // a client that has gone
}

// axfr is the answer of /v1/axfr.
func (s *Server) axfr(z *Zone) any {
	return map[string]any{
		"TTL": ttl, "Serial": 1, "RefreshSeconds": s.RefreshSeconds,
		"Mname": dotted(s.settings.SOAMname), "Rname": "root.ns1.mesos.", "Domain": s.settings.Domain,
		"Records": map[string]any{"As": z.As, "AAAAs": z.AAAAs, "SRVs": z.SRVs},
	}
}

// AXFR returns what /v1/axfr answers for a zone.
func AXFR(z *Zone, s Settings) []byte { return indent(NewServer(s).axfr(z)) }

func indent(v any) []byte {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		panic(err) // these values can be encoded
	}
	return append(b, '\n')
}

// ListenDNS serves DNS over UDP and TCP at an address until stop is called. With port
// 0 it takes one that is free for both.
func (s *Server) ListenDNS(at netip.AddrPort) (stop func(), err error) {
	var tcp net.Listener
	var udp net.PacketConn
	for range 10 {
		if tcp, err = net.Listen("tcp", at.String()); err != nil {
			return nil, err
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			break
		}
		tcp.Close()
		if at.Port() != 0 {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	bound := tcp.Addr().(*net.TCPAddr).AddrPort()
	s.port.Store(int32(bound.Port()))
	servers := []*dns.Server{{PacketConn: udp, Handler: s}, {Listener: tcp, Handler: s}}
	for _, one := range servers {
		go one.ActivateAndServe()
	}
	return func() {
		udp.Close()
		tcp.Close()
	}, nil
}

// ServeDNS implements [dns.Handler]. Only names in the domain are answered.
func (s *Server) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	m := new(dns.Msg).SetReply(r)
	m.Authoritative, m.RecursionAvailable = true, true
	if len(r.Question) != 1 || !dns.IsSubDomain(dotted(s.settings.Domain), r.Question[0].Name) {
		m.Rcode = dns.RcodeRefused
		_ = w.WriteMsg(m) // a client that has gone
		return
	}
	z, q := s.zone.Load(), r.Question[0]
	name := strings.ToLower(strings.ReplaceAll(q.Name, ".*", ""))
	header := func(rtype uint16) dns.RR_Header {
		return dns.RR_Header{Name: q.Name, Rrtype: rtype, Class: dns.ClassINET, Ttl: ttl}
	}
	soa := &dns.SOA{Hdr: header(dns.TypeSOA), Ns: dotted(s.settings.SOAMname), Mbox: "root.ns1.mesos.", Serial: 1, Refresh: 60, Retry: 600, Expire: 86400, Minttl: ttl}
	switch q.Qtype {
	case dns.TypeA:
		for _, text := range z.As[name] {
			if a := net.ParseIP(text); a != nil {
				m.Answer = append(m.Answer, &dns.A{Hdr: header(dns.TypeA), A: a})
			}
		}
	case dns.TypeAAAA:
		for _, text := range z.AAAAs[name] {
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: net.ParseIP(text)})
		}
	case dns.TypeSRV:
		for _, datum := range z.SRVs[name] {
			target, text, _ := strings.Cut(datum, ":")
			if port, err := strconv.Atoi(text); err == nil {
				m.Answer = append(m.Answer, &dns.SRV{Hdr: header(dns.TypeSRV), Weight: 1, Port: uint16(port), Target: target})
			}
		}
	case dns.TypeSOA:
		m.Ns = []dns.RR{soa}
	case dns.TypeNS:
		m.Ns = []dns.RR{&dns.NS{Hdr: header(dns.TypeNS), Ns: soa.Ns}}
	}
	if len(m.Answer) == 0 && q.Qtype != dns.TypeSOA && q.Qtype != dns.TypeNS && q.Qtype != dns.TypeSRV {
		m.Ns = []dns.RR{soa}
		if len(z.As[name])+len(z.AAAAs[name])+len(z.SRVs[name]) == 0 {
			m.Rcode = dns.RcodeNameError
		}
	}
	m.Compress = true
	size := dns.MinMsgSize
	if o := r.IsEdns0(); o != nil {
		size = int(o.UDPSize())
	}
	if w.RemoteAddr().Network() == "tcp" {
		size = dns.MaxMsgSize
	}
	m.Truncate(size)
	_ = w.WriteMsg(m) // a client that has gone, or a name that does not fit
}
