package resolver

import (
	"iter"

	"github.com/miekg/dns"

	"toponym/zone"
)

// additional gives the addresses of the names that an answer leads to, each
// once, in the order of the answer (RFC 1035, section 3.3.11; RFC 2782).
func additional(z *zone.Zone, n *zone.Node, qtype uint16, o order, called aliasNames) iter.Seq[[]dns.RR] {
	srv := n.SRV
	if qtype != dns.TypeSRV && qtype != dns.TypeANY {
		srv = nil
	}
	leads := z.AdditionalNames(n, qtype)
	if len(srv) == 0 && len(leads) == 0 {
		return nil
	}
	return func(yield func([]dns.RR) bool) {
		seen := map[*zone.Node]bool{}
		addresses := func(target *zone.Node, owner string) bool {
			if target == nil || seen[target] || qtype == dns.TypeANY && target.Name == n.Name {
				return true
			}
			seen[target] = true
			for _, t := range [...]uint16{dns.TypeA, dns.TypeAAAA} {
				if len(target.A) == 0 && t == dns.TypeA || len(target.AAAA) == 0 && t == dns.TypeAAAA {
					continue
				}
				if !yield(z.RRs(o.node(target, t), owner, t)) {
					return false
				}
			}
			return true
		}
		for _, name := range leads {
			if !addresses(z.Node(name), name.String()) {
				return
			}
		}
		for i := range srv {
			if !addresses(z.Node(srv[i].Target), called.target(&srv[i])) {
				return
			}
		}
	}
}
