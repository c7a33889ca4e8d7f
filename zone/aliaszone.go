package zone

import (
	"slices"

	"github.com/miekg/dns"

	"toponym/records"
)

// For a server that has copies of our zones, each alias is a zone of its own. Its
// apex has a DNAME record, by which that server answers names below the alias as
// this server does, with a CNAME record in front (RFC 6672). The alias itself owns
// copies of the records of its target, which a DNAME record does not lead to.

// newAliasZone is the zone of an alias that follows a list of origins.
func newAliasZone(o Options, list []origin, name, target records.Name) origin {
	soa := o.soa(o.DefaultTTL())
	longest := 0
	for i := range list {
		if in := &list[i]; in.alias == "" && len(in.name) > longest && (target == in.name || target.Under(in.name)) {
			longest, soa.ttl = len(in.name), in.soa.ttl
		}
	}
	dname := &dns.DNAME{
		Hdr:    dns.RR_Header{Name: name.String(), Rrtype: dns.TypeDNAME, Class: dns.ClassINET, Ttl: soa.ttl},
		Target: target.String(),
	}
	apex := &Node{
		Name: name, Data: &noData, Apex: true, origin: uint16(len(list)),
		static: &staticSets{sets: []rrset{{rtype: dns.TypeDNAME, ttl: soa.ttl, rrs: []dns.RR{dname}}}},
	}
	return origin{name: name, alias: target, soa: soa, emptyApex: apex}
}

// apex is the node at the top of an origin's zone.
func (z *Zone) apex(index int) *Node {
	o := &z.origins[index]
	if o.alias == "" {
		return z.Node(o.name)
	}
	return o.aliasApex(z.Node(o.alias))
}

// aliasApex is the apex of an alias with the records of its target, which may be
// nil.
func (o *origin) aliasApex(target *Node) *Node {
	if target == nil || target.Empty() || target.CNAME() != "" {
		return o.emptyApex
	}
	n := *o.emptyApex
	n.Data = target.Data
	if target.static != nil {
		sets := slices.Clone(n.static.sets)
		for _, s := range target.static.sets {
			if s.rtype != dns.TypeNS {
				sets = append(sets, s)
			}
		}
		n.static = &staticSets{sets: sets}
	}
	return &n
}

// aliasesByTarget are the indexes of aliases in a list of origins, by target.
func aliasesByTarget(list []origin) map[records.Name][]uint16 {
	byTarget := map[records.Name][]uint16{}
	for i := range list {
		if target := list[i].alias; target != "" {
			byTarget[target] = append(byTarget[target], uint16(i))
		}
	}
	return byTarget
}

// addAliases adds the changes of aliases whose target has changed.
func (d *delta) addAliases(z *Zone) {
	if len(z.builder.aliases) == 0 {
		return // without a look at each node
	}
	for _, n := range d.nodes {
		for _, i := range z.builder.aliases[n.new.Name] {
			o := &z.origins[i]
			if old, new := o.aliasApex(n.old), o.aliasApex(n.new); !d.sameContent(z, old, new) {
				d.nodes = append(d.nodes, nodeChange{old, new})
				d.changed[i] = true
			}
		}
	}
}
