package zone

import (
	"toponym/records"
)

// Static are the records of master files (RFC 1035, section 5). It does not
// change. A nil one has none.
type Static struct {
	zones []staticZone
	names map[records.Name]*extra
}

// staticZone is a zone that has its SOA record in a master file.
type staticZone struct {
	name records.Name
	soa  soaData
}

// Has reports whether there are records of a name.
func (s *Static) Has(n records.Name) bool { return s.of(n) != nil }

// of is what there is of a name, or nil.
func (s *Static) of(n records.Name) *extra {
	if s == nil {
		return nil
	}
	return s.names[n]
}
