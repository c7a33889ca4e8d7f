package zone

import "toponym/records"

// Options are the parts of a zone that do not come from the cluster. Times are
// in seconds, as they stand in the records.
type Options struct {
	// Origins are the names that the zone answers for, everything below
	// them included: the domain, and the reverse trees where they are
	// served. Each has the same SOA data and the same name server.
	Origins []records.Name

	MName records.Name // SOA MNAME, and the target of the NS record
	RName records.Name // SOA RNAME: the mailbox of who is responsible

	Refresh uint32 // SOA REFRESH
	Retry   uint32 // SOA RETRY
	Expire  uint32 // SOA EXPIRE
	Minimum uint32 // SOA MINIMUM: how long a negative answer may be kept (RFC 2308)
	TTL     uint32 // of all records
}

// NegativeTTL is the TTL of the SOA record in a negative answer, in seconds
// (RFC 2308, section 3).
func (o Options) NegativeTTL() uint32 { return min(o.TTL, o.Minimum) }
