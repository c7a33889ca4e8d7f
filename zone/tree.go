package zone

import (
	"iter"
	"slices"

	"toponym/internal/names"
)

// tree holds the nodes of a zone by id. It is a persistent radix trie of three
// levels below a list: a new version copies the path from the top to each node
// that changes and shares the rest. A change therefore costs about the same in
// a zone of any size, and a look-up two loads more than in a plain array.
//
// No pointer to an inner level is nil: where nothing was put, it leads to
// emptyTop, emptyInner or emptyLeaf.
type tree struct {
	top []*topNode
}

// radixBits are the bits of an id that each level consumes. Fewer bits make the
// tree deeper; more bits make each version copy more.
const (
	radixBits = 4
	radix     = 1 << radixBits
)

// The levels. Each remembers the version that created it, which may change it in
// place, and the origins of which a node has been put below it, as bits.
type (
	topNode struct {
		version uint64
		origins uint64
		inner   [radix]*innerNode
	}
	innerNode struct {
		version uint64
		origins uint64
		leaves  [radix]*leafNode
	}
	leafNode struct {
		version uint64
		origins uint64
		nodes   [radix]*Node
	}
)

// Levels without a node. Their version is that of no zone, so put always copies them.
var (
	emptyLeaf  = leafNode{version: ^uint64(0)}
	emptyInner = innerNode{version: ^uint64(0), leaves: [radix]*leafNode(slices.Repeat([]*leafNode{&emptyLeaf}, radix))}
	emptyTop   = topNode{version: ^uint64(0), inner: [radix]*innerNode(slices.Repeat([]*innerNode{&emptyInner}, radix))}
)

// get is the node of an id, or nil.
func (t *tree) get(id names.ID) *Node {
	if i := int(id >> (3 * radixBits)); i < len(t.top) {
		return t.top[i].inner[id>>(2*radixBits)%radix].leaves[id>>radixBits%radix].nodes[id%radix]
	}
	return nil
}

// next is the tree that the next version starts from.
func (t *tree) next() tree { return tree{slices.Clone(t.top)} }

// put makes n the node of an id in a version.
func (t *tree) put(id names.ID, n *Node, version uint64) {
	i := int(id >> (3 * radixBits))
	for i >= len(t.top) {
		t.top = append(t.top, &emptyTop)
	}
	top := &t.top[i]
	if (*top).version != version {
		c := **top
		c.version, *top = version, &c
	}
	inner := &(*top).inner[id>>(2*radixBits)%radix]
	if (*inner).version != version {
		c := **inner
		c.version, *inner = version, &c
	}
	leaf := &(*inner).leaves[id>>radixBits%radix]
	if (*leaf).version != version {
		c := **leaf
		c.version, *leaf = version, &c
	}
	(*leaf).nodes[id%radix] = n
	if n != nil {
		bit := originBit(n.origin)
		(*top).origins |= bit
		(*inner).origins |= bit
		(*leaf).origins |= bit
	}
}

// originBit is the bit of an origin. With more than 64 of them some share one.
func originBit(origin uint16) uint64 { return 1 << (origin % 64) }

// of iterates over the nodes of an origin in the order of their ids. It skips what
// has none, so that a small zone beside a large one costs little.
func (t *tree) of(origin uint16) iter.Seq[*Node] {
	bit := originBit(origin)
	return func(yield func(*Node) bool) {
		for _, top := range t.top {
			if top.origins&bit == 0 {
				continue
			}
			for _, inner := range top.inner {
				if inner.origins&bit == 0 {
					continue
				}
				for _, leaf := range inner.leaves {
					if leaf.origins&bit == 0 {
						continue
					}
					for _, n := range leaf.nodes {
						if n != nil && n.origin == origin && !yield(n) {
							return
						}
					}
				}
			}
		}
	}
}

// all iterates over the nodes in the order of their ids.
func (t *tree) all() iter.Seq[*Node] {
	return func(yield func(*Node) bool) {
		for _, top := range t.top {
			for _, inner := range top.inner {
				for _, leaf := range inner.leaves {
					for _, n := range leaf.nodes {
						if n != nil && !yield(n) {
							return
						}
					}
				}
			}
		}
	}
}
