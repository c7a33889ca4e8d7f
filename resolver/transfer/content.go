package transfer

import (
	"toponym/records"
	"toponym/zone"
)

// writeZone writes all records of a zone, the SOA record first and last (RFC 5936,
// section 2.2). It calls a function for each record that is left out since its RRset
// is too large.
func writeZone(m *messages, z *zone.Zone, origin records.Name, soa *zone.Record, omitted func(owner records.Name, rtype uint16)) error {
	if err := m.add(soa); err != nil {
		return err
	}
	var owner string
	var set rrset
	var err error
	add := func(rtype uint16, ttl uint32, data []byte) {
		switch {
		case err != nil:
		case set.fits(rtype, len(data)):
			err = m.addBytes(owner, rtype, ttl, data)
		default:
			omitted(records.Name(owner), rtype)
		}
	}
	var buf []byte
	for n := range z.NodesOf(origin) {
		owner, set = string(n.Name), rrset{}
		if buf = z.EachRecord(n, buf, add); err != nil {
			return err
		}
	}
	if err := m.addAll(z.Delegations(origin)); err != nil {
		return err
	}
	return m.add(soa)
}
