package zone

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/records"
)

// MaxOrigins bounds, each, the origins of the settings, the zones of zone files
// and the aliases: look-ups of names that do not exist compare with all of
// them.
const MaxOrigins = 512

// origin is one of the zone's origins with its SOA record.
type origin struct {
	name      records.Name
	soa       soaData
	static    bool   // a zone file has the whole zone, its SOA and NS records included
	emptyApex *Node  // the apex before anything is put there
	negative  []byte // see NegativeSOA
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

// buildOrigins lists the origins of the settings, then those of zone files. Of
// two with one name the first counts.
func buildOrigins(o Options) []origin {
	var list []origin
	taken := map[records.Name]bool{}
	add := func(n origin) {
		if taken[n.name] || len(list) == 2*MaxOrigins {
			return
		}
		taken[n.name] = true
		n.emptyApex = &Node{Name: n.name, Data: &noData, Apex: true, origin: uint16(len(list))}
		list = append(list, n)
	}
	for _, from := range o.Origins {
		add(origin{name: from.Name, soa: soaData{
			ttl: from.TTL, mname: o.MName, rname: o.RName,
			refresh: o.Refresh, retry: o.Retry, expire: o.Expire, minimum: o.Minimum,
		}})
	}
	if o.Static != nil {
		for _, from := range o.Static.zones {
			add(origin{name: from.name, soa: from.soa, static: true})
		}
	}
	return list
}

// buildSOAs renders the SOA record of each origin with the zone's serial.
func (z *Zone) buildSOAs() {
	list := make([]origin, len(z.origins))
	copy(list, z.origins)
	var all []byte
	for i := range list {
		from := len(all)
		all = list[i].soa.appendNegativeSOA(all, z.serial)
		list[i].negative = all[from:len(all):len(all)]
	}
	z.origins = list
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
		Serial:  z.serial,
		Refresh: from.soa.refresh,
		Retry:   from.soa.retry,
		Expire:  from.soa.expire,
		Minttl:  from.soa.minimum,
	}
}

// InStaticZone reports whether the origin of an answer has its SOA and NS records
// in a zone file. Those of other origins come from the settings.
func (z *Zone) InStaticZone(a Answer) bool {
	return a.location.inZone() && z.origins[a.location.origin()].static
}

// Origins are the names of the origins, those of zone files included.
func (z *Zone) Origins() []records.Name {
	names := make([]records.Name, 0, len(z.origins))
	for _, o := range z.origins {
		names = append(names, o.name)
	}
	return names
}
