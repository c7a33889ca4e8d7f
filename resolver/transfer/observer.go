package transfer

import (
	"net/netip"
	"time"

	"toponym/records"
)

// Kind is what a secondary did, or got.
type Kind string

// The kinds of events.
const (
	SOA      Kind = "soa"      // it asked for the SOA record
	AXFR     Kind = "axfr"     // it asked for the whole zone
	IXFR     Kind = "ixfr"     // it asked for the differences and got them
	Fallback Kind = "fallback" // it asked for the differences and got the whole zone
	UpToDate Kind = "uptodate" // it asked for the differences and has the current version
	TryTCP   Kind = "trytcp"   // it asked for the differences over UDP, where they do not fit
)

// Event is something that a client did that may have the zones.
type Event struct {
	Client   netip.Addr
	OverUDP  bool         // the address may be forged, and a signature that of a query that was seen elsewhere
	Key      records.Name // that its query was signed with; "" for none
	Zone     records.Name
	Kind     Kind
	Has      uint32 // the serial that the client has, for IXFR queries
	Serial   uint32 // that it was told or sent
	Bytes    int    // that were sent, without length fields
	Records  int    // that were sent
	Duration time.Duration
	Err      error // why a transfer was cut off; nil if it was sent whole
}

// Observer is told of what secondaries do. Observe is called from goroutines that
// answer queries: it must not wait.
type Observer interface {
	Observe(Event)
}

// observe tells the observer, if there is one.
func (s *Server) observe(e Event) {
	s.counts.count(e)
	if s.observer != nil {
		s.observer.Observe(e)
	}
}
