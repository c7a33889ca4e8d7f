package transfer

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/records"
)

// Rule allows zone transfers to clients that meet all of its conditions.
type Rule struct {
	Prefix netip.Prefix // the network that the client is in; the zero value is any
	Key    records.Name // the key that the query is signed with; "" is any, and none
	TLS    bool         // the query comes over TLS
	Cert   string       // a name in the verified certificate of the client; "*" is any name, "" is no condition
}

// Session is the TLS session that a query comes over.
type Session struct {
	Version uint16   // such as tls.VersionTLS13
	Names   []string // in the verified certificate of the client, in lower case
}

// allows reports whether a rule allows a client whose query has a valid signature
// by a key, or none, and comes over TLS if there is a session.
func (r Rule) allows(client netip.Addr, key *Key, s *Session) bool {
	return (!r.Prefix.IsValid() || r.Prefix.Contains(client)) &&
		(r.Key == "" || key != nil && key.name == r.Key) &&
		(!r.TLS || s != nil) &&
		(r.Cert == "" || s != nil && (r.Cert == "*" && len(s.Names) > 0 || slices.Contains(s.Names, r.Cert)))
}

// allowed reports whether any rule allows a client. Without rules nobody is, and
// neither is who has a version of TLS that is too old for zones (RFC 9103, section
// 7.1).
func allowed(rules []Rule, client netip.Addr, key *Key, s *Session) bool {
	if s != nil && s.Version < tls.VersionTLS13 {
		return false
	}
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.allows(client, key, s) })
}

// Networks that count as one client for limits, in bits: a host can use all
// addresses of an IPv6 network.
const (
	clientIPv4 = 32
	clientIPv6 = 64
)

// clientPrefix returns the address of a client, or for IPv6 its network.
func clientPrefix(a netip.Addr) netip.Prefix {
	bits := clientIPv4
	if a.Is6() {
		bits = clientIPv6
	}
	p, _ := a.Prefix(bits)
	return p
}

const (
	// refusalInterval is how often a line about one client is logged at most.
	refusalInterval = time.Minute

	// maxRefusalLines bounds the lines in that time, since the address of a query
	// over UDP may be forged.
	maxRefusalLines = 16
)

// refusals logs who was refused, each client once a minute.
type refusals struct {
	log logrus.FieldLogger
	now func() time.Time

	mu       sync.Mutex
	since    time.Time                 // when this minute began
	logged   map[netip.Prefix]struct{} // in this minute
	unlogged int                       // refusals since the last line
}

// add logs that a client was refused, unless a line about it has been logged in
// this minute.
func (r *refusals) add(client netip.Addr, q *Request, key *Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, prefix := r.now(), clientPrefix(client)
	if r.logged == nil || now.Sub(r.since) >= refusalInterval {
		r.since, r.logged = now, map[netip.Prefix]struct{}{}
	}
	if _, done := r.logged[prefix]; done || len(r.logged) == maxRefusalLines {
		r.unlogged++
		return
	}
	r.logged[prefix] = struct{}{}
	fields := logrus.Fields{"client": client, "zone": q.Zone, "type": dns.Type(q.Type)}
	if key != nil {
		fields["key"] = key
	}
	if r.unlogged > 0 {
		fields["unlogged"] = r.unlogged
		r.unlogged = 0
	}
	r.log.WithFields(fields).Warn("refused a zone transfer: transferAllow does not allow it")
}
