package zone

import (
	"iter"
	"slices"
)

// tree is the nodes of a zone by number. It has a fixed depth, and the next
// version shares all of it but the way from the top to what changed. So that
// costs next to the same in a zone of any size, and a look-up two loads more
// than from a plain array, of what is mostly in the processor's cache.
//
// Whatever is below the top is there: what was never put is shared by all.
type tree struct {
	limbs []*limb
}

// wayBits are how many bits of a number each level of the tree takes. With
// fewer the tree would be deeper; with more a version would copy more.
const (
	wayBits = 4
	ways    = 1 << wayBits
)

// The levels of a tree. A version is that in which one was made, so that it
// may be written to.
type (
	limb struct {
		version  uint64
		branches [ways]*branch
	}
	branch struct {
		version uint64
		pages   [ways]*page
	}
	page struct {
		version uint64
		nodes   [ways]*Node
	}
)

// What nothing was put into yet. It is of no version, so that it is copied by
// who puts something.
var (
	noPage   = page{version: ^uint64(0)}
	noBranch = branch{version: ^uint64(0), pages: [ways]*page(slices.Repeat([]*page{&noPage}, ways))}
	noLimb   = limb{version: ^uint64(0), branches: [ways]*branch(slices.Repeat([]*branch{&noBranch}, ways))}
)

// at is the node of a number, or nil.
func (t *tree) at(id uint32) *Node {
	if i := int(id >> (3 * wayBits)); i < len(t.limbs) {
		return t.limbs[i].branches[id>>(2*wayBits)%ways].pages[id>>wayBits%ways].nodes[id%ways]
	}
	return nil
}

// next is what a next version begins with.
func (t *tree) next() tree { return tree{slices.Clone(t.limbs)} }

// put makes n the node of a number in a version.
func (t *tree) put(id uint32, n *Node, version uint64) {
	i := int(id >> (3 * wayBits))
	for i >= len(t.limbs) {
		t.limbs = append(t.limbs, &noLimb)
	}
	l := &t.limbs[i]
	if (*l).version != version {
		c := **l
		c.version, *l = version, &c
	}
	b := &(*l).branches[id>>(2*wayBits)%ways]
	if (*b).version != version {
		c := **b
		c.version, *b = version, &c
	}
	p := &(*b).pages[id>>wayBits%ways]
	if (*p).version != version {
		c := **p
		c.version, *p = version, &c
	}
	(*p).nodes[id%ways] = n
}

// all gives every node, by number.
func (t *tree) all() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, l := range t.limbs {
			for _, b := range l.branches {
				for _, p := range b.pages {
					for _, n := range p.nodes {
						if n != nil && !yield(n) {
							return
						}
					}
				}
			}
		}
	}
}
