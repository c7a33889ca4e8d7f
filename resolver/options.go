package resolver

import (
	"io"
	"net/netip"
	"runtime"
	"time"

	"github.com/sirupsen/logrus"
)

// Options say where a [Server] listens and how it answers. The zero value of a
// field means its default, where one is named.
type Options struct {
	Addr netip.Addr // where to listen; 0.0.0.0 by default, :: for both families
	Port uint16     // of UDP and TCP; 0 is any port that is free for both

	// MaxUDPSize is the size in octets that a reply over UDP never exceeds,
	// unless the client is on this machine; it is announced to clients too
	// (RFC 6891, section 6.2.4). 1232 by default, 512 at least.
	MaxUDPSize uint16

	// SetTruncateBit has TC set in replies that records were cut from
	// (RFC 2181, section 9). Without it clients take what they get.
	SetTruncateBit bool

	// ResolvSubnetFirst puts addresses in the client's own network, /24 or
	// /64, before the others. The network is taken from the client subnet
	// option where there is one (RFC 7871).
	ResolvSubnetFirst bool

	// TCPIdleTimeout is how long a connection may take to bring its next
	// query whole, or to take a reply (RFC 7766, section 6.2.3). 10 s by
	// default.
	TCPIdleTimeout time.Duration

	// TCPMaxConnections bounds the connections that are served at a time.
	// More wait to be accepted. 1000 by default.
	TCPMaxConnections int

	// Workers is how many goroutines answer over UDP, each with a socket of
	// its own where the system has such: one for each core. GOMAXPROCS by
	// default.
	Workers int

	// Forward says what becomes of names that are not in our zones. They are
	// refused when it is nil.
	Forward *ForwardOptions

	// RateLimit is how many replies over UDP a network of clients, /24 or /56,
	// gets each second at most. A client in RateExempt or on this machine gets
	// all. 0 is no limit.
	RateLimit  int
	RateExempt []netip.Prefix

	// Log is told what an operator can act upon, never about single queries.
	// Nothing is logged by default.
	Log logrus.FieldLogger

	// Shuffle orders n things at random by swapping them. It is called from
	// many goroutines. By default replies are shuffled where they are
	// written, which costs less.
	Shuffle func(n int, swap func(i, j int))

	// keepOrder leaves records in the order of the zone, so that tests can
	// compare replies.
	keepOrder bool
}

// Transport is what a query came over.
type Transport uint8

// The transports of RFC 1035, section 4.2.
const (
	UDP Transport = iota
	TCP
)

func (t Transport) String() string {
	if t == TCP {
		return "tcp"
	}
	return "udp"
}

// minUDPSize is what every client can take (RFC 1035, section 4.2.1).
const minUDPSize = 512

func (o Options) withDefaults() Options {
	if !o.Addr.IsValid() {
		o.Addr = netip.IPv4Unspecified()
	}
	o.Addr = o.Addr.Unmap()
	if o.MaxUDPSize == 0 {
		o.MaxUDPSize = 1232
	}
	o.MaxUDPSize = max(o.MaxUDPSize, minUDPSize)
	if o.TCPIdleTimeout <= 0 {
		o.TCPIdleTimeout = 10 * time.Second
	}
	if o.TCPMaxConnections <= 0 {
		o.TCPMaxConnections = 1000
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Log == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		o.Log = silent
	}
	return o
}
