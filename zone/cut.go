package zone

import "toponym/records"

// cut is a name below which a zone begins: an origin, or an alias, below which
// what is asked is looked up under another name.
type cut struct {
	name   records.Name
	origin uint16
	target records.Name // of an alias; "" for an origin
}

// cutsOf are the origins and aliases of a zone.
//
// The target of an alias that lies below another alias is replaced by what that
// means. So a further alias that a name meets on its way is always one below the
// target before, and what is left in front of it becomes shorter from step to
// step: looking up comes to an end for all names. An alias that leads back to
// itself means nothing and is left out; settings that have such are refused.
func cutsOf(origins []origin, aliases []Alias) []cut {
	var list []cut
	for i, o := range origins {
		list = append(list, cut{name: o.name, origin: uint16(i)})
	}
	taken := map[records.Name]bool{}
	for _, o := range origins {
		taken[o.name] = true
	}
	direct := list
	for _, a := range aliases {
		if !taken[a.Name] && len(taken) < 2*maxOrigins {
			taken[a.Name] = true
			direct = append(direct, cut{name: a.Name, target: a.Target})
		}
	}
	for _, c := range direct[len(origins):] {
		target := c.target
		for range direct {
			next := closest(direct, octets(target))
			if next < 0 || direct[next].target == "" {
				list = append(list, cut{name: c.name, target: target})
				break
			}
			t := target[:len(target)-len(direct[next].name)] + direct[next].target
			if len(t) > maxName {
				break
			}
			target = t
		}
	}
	return list
}

// maxName is the size of the longest name (RFC 1035, section 2.3.4).
const maxName = 255

// closest finds the longest name of a list that a name is at or below. It is
// negative when there is none.
func closest(list []cut, name []byte) int {
	best, length := -1, 0
	for i := range list {
		c := list[i].name
		from := len(name) - len(c)
		if len(c) <= length || from < 0 || string(name[from:]) != string(c) {
			continue
		}
		// The octets are the same; they must begin where a label does.
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

// home is the origin that a name of the record set belongs to. Names below an
// alias belong to none: those of its target are there.
func (z *Zone) home(name records.Name) (place uint16, ok bool) {
	i := closest(z.cuts, octets(name))
	if i < 0 || z.cuts[i].target != "" {
		return 0, false
	}
	return z.cuts[i].origin, true
}
