package records

import (
	"cmp"
	"slices"
	"strings"
)

// SRV is the data of an SRV record (RFC 2782).
type SRV struct {
	Target   Name
	Priority uint16
	Weight   uint16
	Port     uint16
}

// Compare orders SRV data. Fields that are cheap to compare come first.
func (s SRV) Compare(o SRV) int {
	if c := cmp.Compare(s.Priority, o.Priority); c != 0 {
		return c
	}
	if c := cmp.Compare(s.Weight, o.Weight); c != 0 {
		return c
	}
	if c := cmp.Compare(s.Port, o.Port); c != 0 {
		return c
	}
	return strings.Compare(string(s.Target), string(o.Target))
}

// Data is the records of one name. Each list is sorted and free of duplicates.
// Data is immutable once an update has published it.
type Data struct {
	A    [][4]byte
	AAAA [][16]byte
	SRV  []SRV
	// PTR is the names that own this address. A PTR record exists only if
	// there is exactly one: an address that several names own is ambiguous.
	PTR []Name
	// TTL is the TTL of all records of the name, in seconds, if task labels
	// ask for one: the shortest of those asked for. 0 stands for the TTL of the
	// zone, [ZeroTTL] for a TTL of 0.
	TTL uint32
}

// ZeroTTL is the value of [Data.TTL] that stands for a TTL of 0: the records
// must not be cached (RFC 1035, section 3.2.1). No real TTL is as long (RFC
// 2181, section 8).
const ZeroTTL = 1 << 31

// Seconds returns the seconds that a nonzero [Data.TTL] stands for.
func Seconds(ttl uint32) uint32 {
	if ttl == ZeroTTL {
		return 0
	}
	return ttl
}

// Empty reports whether there are no records.
func (d *Data) Empty() bool {
	return len(d.A) == 0 && len(d.AAAA) == 0 && len(d.SRV) == 0 && len(d.PTR) != 1
}

// Equal reports whether d and o stand for the same records.
func (d *Data) Equal(o *Data) bool {
	return slices.Equal(d.A, o.A) && slices.Equal(d.AAAA, o.AAAA) && slices.Equal(d.SRV, o.SRV) &&
		slices.Equal(d.uniquePTR(), o.uniquePTR()) && (d.TTL == o.TTL || d.Empty())
}

// uniquePTR returns the PTR record, if there is one.
func (d *Data) uniquePTR() []Name {
	if len(d.PTR) == 1 {
		return d.PTR
	}
	return nil
}

// clone returns a copy that shares no memory with d.
func (d *Data) clone() *Data {
	return &Data{A: compactCopy(d.A), AAAA: compactCopy(d.AAAA),
		SRV: compactCopy(d.SRV), PTR: compactCopy(d.PTR), TTL: d.TTL}
}

// compactCopy returns a copy without spare capacity.
func compactCopy[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return append(make([]T, 0, len(list)), list...)
}
