package resolver

import (
	"net/netip"
	"slices"

	"github.com/miekg/dns"

	"toponym/zone"
)

// order decides in which order a reply lists records of one kind, so that
// clients which take the first one spread over all.
type order struct {
	shuffle func(n int, swap func(i, j int))
	near    netip.Prefix // what comes first; not valid: nothing

	// most is the number of records behind which nobody looks: more than can
	// fit. With it, all but the shuffling costs what the reply's size costs,
	// however large the app is.
	most int
}

// node is the node with its records of a type in the order of this reply. The
// zone's own node is shared and stays as it is.
func (o order) node(n *zone.Node, qtype uint16) *zone.Node {
	wants := func(t uint16) bool { return qtype == t || qtype == dns.TypeANY }
	data := *n.Data
	if wants(dns.TypeA) {
		data.A = first(o, nearFirst(o, shuffled(o, n.A), netip.AddrFrom4))
	}
	if wants(dns.TypeAAAA) {
		data.AAAA = first(o, nearFirst(o, shuffled(o, n.AAAA), netip.AddrFrom16))
	}
	if wants(dns.TypeSRV) {
		data.SRV = first(o, shuffled(o, n.SRV))
	}
	ordered := *n
	ordered.Data = &data
	return &ordered
}

func shuffled[T any](o order, list []T) []T {
	if len(list) < 2 {
		return list
	}
	list = slices.Clone(list)
	o.shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// nearFirst moves the addresses that are near to the front. Within both groups
// the order stays.
func nearFirst[T any](o order, list []T, addr func(T) netip.Addr) []T {
	if len(list) < 2 || !o.near.IsValid() {
		return list
	}
	near, far := make([]T, 0, len(list)), make([]T, 0, len(list))
	for _, a := range list {
		if o.near.Contains(addr(a)) {
			near = append(near, a)
		} else {
			far = append(far, a)
		}
	}
	return append(near, far...)
}

func first[T any](o order, list []T) []T { return list[:min(len(list), o.most)] }
