package records

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"toponym/internal/dnswire"
)

// SRV is the data of an SRV record (RFC 2782).
type SRV struct {
	Target   Name
	Priority uint16
	Weight   uint16
	Port     uint16
}

// Compare orders SRV data, first by what is compared fastest.
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

// Data is what a name owns: all records of it, each list sorted and without
// repetitions. It is not changed once an update has given it out.
type Data struct {
	A    [][4]byte
	AAAA [][16]byte
	SRV  []SRV
	// PTR are the names that own this address. Only where it is exactly one
	// is there a PTR record: an address that several names own has no name.
	PTR []Name
	// TTL is that of all records of the name in seconds, where labels of
	// their owners ask for one: the shortest that is asked for. 0 is the
	// zone's own, and ZeroTTL a TTL of 0.
	TTL uint32
}

// ZeroTTL stands for a TTL of 0 that labels ask for: the records are not to be
// kept by anybody (RFC 1035, section 3.2.1). No TTL is as long (RFC 2181,
// section 8).
const ZeroTTL = 1 << 31

// Seconds is a TTL that labels ask for.
func Seconds(ttl uint32) uint32 {
	if ttl == ZeroTTL {
		return 0
	}
	return ttl
}

// Empty reports whether there is no record.
func (d *Data) Empty() bool {
	return len(d.A) == 0 && len(d.AAAA) == 0 && len(d.SRV) == 0 && len(d.PTR) != 1
}

// Equal reports whether both stand for the same records.
func (d *Data) Equal(o *Data) bool {
	return slices.Equal(d.A, o.A) && slices.Equal(d.AAAA, o.AAAA) && slices.Equal(d.SRV, o.SRV) &&
		slices.Equal(d.pointer(), o.pointer()) && (d.TTL == o.TTL || d.Empty())
}

// pointer is the name of the PTR record, where there is one.
func (d *Data) pointer() []Name {
	if len(d.PTR) == 1 {
		return d.PTR
	}
	return nil
}

// ReverseName is the name under in-addr.arpa or ip6.arpa that stands for an
// address (RFC 1035, section 3.5; RFC 3596, section 2.5).
func ReverseName(a netip.Addr) Name {
	const hex = "0123456789abcdef"
	var b []byte
	a = a.Unmap()
	if a.Is4() {
		q := a.As4()
		for i := 3; i >= 0; i-- {
			at := len(b)
			b = append(b, 0)
			if q[i] >= 100 {
				b = append(b, '0'+q[i]/100)
			}
			if q[i] >= 10 {
				b = append(b, '0'+q[i]/10%10)
			}
			b = append(b, '0'+q[i]%10)
			b[at] = byte(len(b) - at - 1)
		}
		return Name(b) + ReverseIPv4
	}
	q := a.As16()
	for i := 15; i >= 0; i-- {
		b = append(b, 1, hex[q[i]&15], 1, hex[q[i]>>4])
	}
	return Name(b) + ReverseIPv6
}

// The origins of reverse names.
const (
	ReverseIPv4 Name = dnswire.ReverseIPv4
	ReverseIPv6 Name = dnswire.ReverseIPv6
)
