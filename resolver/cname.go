package resolver

import (
	"slices"

	"github.com/miekg/dns"

	"toponym/zone"
)

// maxChain is how many CNAME records an answer follows. Who wants more can ask
// for where it ends.
const maxChain = 8

// chase is the reply for a name with a CNAME record (RFC 1034, section 4.3.2,
// 3.a): it, and what the zone has at its end. Where that is a name of others,
// the client goes on. What is missing is missing at the end (RFC 6604).
func followCNAME(q *query, z *zone.Zone, n *zone.Node, o order) response {
	m := response{aa: true}
	owner := q.suffix(len(q.name))
	var seen []*zone.Node
	for len(seen) < maxChain && !slices.Contains(seen, n) {
		seen = append(seen, n)
		m.answer = append(m.answer, z.RRs(n, owner, dns.TypeCNAME)...)
		name := n.CNAME()
		owner = name.String()
		found, result := z.Lookup([]byte(name), q.qtype)
		switch result {
		case zone.OutOfZone:
			return m
		case zone.NotReady:
			return response{rcode: dns.RcodeServerFailure}
		case zone.NXDomain, zone.NoData:
			if result == zone.NXDomain {
				m.rcode = dns.RcodeNameError
			}
			soa := z.SOA(found)
			soa.Hdr.Name = name[len(name)-z.ApexLen(found):].String()
			m.authority = []dns.RR{soa}
			return m
		}
		if n = found.Node; n.CNAME() != "" {
			continue
		}
		n = o.node(n, q.qtype)
		called := aliasNames{}
		if found.ViaAlias() {
			mirror := z.AliasMatch(found)
			called = aliasNames{mirror, name[len(name)-mirror.AliasLen:].String()}
		}
		rrs := z.RRs(n, owner, q.qtype)
		called.targets(rrs, n)
		m.answer = append(m.answer, rrs...)
		m.additional = additional(z, n, q.qtype, o, called)
		return m
	}
	return m
}
