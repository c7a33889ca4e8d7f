package zone

import "toponym/records"

// Mirror says that a name was found by an alias: what ends in From in the zone
// ends in the last To octets of the name that was asked instead. It is zero
// where a name was found as it was asked.
type AliasMatch struct {
	Target   records.Name
	AliasLen int
}

// Front tells how a name of the zone is called in the mirror: so many octets of
// it, and behind them the end of the name that was asked. It is not ok when the
// name is not in what is mirrored, or too long there.
func (m AliasMatch) Prefix(n records.Name) (octets int, ok bool) {
	front := len(n) - len(m.Target)
	if m.Target == "" || front < 0 || front+m.AliasLen > maxName || n[front:] != m.Target || !n.Under(m.Target) {
		return 0, false
	}
	return front, true
}

// Text is what a name of the zone is called in the mirror, in presentation
// form, where end is that of the name that was asked, of To octets.
func (m AliasMatch) Rewrite(n records.Name, end string) string {
	front, ok := m.Prefix(n)
	switch {
	case !ok:
		return n.String()
	case front == 0:
		return end
	}
	return (n[:front] + records.Root).String() + end
}

// Mirrored reports whether a name was found by an alias.
func (a Answer) ViaAlias() bool { return a.where.to() > 0 }

// Mirror is the alias that a name was found by.
func (z *Zone) AliasMatch(a Answer) AliasMatch {
	if !a.ViaAlias() {
		return AliasMatch{}
	}
	return AliasMatch{Target: z.cuts[a.where.alias()].target, AliasLen: a.where.to()}
}

// below looks up a name that has no node of its own: it is below an alias, or
// not there, or not ours.
func (z *Zone) below(asked []byte, qtype uint16) (Answer, Result) {
	i := closest(z.cuts, asked)
	if i < 0 {
		return Answer{}, OutOfZone
	}
	if z.cuts[i].target != "" {
		return z.mirrored(asked, qtype, i)
	}
	a := Answer{where: newWhere(z.cuts[i].origin)}
	if z.silent(z.cuts[i].origin) {
		return a, NotReady
	}
	return a, NXDomain
}

// silent reports whether nothing can be said of an origin's names yet.
func (z *Zone) silent(origin uint16) bool { return !z.ready && !z.origins[origin].known }

// mirrored looks up a name of which cut i is the closest, an alias.
func (z *Zone) mirrored(asked []byte, qtype uint16, i int) (Answer, Result) {
	// The front is that of the name that was asked and only becomes shorter,
	// so this is room enough even for what is too long to be a name.
	var buf [2 * maxName]byte
	name := buf[:copy(buf[:], asked)]
	var front, alias int
	for z.cuts[i].target != "" {
		alias = i
		front = len(name) - len(z.cuts[i].name)
		name = buf[:front+copy(buf[front:], z.cuts[i].target)]
		if i = closest(z.cuts, name); i < 0 {
			return Answer{}, OutOfZone
		}
	}
	// What is above the target in its zone is not above the alias: there the
	// alias is the apex.
	apex := min(front, len(name)-len(z.cuts[i].name))
	origin := z.cuts[i].origin
	a := Answer{where: newWhere(origin).by(alias, len(asked)-front, len(asked)-apex)}
	if z.silent(origin) {
		return a, NotReady
	}
	n := z.find(name)
	switch {
	case apex == 0:
		n = z.apex(n, origin, qtype)
	case n == nil && z.above(asked):
		n = z.node(records.Name(asked), &none, origin)
	case n == nil:
		return a, NXDomain
	}
	a.Node = n
	return a, n.answers(qtype)
}

// apex makes an apex of what stands at the target of an alias.
func (z *Zone) apex(n *Node, origin uint16, qtype uint16) *Node {
	if n == nil {
		return z.origins[origin].bare
	}
	switch qtype {
	case typeSOA, typeNS, typeANY:
		if !n.Apex {
			c := *n
			c.Apex = true
			return &c
		}
	}
	return n
}

// above reports whether a cut is below a name, which so exists.
func (z *Zone) above(name []byte) bool {
	for i := range z.cuts {
		c := z.cuts[i].name
		if len(c) > len(name) && string(c[len(c)-len(name):]) == string(name) && c.Under(records.Name(name)) {
			return true
		}
	}
	return false
}
