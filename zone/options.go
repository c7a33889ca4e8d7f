package zone

import "toponym/records"

// Options are the parts of a zone that do not come from the cluster. Times are
// in seconds, as they stand in the records.
type Options struct {
	// Origins are the names that the zone answers for, everything below
	// them included: the domain, those of the views, and the reverse trees
	// where they are served. One may lie below another. Each has the same
	// SOA data and the same name server.
	Origins []Origin

	// Aliases are names below which everything is that is below another.
	Aliases []Alias

	// Static are the records of master files, nil for none. The zones that
	// have their SOA there are origins as well.
	Static *StaticRecords

	MName records.Name // SOA MNAME, and the target of the NS record
	RName records.Name // SOA RNAME: the mailbox of who is responsible

	Refresh uint32 // SOA REFRESH
	Retry   uint32 // SOA RETRY
	Expire  uint32 // SOA EXPIRE
	Minimum uint32 // SOA MINIMUM: how long a negative answer may be kept (RFC 2308)
}

// Origin is a name at the top of a zone. What is below it belongs to it, unless
// another origin or an alias is closer.
type Origin struct {
	Name records.Name
	TTL  uint32 // of the SOA, and of all records that do not have their own
}

// Alias makes a name and all below it answer as another and all below that. The
// records stay where they are: the end of a name that is asked is replaced.
type Alias struct {
	Name   records.Name
	Target records.Name
}

// TTL is that of the first origin, which is the domain.
func (o Options) DefaultTTL() uint32 {
	if len(o.Origins) == 0 {
		return 0
	}
	return o.Origins[0].TTL
}
