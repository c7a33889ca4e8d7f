package zone

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"toponym/records"
)

// SOA is the SOA record of an origin.
func (z *Zone) SOA(origin records.Name) *dns.SOA {
	return &dns.SOA{
		Hdr:     dns.RR_Header{Name: origin.String(), Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: z.o.TTL},
		Ns:      z.o.MName.String(),
		Mbox:    z.o.RName.String(),
		Serial:  z.serial,
		Refresh: z.o.Refresh,
		Retry:   z.o.Retry,
		Expire:  z.o.Expire,
		Minttl:  z.o.Minimum,
	}
}

// NegativeSOA is the SOA record of a negative answer without its owner, which
// is the node's or the name's origin: type, class, TTL, length and data in wire
// form (RFC 1035, section 3.3.13; RFC 2308, section 3). Nobody may change it.
func (z *Zone) NegativeSOA() []byte { return z.soa }

// negativeSOA makes what NegativeSOA gives. It is the same for each origin.
func (z *Zone) negativeSOA() []byte {
	b := binary.BigEndian.AppendUint16(nil, dns.TypeSOA)
	b = binary.BigEndian.AppendUint16(b, dns.ClassINET)
	b = binary.BigEndian.AppendUint32(b, z.o.NegativeTTL())
	b = binary.BigEndian.AppendUint16(b, uint16(len(z.o.MName)+len(z.o.RName)+5*4))
	b = append(b, z.o.MName...)
	b = append(b, z.o.RName...)
	for _, n := range []uint32{z.serial, z.o.Refresh, z.o.Retry, z.o.Expire, z.o.Minimum} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}
