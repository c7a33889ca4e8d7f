package transfer

import (
	"toponym/records"
	"toponym/zone"
)

// writeZone writes all records of a zone, the SOA record first and last (RFC 5936,
// section 2.2).
func writeZone(m *messages, z *zone.Zone, origin records.Name, soa *zone.Record) error {
	if err := m.add(soa); err != nil {
		return err
	}
	var owner string
	var err error
	add := func(rtype uint16, ttl uint32, data []byte) {
		if err == nil {
			err = m.addBytes(owner, rtype, ttl, data)
		}
	}
	var buf []byte
	for n := range z.NodesOf(origin) {
		owner = string(n.Name)
		if buf = z.EachRecord(n, buf, add); err != nil {
			return err
		}
	}
	if err := m.addAll(z.Delegations(origin)); err != nil {
		return err
	}
	return m.add(soa)
}
