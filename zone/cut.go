package zone

import (
	"encoding/binary"

	"toponym/records"
)

// cut is a name below which a zone begins: an origin, or an alias, below which
// what is asked is looked up under another name.
type cut struct {
	name   records.Name
	tail   uint64 // see tail
	mask   uint64 // what of a tail the name has
	origin uint16
	target records.Name // of an alias; "" for an origin
}

func newCut(name records.Name) cut {
	mask := ^uint64(0)
	if short := 8 - len(name); short > 0 {
		mask >>= 8 * short
	}
	return cut{name: name, tail: tail(octets(name)), mask: mask}
}

// tail are the last eight octets of a name. Most names that do not end as
// another are told from it by these.
func tail(name []byte) (t uint64) {
	if len(name) >= 8 {
		return binary.BigEndian.Uint64(name[len(name)-8:])
	}
	for _, c := range name {
		t = t<<8 | uint64(c)
	}
	return t
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
		c := newCut(o.name)
		c.origin = uint16(i)
		list = append(list, c)
	}
	taken := map[records.Name]bool{}
	for _, o := range origins {
		taken[o.name] = true
	}
	direct := list
	for _, a := range aliases {
		if !taken[a.Name] && len(taken) < 3*MaxOrigins {
			taken[a.Name] = true
			c := newCut(a.Name)
			c.target = a.Target
			direct = append(direct, c)
		}
	}
	for _, c := range direct[len(origins):] {
		target := c.target
		for range direct {
			next := closest(direct, octets(target))
			if next < 0 || direct[next].target == "" {
				c.target = target
				list = append(list, c)
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
	end := tail(name)
	for i := range list {
		if (list[i].tail^end)&list[i].mask != 0 {
			continue
		}
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
