package zone

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/dns"

	"toponym/records"
)

// MaxOrigins bounds, each, the origins of the settings, the zones of zone files
// and the aliases: look-ups of names that do not exist compare with all of
// them.
const MaxOrigins = 512

// origin is one of the zone's origins with its SOA record. An alias is one as well,
// behind all others: for servers that have copies of our zones, it is a zone of its
// own (aliaszone.go).
type origin struct {
	name      records.Name
	soa       soaData
	static    bool         // a zone file has the whole zone, its SOA and NS records included
	partial   bool         // see Origin.Partial
	alias     records.Name // what an alias stands for; "" for all others
	serial    uint32       // of the SOA record; 0 before the first state
	emptyApex *Node        // the apex before anything is put there
	negative  []byte       // see NegativeSOA
}

// soaData is the content of a SOA record except for the serial.
type soaData struct {
	ttl                             uint32 // of the SOA record, and of records without their own
	mname, rname                    records.Name
	refresh, retry, expire, minimum uint32
}

// negativeTTL is the TTL of the SOA record in a negative answer (RFC 2308,
// section 3).
func (s *soaData) negativeTTL() uint32 { return min(s.ttl, s.minimum) }

// buildZones lists the origins of the settings, those of zone files, and aliases,
// and the suffixes of names that lead to them. Of two origins with one name the
// first counts.
func buildZones(o Options) ([]origin, []suffix) {
	list := buildOrigins(o)
	suffixes := buildSuffixes(list, o.Aliases)
	for i := range suffixes {
		if s := &suffixes[i]; s.target != "" {
			s.origin = uint16(len(list))
			list = append(list, newAliasZone(o, list, s.name, s.target))
		}
	}
	return list, suffixes
}

// buildOrigins lists the origins of the settings, then those of zone files.
func buildOrigins(o Options) []origin {
	var list []origin
	taken := map[records.Name]bool{}
	add := func(n origin) {
		if taken[n.name] || len(list) == 2*MaxOrigins {
			return
		}
		taken[n.name] = true
		n.emptyApex = &Node{Name: n.name, Data: &noData, Apex: true, partial: n.partial, origin: uint16(len(list))}
		list = append(list, n)
	}
	for _, from := range o.Origins {
		add(origin{name: from.Name, partial: from.Partial, soa: o.soa(from.TTL)})
	}
	if o.Static != nil {
		for _, from := range o.Static.zones {
			add(origin{name: from.name, soa: from.soa, static: true})
		}
	}
	return list
}

// soa is the SOA record of the settings.
func (o *Options) soa(ttl uint32) soaData {
	return soaData{
		ttl: ttl, mname: o.MName, rname: o.RName,
		refresh: o.Refresh, retry: o.Retry, expire: o.Expire, minimum: o.Minimum,
	}
}

// originsWhere are the indexes of origins for which a condition holds.
func (z *Zone) originsWhere(holds func(*origin) bool) (indexes []uint16) {
	for i := range z.origins {
		if holds(&z.origins[i]) {
			indexes = append(indexes, uint16(i))
		}
	}
	return indexes
}

// setSerials gives origins, by index, the next serial of each.
func (z *Zone) setSerials(indexes []uint16, next SerialFunc) {
	if len(indexes) == 0 {
		return
	}
	z.origins = slices.Clone(z.origins)
	for _, i := range indexes {
		o := &z.origins[i]
		o.setSerial(next(o.name, o.serial))
	}
}

// setSerial sets the serial, and with it the SOA record of negative answers.
func (o *origin) setSerial(serial uint32) {
	o.serial = serial
	o.negative = o.soa.appendNegativeSOA(nil, serial)
}

