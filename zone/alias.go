package zone

import (
	"encoding/binary"

	"toponym/internal/names"
	"toponym/records"
)

// AliasMatch is the alias by which a name was found: names that end in Target
// are known to the client by the last AliasLen bytes of the name it queried
// instead. It is zero for a name that was found without an alias.
type AliasMatch struct {
	Target   records.Name
	AliasLen int
}

// ViaAlias reports whether a name was found by an alias.
func (a Answer) ViaAlias() bool { return a.location.aliasLen() > 0 }

// AliasMatch is the alias by which the name of an answer was found.
func (z *Zone) AliasMatch(a Answer) AliasMatch {
	if !a.ViaAlias() {
		return AliasMatch{}
	}
	return AliasMatch{Target: z.suffixes[a.location.alias()].target, AliasLen: a.location.aliasLen()}
}

// Prefix splits a name of the zone for rewriting it into the alias: the first
// length bytes stay, and the end of the queried name replaces the rest. It is
// not ok where the name is not below the target, or would become too long.
func (m AliasMatch) Prefix(n records.Name) (length int, ok bool) {
	front := len(n) - len(m.Target)
	if m.Target == "" || front < 0 || front+m.AliasLen > maxName || n[front:] != m.Target || !n.Under(m.Target) {
		return 0, false
	}
	return front, true
}

// Rewrite is a name of the zone in presentation form as the alias has it. The
// argument end is the presentation form of the last AliasLen bytes of the
// queried name. A name that is not below the target stays as it is.
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

// suffix is an origin or an alias: an ending of names that decides which zone
// they are in.
type suffix struct {
	name   records.Name
	last   uint64       // see lastEight
	mask   uint64       // which bytes of last belong to the name
	origin uint16       // index in Zone.origins
	target records.Name // of an alias; "" for an origin
}

func newSuffix(name records.Name) suffix {
	mask := ^uint64(0)
	if short := 8 - len(name); short > 0 {
		mask >>= 8 * short
	}
	return suffix{name: name, last: lastEight(names.Bytes(name)), mask: mask}
}

// lastEight are the last eight bytes of a name as a number. Comparing these
// first rules most suffixes out.
func lastEight(name []byte) (last uint64) {
	if len(name) >= 8 {
		return binary.BigEndian.Uint64(name[len(name)-8:])
	}
	for _, c := range name {
		last = last<<8 | uint64(c)
	}
	return last
}

// closestSuffix finds the longest suffix that a name is at or below. It
// returns -1 if there is no such suffix.
func closestSuffix(list []suffix, name []byte) int {
	best, length := -1, 0
	end := lastEight(name)
	for i := range list {
		if (list[i].last^end)&list[i].mask != 0 {
			continue
		}
		c := list[i].name
		from := len(name) - len(c)
		if len(c) <= length || from < 0 || string(name[from:]) != string(c) {
			continue
		}
		// The bytes are the same; they must also begin at a label.
		at := 0
		for at < from {
			at += 1 + int(name[at])
		}
		if at == from {
			best, length = i, len(c)
		}
	}
	return best
}

// originOf is the origin that a name of the record set belongs to. It is not ok
// for a name that is out of zone, nor for one below an alias: the alias hides
// it.
func (z *Zone) originOf(name records.Name) (index uint16, ok bool) {
	i := closestSuffix(z.suffixes, names.Bytes(name))
	if i < 0 || z.suffixes[i].target != "" {
		return 0, false
	}
	return z.suffixes[i].origin, true
}

// isAncestorOfSuffix reports whether a name is above an origin or an alias, and
// therefore exists.
func (z *Zone) isAncestorOfSuffix(name []byte) bool {
	for i := range z.suffixes {
		c := z.suffixes[i].name
		if len(c) > len(name) && string(c[len(c)-len(name):]) == string(name) && c.Under(records.Name(name)) {
			return true
		}
	}
	return false
}

// maxAliases bounds the aliases of a zone.
const maxAliases = MaxOrigins

// buildSuffixes lists the origins, then the aliases with their targets resolved.
//
// A target that lies below another alias is replaced by what it answers as, so
// that a target is never below an alias. A name that meets a further alias
// while it is looked up therefore meets one below the target of the alias
// before: the part in front becomes shorter with each step, and every look-up
// ends.
//
// An alias that leads back to itself answers nothing and is left out (package
// config refuses such settings), as is one whose name is an origin or whose
// resolved target is too long for a name. Of two aliases with one name the
// first counts.
func buildSuffixes(origins []origin, aliases []Alias) []suffix {
	var list []suffix
	taken := map[records.Name]bool{}
	for i, o := range origins {
		c := newSuffix(o.name)
		c.origin = uint16(i)
		list = append(list, c)
		taken[o.name] = true
	}
	r := aliasResolver{origins: taken, aliases: map[records.Name]*resolvedAlias{}}
	var unique []*resolvedAlias
	for _, a := range aliases {
		if !taken[a.Name] && r.aliases[a.Name] == nil && len(unique) < maxAliases {
			alias := &resolvedAlias{name: a.Name, target: a.Target}
			r.aliases[a.Name] = alias
			unique = append(unique, alias)
		}
	}
	for _, a := range unique {
		if r.resolve(a); a.state == resolved {
			c := newSuffix(a.name)
			c.target = a.target
			list = append(list, c)
		}
	}
	return list
}

// aliasResolver resolves each alias once, so that a chain of aliases costs its
// length.
type aliasResolver struct {
	origins map[records.Name]bool
	aliases map[records.Name]*resolvedAlias
}

type resolvedAlias struct {
	name, target records.Name
	state        resolution
}

// resolution is how far the target of an alias is resolved.
type resolution uint8

const (
	unresolved resolution = iota
	resolving
	resolved
	unresolvable // leads back to itself, or to a name that is too long
)

// resolve replaces the target of an alias by a name that is below no alias.
func (r *aliasResolver) resolve(a *resolvedAlias) {
	if a.state != unresolved {
		return
	}
	a.state = resolving
	for {
		via := r.closest(a.target)
		if via == nil {
			a.state = resolved
			return
		}
		r.resolve(via)
		front := a.target[:len(a.target)-len(via.name)]
		if via.state != resolved || len(front)+len(via.target) > maxName {
			a.state = unresolvable
			return
		}
		a.target = front + via.target
	}
}

// closest is the alias that a name is at or below, or nil if there is no
// alias or if an origin is closer.
func (r *aliasResolver) closest(name records.Name) *resolvedAlias {
	for ok := true; ok; name, ok = name.Parent() {
		if a := r.aliases[name]; a != nil {
			return a
		}
		if r.origins[name] {
			return nil
		}
	}
	return nil
}
