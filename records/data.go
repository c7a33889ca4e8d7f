package records

import (
	"cmp"
	"slices"
	"strings"

	"toponym/internal/names"
)

// SRV is the data of an SRV record (RFC 2782). It has no pointers, so that the garbage
// collector need not look into lists of them, of which each change of a service makes
// new ones.
type SRV struct {
	Target   names.ID // in the table of names of the set, see [Set.Target]
	Priority uint16
	Weight   uint16
	Port     uint16
}

// Compare orders SRV data of one table by the names that name gives for ids. Fields that
// are cheap to compare come first.
func (s SRV) Compare(o SRV, name func(names.ID) Name) int {
	if c := s.CompareNumbers(o); c != 0 || s.Target == o.Target {
		return c
	}
	return strings.Compare(string(name(s.Target)), string(name(o.Target)))
}

// CompareNumbers orders SRV data by all but the target.
func (s SRV) CompareNumbers(o SRV) int {
	if c := cmp.Compare(s.Priority, o.Priority); c != 0 {
		return c
	}
	if c := cmp.Compare(s.Weight, o.Weight); c != 0 {
		return c
	}
	return cmp.Compare(s.Port, o.Port)
}

// PTR is a name that owns an address.
type PTR struct {
	Owner  PTROwner
	Target Name
}

// PTROwner is what has an address, in the order in which a PTR record prefers them.
type PTROwner uint8

// The owners of addresses.
const (
	OwnerAgent PTROwner = iota
	OwnerMaster
	OwnerTask
)

// Compare orders PTR data.
func (p PTR) Compare(o PTR) int {
	return cmp.Or(cmp.Compare(p.Owner, o.Owner), strings.Compare(string(p.Target), string(o.Target)))
}

// Data is the records of one name. Each list is sorted and free of duplicates.
// Data is immutable once an update has published it.
type Data struct {
	A    [][4]byte
	AAAA [][16]byte
	SRV  []SRV
	// PTR is the names that own this address, of which Pointer selects one.
	PTR []PTR
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
	return len(d.A) == 0 && len(d.AAAA) == 0 && len(d.SRV) == 0 && !d.hasPointer()
}

// Equal reports whether d and o, of one set, stand for the same records.
func (d *Data) Equal(o *Data) bool { return slices.Equal(d.SRV, o.SRV) && d.equalBesideSRV(o) }

// EqualFunc is Equal for data of two sets. The function compares SRV records.
func (d *Data) EqualFunc(o *Data, same func(SRV, SRV) bool) bool {
	return slices.EqualFunc(d.SRV, o.SRV, same) && d.equalBesideSRV(o)
}

func (d *Data) equalBesideSRV(o *Data) bool {
	return slices.Equal(d.A, o.A) && slices.Equal(d.AAAA, o.AAAA) && d.samePointer(o) && (d.TTL == o.TTL || d.Empty())
}

// count returns the number of records, all PTR records included.
func (d *Data) count() int { return len(d.A) + len(d.AAAA) + len(d.SRV) + len(d.PTR) }

// Pointer returns the data of the PTR record, and false if there is none. That of an
// agent or a master comes first, for the address is theirs. An address that several
// tasks own is ambiguous and has no PTR record.
func (d *Data) Pointer() (Name, bool) {
	if !d.hasPointer() {
		return "", false
	}
	return d.PTR[0].Target, true
}

func (d *Data) hasPointer() bool {
	return len(d.PTR) == 1 || len(d.PTR) > 1 && d.PTR[0].Owner != OwnerTask
}

func (d *Data) samePointer(o *Data) bool {
	target, ok := d.Pointer()
	other, has := o.Pointer()
	return target == other && ok == has
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