// appendNegativeSOA appends the record that NegativeSOA returns.
func (s *soaData) appendNegativeSOA(b []byte, serial uint32) []byte {
	b = binary.BigEndian.AppendUint16(b, dns.TypeSOA)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	b = binary.BigEndian.AppendUint32(b, s.negativeTTL())
	b = binary.BigEndian.AppendUint16(b, uint16(len(s.mname)+len(s.rname)+5*4))
	b = append(b, s.mname...)
	b = append(b, s.rname...)
	for _, n := range []uint32{serial, s.refresh, s.retry, s.expire, s.minimum} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// NegativeSOA is the SOA record of a negative answer in wire form without its
// owner: type, class, TTL, length and data (RFC 1035, section 3.3.13; RFC 2308,
// section 3). The owner is the last ApexLen bytes of the queried name. The bytes
// must not be changed.
func (z *Zone) NegativeSOA(a Answer) []byte { return z.origins[a.location.origin()].negative }

// SOA is the SOA record of a negative answer. Its owner is the origin, also for
// a name that was found by an alias.
func (z *Zone) SOA(a Answer) *dns.SOA {
	soa := z.soa(a.location.origin())
	soa.Hdr.Ttl = z.origins[a.location.origin()].soa.negativeTTL()
	return soa
}

// soa is the SOA record of an origin.
func (z *Zone) soa(index uint16) *dns.SOA {
	from := &z.origins[index]
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: from.name.String(), Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: from.soa.ttl},
		Ns:      from.soa.mname.String(),
		Mbox:    from.soa.rname.String(),
		Serial:  from.serial,
		Refresh: from.soa.refresh,
		Retry:   from.soa.retry,
		Expire:  from.soa.expire,
		Minttl:  from.soa.minimum,
	}
}

// SOAFields are fields of the SOA record of an origin.
type SOAFields struct {
	TTL          uint32 // in seconds
	Serial       uint32
	MName, RName records.Name
}

// SOAFields returns fields of the SOA record of an origin. It is not ok where
// [Zone.Serial] is not.
func (z *Zone) SOAFields(origin records.Name) (f SOAFields, ok bool) {
	i := z.originIndex(origin)
	if i < 0 || z.origins[i].serial == 0 {
		return f, false
	}
	o := &z.origins[i]
	return SOAFields{TTL: o.soa.ttl, Serial: o.serial, MName: o.soa.mname, RName: o.soa.rname}, true
}

// InStaticZone reports whether the origin of an answer has its SOA and NS records
// in a zone file. Those of other origins come from the settings.
func (z *Zone) InStaticZone(a Answer) bool {
	return a.location.inZone() && z.origins[a.location.origin()].static
}

// Serial is the SOA serial of an origin. It grows when the content of that
// origin's zone changes, and only then. It is not ok for a name that is no
// origin, and before the first state.
func (z *Zone) Serial(origin records.Name) (serial uint32, ok bool) {
	if i := z.originIndex(origin); i >= 0 {
		return z.origins[i].serial, z.origins[i].serial != 0
	}
	return 0, false
}

// DomainSerial is the serial of the first origin, which is the domain; 0 before
// the first state.
func (z *Zone) DomainSerial() uint32 {
	if len(z.origins) == 0 {
		return 0
	}
	return z.origins[0].serial
}

// HasSerials reports whether any origin has a serial.
func (z *Zone) HasSerials() bool {
	return slices.ContainsFunc(z.origins, func(o origin) bool { return o.serial != 0 })
}

// Domain is the first origin, or "" if there is none.
func (z *Zone) Domain() records.Name {
	if len(z.origins) == 0 {
		return ""
	}
	return z.origins[0].name
}

// IsIn reports whether a name in wire form, in lower case, is in the zone of an
// origin: not in that of another origin below it, nor below an alias.
func (z *Zone) IsIn(name []byte, origin records.Name) bool {
	i := closestSuffix(z.suffixes, name)
	return i >= 0 && z.suffixes[i].target == "" && z.suffixes[i].name == origin
}

// originIndex is the index of an origin in z.origins, or -1.
func (z *Zone) originIndex(name records.Name) int {
	return slices.IndexFunc(z.origins, func(o origin) bool { return o.name == name })
}

// Origins are the names of the origins, those of zone files included.
func (z *Zone) Origins() []records.Name {
	return z.namesWhere(func(o *origin) bool { return o.alias == "" })
}

// Apexes are the origins, and the names of the aliases.
func (z *Zone) Apexes() []records.Name {
	return z.namesWhere(func(*origin) bool { return true })
}

// TransferZones are the names of the zones that a server needs copies of to answer
// as this one does: the origins, except for those that are partial, and the
// aliases.
func (z *Zone) TransferZones() []records.Name {
	return z.namesWhere(func(o *origin) bool { return !o.partial })
}

func (z *Zone) namesWhere(holds func(*origin) bool) (names []records.Name) {
	for i := range z.origins {
		if holds(&z.origins[i]) {
			names = append(names, z.origins[i].name)
		}
	}
	return names
}
