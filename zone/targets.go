package zone

import (
	"cmp"
	"runtime"
	"strings"

	"toponym/internal/names"
	"toponym/records"
)

// nodeTrees are the names of a version by id. SRV records refer to their targets by id:
// that is small, and a version that shares nearly everything with the one before need
// not tell its lists anything. Ids are given to other names once nobody holds them, so an id
// means something only together with the version that has it.
//
// The record set holds the targets of its records, the zone those of zone files.
type nodeTrees struct {
	nodes tree

	// outside has the targets of SRV records that are no names of the zone. Its nodes
	// have a name and no records, and are only found by id.
	outside tree
}

// Target is the node of a name that an SRV record of this version points to. A name that
// the zone does not have is in it without records.
func (t *nodeTrees) Target(id names.ID) *Node {
	if n := t.nodes.get(id); n != nil {
		return n
	}
	return t.otherTarget(id)
}

// Targets puts the nodes that some SRV records of this version point to into a list of
// the same length, in their order. It takes less time than to ask for each by itself.
func (t *nodeTrees) Targets(of []SRV, into []*Node) {
	into = into[:len(of)]
	for i := range of {
		n := t.nodes.get(of[i].Target)
		if n == nil {
			n = t.otherTarget(of[i].Target)
		}
		into[i] = n
	}
}

// otherTarget is Target for an id that is no name's of the zone.
func (t *nodeTrees) otherTarget(id names.ID) *Node {
	if n := t.outside.get(id); n != nil {
		return n
	}
	return noTarget
}

// noTarget stands for the target of an id that the version does not have. As the name of
// a target the root says that there is no service (RFC 2782).
var noTarget = &Node{Name: records.Root, Data: &noData}

// targetName is the name that an SRV record of this version points to.
func (t *nodeTrees) targetName(id names.ID) records.Name { return t.Target(id).Name }

// CompareSRV orders SRV records of this version.
func (z *Zone) CompareSRV(a, b SRV) int { return a.Compare(b, z.targetName) }

// settleTargets makes sure, at the end of a version, that all targets have nodes. SRV
// records of the record set have come to point to the given ones. It frees the ids that
// are no longer used.
func (z *Zone) settleTargets(added []names.ID) {
	b := z.builder
	for _, id := range added {
		z.keepTarget(id)
	}
	for _, id := range b.loose {
		if b.names.Holders(id) > 0 {
			z.keepTarget(id)
		}
	}
	if b.loose = b.loose[:0]; cap(b.loose) > maxKeptIDs {
		b.loose = nil
	}
	for _, id := range b.names.Sweep() {
		if z.outside.get(id) != nil {
			z.putOutside(id, nil)
		}
	}
}

// maxKeptIDs is how many ids a list of the builder keeps memory for.
const maxKeptIDs = 1 << 14

// settleAllTargets is settleTargets for a zone that is compiled.
func (z *Zone) settleAllTargets() {
	var last *records.Data // names of an app often share theirs
	i := 0
	for n := range z.nodes.all() {
		if i++; i%256 == 0 {
			runtime.Gosched()
		}
		if n.Data == last {
			continue
		}
		last = n.Data
		for _, s := range n.SRV {
			z.keepTarget(s.Target)
		}
	}
	z.settleTargets(nil)
}

// keepTarget makes sure that a target has a node.
func (z *Zone) keepTarget(id names.ID) {
	if z.nodes.get(id) != nil {
		return
	}
	name := z.builder.name(id)
	if n := z.outside.get(id); n == nil || n.Name != name {
		z.putOutside(id, &Node{Name: name, Data: &noData})
	}
}

// putOutside makes n the node of a name outside of the zone, in this version only. Most
// versions share all of these with the one before.
func (z *Zone) putOutside(id names.ID, n *Node) {
	if b := z.builder; b.outsideVersion != b.version {
		z.outside, b.outsideVersion = z.outside.next(), b.version
	}
	z.outside.put(id, n, z.builder.version)
}

// staticSRV is the data of an SRV record of a zone file, whose records any number of
// zones may have.
type staticSRV struct {
	records.SRV // without a target
	target      records.Name
}

func (s staticSRV) compare(o staticSRV) int {
	return cmp.Or(s.CompareNumbers(o.SRV), strings.Compare(string(s.target), string(o.target)))
}

// mergeSRV gives the data of a name the SRV records that zone files have for it, and makes
// their targets keep their ids.
func (b *builder) mergeSRV(d *records.Data, static []staticSRV) {
	if len(static) == 0 {
		return
	}
	list := make([]SRV, 0, len(static))
	for _, s := range static {
		r := s.SRV
		r.Target = b.intern(s.target)
		b.names.Hold(r.Target)
		b.loose = append(b.loose, r.Target)
		list = append(list, r)
	}
	d.SRV = union(d.SRV, list, func(a, b2 SRV) int { return a.Compare(b2, b.name) })
}

// releaseStatic takes back what mergeSRV did for the targets of a node.
func (b *builder) releaseStatic(n *Node) {
	if n.static == nil {
		return
	}
	for _, s := range n.static.srv {
		if id, ok := b.names.Find(names.Bytes(s.target)); ok {
			b.names.Release(id)
		}
	}
}
