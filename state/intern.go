package state

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// Bounds of an Interner, for a stream that may go on for months: the values of each
// kind that it remembers, and the elements of their lists.
const (
	maxInternedValues   = 1 << 16
	maxInternedElements = 1 << 17
)

// Interner keeps equal parts of tasks once: those of the instances of an app are mostly
// the same. It forgets everything of a kind when that has reached its bounds. It is not
// for concurrent use.
type Interner struct {
	seed        maphash.Seed
	labels      internedValues[[]Label]
	details     internedValues[*TaskDetails]
	discoveries internedValues[*Discovery]
	containers  internedValues[*Container]
}

// NewInterner returns an interner that knows nothing yet.
func NewInterner() *Interner { return &Interner{seed: maphash.MakeSeed()} }

// Labels returns a list that equals the given one, which the caller may use
// again. Nobody may change the result.
func (n *Interner) Labels(list []Label) []Label {
	if len(list) == 0 {
		return nil
	}
	hash := n.hasher()
	hash.labels(list)
	sum := hash.Sum64()
	if known := n.labels.known[sum]; slices.Equal(known, list) {
		return known
	}
	return n.labels.add(sum, slices.Clone(list), len(list))
}

// Details returns details that equal the given ones, and nil for empty ones. The
// caller may use the list of labels again; nobody may change the result.
func (n *Interner) Details(d TaskDetails) *TaskDetails {
	if d.Role == "" && len(d.Labels) == 0 {
		return nil
	}
	hash := n.hasher()
	hash.text(d.Role)
	hash.labels(d.Labels)
	sum := hash.Sum64()
	if known := n.details.known[sum]; known.Equal(&d) {
		return known
	}
	return n.details.add(sum, &TaskDetails{d.Role, slices.Clone(d.Labels)}, len(d.Labels))
}

// Discovery returns a DiscoveryInfo that equals the given one. The caller may use that
// and its list of ports again, but not the labels of a port; nobody may change the result.
func (n *Interner) Discovery(d *Discovery) *Discovery {
	hash := n.hasher()
	hash.text(d.Name)
	hash.text(d.Visibility)
	for i := range d.Ports {
		p := &d.Ports[i]
		hash.number(p.Number)
		hash.text(p.Name)
		hash.text(p.Protocol)
		hash.text(p.Scope)
		hash.text(p.Network)
	}
	sum := hash.Sum64()
	if known := n.discoveries.known[sum]; known.Equal(d) {
		return known
	}
	return n.discoveries.add(sum, &Discovery{d.Name, d.Visibility, slices.Clone(d.Ports)}, len(d.Ports))
}

// Container returns a ContainerInfo that equals the given one. The caller may use that
// and its lists again, but not the lists of a network; nobody may change the result.
func (n *Interner) Container(c *Container) *Container {
	hash := n.hasher()
	hash.text(c.DockerNetwork)
	hash.mappings(c.Mappings)
	size := len(c.Mappings)
	for i := range c.Networks {
		hash.text(c.Networks[i].Name)
		hash.mappings(c.Networks[i].Mappings)
		size += 1 + len(c.Networks[i].Mappings)
	}
	sum := hash.Sum64()
	if known := n.containers.known[sum]; known.Equal(c) {
		return known
	}
	return n.containers.add(sum, &Container{c.DockerNetwork, slices.Clone(c.Mappings), slices.Clone(c.Networks)}, size)
}

// internedValues are values of one kind by hash. Of values with one hash the first is
// shared, and the others are not.
type internedValues[V any] struct {
	known    map[uint64]V
	elements int // of the lists in them
}

// add remembers a new value and returns it. elements is the number of elements of the
// lists in it.
func (i *internedValues[V]) add(hash uint64, v V, elements int) V {
	if _, taken := i.known[hash]; taken {
		return v
	}
	if i.known == nil || len(i.known) >= maxInternedValues || i.elements+elements > maxInternedElements {
		i.known, i.elements = map[uint64]V{}, 0
	}
	i.known[hash] = v
	i.elements += elements
	return v
}

// valueHash is the hash of a value under construction.
type valueHash struct{ maphash.Hash }

func (n *Interner) hasher() *valueHash {
	h := &valueHash{}
	h.SetSeed(n.seed)
	return h
}

func (h *valueHash) text(s string) {
	h.WriteString(s)
	h.WriteByte(0xff) // which no UTF-8 has
}

func (h *valueHash) number(v uint16) {
	var b [2]byte
	binary.LittleEndian.PutUint16(b[:], v)
	h.Write(b[:])
}

func (h *valueHash) labels(list []Label) {
	for _, l := range list {
		h.text(l.Key)
		h.text(l.Value)
	}
}

func (h *valueHash) mappings(list []PortMapping) {
	for _, m := range list {
		h.number(m.HostPort)
		h.number(m.ContainerPort)
		h.text(m.Protocol)
	}
}
