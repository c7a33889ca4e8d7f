package zone

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/records"
)

// origin is one of a zone's origins with what its SOA record says.
type origin struct {
	name     records.Name
	ttl      uint32 // of records without their own
	soa      soaData
	known    bool   // before the first state: a master file is all there is to it
	ownNS    bool   // the master file has its name servers
	bare     *Node  // the apex without data
	negative []byte // see NegativeSOA
}

// soaData is what a SOA record says, but for its serial.
type soaData struct {
	ttl                             uint32
	mname, rname                    records.Name
	refresh, retry, expire, minimum uint32
}

// negativeTTL is the TTL of the SOA record in a negative answer (RFC 2308,
// section 3).
func (s *soaData) negativeTTL() uint32 { return min(s.ttl, s.minimum) }

// MaxOrigins bounds the origins of the settings, the zones of master files and
// the aliases, each: look-ups of names that are not there try all, one by one.
const MaxOrigins = 512

// originsOf are the origins of the options. Of two with one name the first
// counts.
func originsOf(o Options) []origin {
	var list []origin
	seen := map[records.Name]bool{}
	add := func(n origin) {
		if seen[n.name] || len(list) == 2*MaxOrigins {
			return
		}
		seen[n.name] = true
		n.bare = &Node{Name: n.name, Data: &none, Apex: true, origin: uint16(len(list)), ttl: n.ttl}
		list = append(list, n)
	}
	for _, from := range o.Origins {
		add(origin{name: from.Name, ttl: from.TTL, soa: soaData{
			ttl: from.TTL, mname: o.MName, rname: o.RName,
			refresh: o.Refresh, retry: o.Retry, expire: o.Expire, minimum: o.Minimum,
		}})
	}
	if o.Static != nil {
		for _, from := range o.Static.zones {
			add(origin{name: from.name, ttl: from.soa.ttl, soa: from.soa, known: true, ownNS: true})
		}
	}
	return list
}

// sign gives each origin the zone's serial.
func (z *Zone) sign() {
	list := make([]origin, len(z.origins))
	copy(list, z.origins)
	var all []byte
	for i := range list {
		from := len(all)
		all = list[i].soa.appendNegative(all, z.serial)
		list[i].negative = all[from:len(all):len(all)]
	}
	z.origins = list
}

// appendNegative appends what NegativeSOA gives.
func (s *soaData) appendNegative(b []byte, serial uint32) []byte {
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

// NegativeSOA is the SOA record of a negative answer without its owner, which
// is the end of the name that was asked, of as many octets as Apex says: type, class, TTL,
// length and data in wire form (RFC 1035, section 3.3.13; RFC 2308, section 3).
// Nobody may change it.
func (z *Zone) NegativeSOA(a Answer) []byte { return z.origins[a.where.origin()].negative }

// SOA is the SOA record that goes with an answer, as a negative one has it. Its
// owner is the origin, of which the name that was asked may have an alias.
func (z *Zone) SOA(a Answer) *dns.SOA {
	soa := z.soa(a.where.origin())
	soa.Hdr.Ttl = z.origins[a.where.origin()].soa.negativeTTL()
	return soa
}

// soa is the SOA record of an origin.
func (z *Zone) soa(place uint16) *dns.SOA {
	from := &z.origins[place]
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
