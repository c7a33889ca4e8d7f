package resolver

import (
	"strings"

	"github.com/miekg/dns"

	"toponym/zone"
)

// names says what the names of the zone are called towards a client that asked
// by an alias. Such a client may know no other way to us, so the targets of SRV
// records that have a name below the alias get that.
type aliasNames struct {
	mirror zone.AliasMatch
	end    string // of the name that was asked, where the mirror begins, in lower case
}

// names is for a name that was found by way of a mirror, or without one.
func (q *query) aliasNames(m zone.AliasMatch) aliasNames {
	if m.Target == "" {
		return aliasNames{}
	}
	// The letters of a question may be upper case at random (0x20), and data
	// stays in caches as it is.
	return aliasNames{m, strings.ToLower(q.suffix(m.AliasLen))}
}

// target is the target of an SRV record in presentation form.
func (n aliasNames) target(s *zone.SRV) string {
	if n.end == "" {
		return s.Target.String()
	}
	return n.mirror.Rewrite(s.Target, n.end)
}

// targets names the targets of the SRV records among a node's records, which
// are in the order of the node.
func (n aliasNames) targets(rrs []dns.RR, node *zone.Node) {
	if n.end == "" {
		return
	}
	i := 0
	for _, rr := range rrs {
		if srv, ok := rr.(*dns.SRV); ok {
			srv.Target = n.target(&node.SRV[i])
			i++
		}
	}
}
