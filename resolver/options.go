package resolver

import (
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/resolver/tap"
	"toponym/resolver/transfer"
)

// Options say where a [Server] listens and how it answers. Bounds and times must
// be positive: the defaults are those of package config.
type Options struct {
	// Listen says where to listen, with UDP and TCP. Addresses are opened as they
	// appear on this machine, but a single one must be there at the start.
	Listen []Listen
	Port   uint16 // where Listen has none; 0 is any port that is free for both

	// MaxUDPSize is the size in bytes that a response over UDP never exceeds,
	// unless the client is on this machine; it is announced to clients too (RFC
	// 6891, section 6.2.4). Values below 512 mean 512.
	MaxUDPSize uint16

	// SetTruncateBit sets TC in responses that lack records (RFC 2181, section
	// 9). Without it clients take what they get.
	SetTruncateBit bool

	// ResolvSubnetFirst lists addresses in the client's own network, /24 or /64,
	// before the others. The network is that of the client subnet option, if the
	// query has one (RFC 7871).
	ResolvSubnetFirst bool

	// PreferZone lists instances in the fault domain of the client before the
	// others, instead of those in its network. It may be nil.
	PreferZone *ZonePreference

	// AnswerLimit is how many A records, and how many AAAA records, a positive
	// answer has at most: a random choice each time. It concerns neither transfers
	// nor the addresses of SRV targets. 0 is no limit.
	AnswerLimit int

	// TCPIdleTimeout is how long a connection may take to bring its next query
	// whole, or to take a response (RFC 7766, section 6.2.3).
	TCPIdleTimeout time.Duration

	// TCPMaxConnections and TCPMaxConnectionsPerClient bound the connections that
	// are open at a time, in all and from one client: an IPv4 address or an IPv6
	// /64. For a new one above a bound the connection that has been idle for
	// longest is closed.
	TCPMaxConnections          int
	TCPMaxConnectionsPerClient int

	// TLS makes the TLS side of a server out of a connection, for queries over TLS
	// (RFC 7858); see package handshake. [Server.ListenTLS] needs it. Connections
	// over TLS have the limits of those over TCP, and count as such.
	TLS func(net.Conn) *tls.Conn

	// Workers is how many goroutines answer over UDP, each with a socket of its
	// own where the system supports that: one for each core.
	Workers int

	// Forward says how names outside our zones are resolved. They are refused
	// when it is nil.
	Forward *ForwardOptions

	// RateLimit is how many responses over UDP a network of clients, /24 or /56,
	// gets each second at most, but for clients in RateExempt or on this
	// machine. 0 is no limit.
	RateLimit  int
	RateExempt []netip.Prefix

	// Transfers answers queries for zone transfers, and checks signatures. If it is
	// nil, nobody may have a zone, and no key is known.
	Transfers *transfer.Server

	// Tap gets all queries and responses, those of upstream servers included. It may be
	// nil.
	Tap *tap.Tap

	// Log gets what an operator can act upon, never lines about single queries.
	Log logrus.FieldLogger

	// unshuffled leaves records in the order of the zone, so that tests can
	// compare responses.
	unshuffled bool

	// addressesOf, addressInterval and leaveAfter replace interfaceAddrs and the
	// constants of these names in tests.
	addressesOf     func(name string) ([]netip.Addr, error)
	addressInterval time.Duration
	leaveAfter      time.Duration
}

// Transport is what a query came over.
type Transport = tap.Transport

// The transports of RFC 1035, section 4.2, and of RFC 7858.
const (
	UDP        = tap.UDP
	TCP        = tap.TCP
	TLS        = tap.TLS
	transports = int(TLS) + 1 // how many there are
)

// minUDPSize is what every client can take (RFC 1035, section 4.2.1).
const minUDPSize = 512
