package state

import (
	"hash/maphash"
	"slices"
)

// Bounds of an Interner, for a stream that may go on for months: the lists that
// it remembers, and the labels in them.
const (
	maxInternedLists  = 1 << 16
	maxInternedLabels = 1 << 18
)

// Interner keeps equal lists of labels, and equal details of tasks, once: those
// of the instances of an app are mostly the same. It forgets everything when it
// has reached its bounds. It is not for concurrent use.
type Interner struct {
	seed    maphash.Seed
	lists   map[uint64][]Label
	details map[uint64]*TaskDetails
	labels  int // in lists
}

// NewInterner returns an interner that knows nothing yet.
func NewInterner() *Interner {
	return &Interner{seed: maphash.MakeSeed(), lists: map[uint64][]Label{}, details: map[uint64]*TaskDetails{}}
}

// Labels returns a list that equals the given one, which the caller may use
// again. Nobody may change the result.
func (n *Interner) Labels(list []Label) []Label {
	if len(list) == 0 {
		return nil
	}
	hash := n.hash(list, "")
	known, ok := n.lists[hash]
	if ok && slices.Equal(known, list) {
		return known
	}
	list = slices.Clone(list)
	if !ok {
		n.reserve(len(list))
		n.lists[hash] = list
	}
	return list
}

// Details returns details that equal the given ones, and nil for empty ones. The
// caller may use the list of labels again; nobody may change the result.
func (n *Interner) Details(d TaskDetails) *TaskDetails {
	if d.Role == "" && len(d.Labels) == 0 {
		return nil
	}
	hash := n.hash(d.Labels, d.Role)
	known, ok := n.details[hash]
	if ok && known.Equal(&d) {
		return known
	}
	kept := &TaskDetails{Role: d.Role, Labels: slices.Clone(d.Labels)}
	if !ok {
		n.reserve(len(kept.Labels))
		n.details[hash] = kept
	}
	return kept
}

// reserve makes room for one more list with a number of labels.
func (n *Interner) reserve(labels int) {
	if len(n.lists)+len(n.details) >= maxInternedLists || n.labels+labels > maxInternedLabels {
		clear(n.lists)
		clear(n.details)
		n.labels = 0
	}
	n.labels += labels
}

func (n *Interner) hash(list []Label, role string) uint64 {
	var h maphash.Hash
	h.SetSeed(n.seed)
	write := func(s string) {
		h.WriteString(s)
		h.WriteByte(0xff) // which no UTF-8 has
	}
	write(role)
	for _, l := range list {
		write(l.Key)
		write(l.Value)
	}
	return h.Sum64()
}
