package metrics

import "time"

// Values are what the rooms have counted, and what is so at the moment.
type Values struct {
	Forward *Forward // nil where nothing is forwarded
	Rates   Rates

	Queries []Query
	Times   map[string]Histogram // by protocol
}

// Forward is what was asked of other servers.
type Forward struct {
	Waiting                 int    // queries that wait now
	Shared, Failed, Refused uint64 // queries that waited with another, had no answer, or were too many
}

// Rates are the replies that were too many for a network of clients.
type Rates struct {
	Dropped, Slipped uint64
}

// Query is how many queries of a kind were answered.
type Query struct {
	Zone, Type, Rcode, Protocol string
	Count                       uint64
}

// Histogram are times by upper bound. Counts has one more, for those that are
// longer than all bounds.
type Histogram struct {
	Bounds []time.Duration
	Counts []uint64
	Sum    time.Duration
}
