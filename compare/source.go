package compare

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"strconv"

	"toponym/records"
)

// Key is an owner name with a record type. The name ends with a dot; names of
// Mesos-DNS are as it lists them, in any case.
type Key struct {
	Name string `json:"name"`
	Type string `json:"type"` // A, AAAA or SRV
}

// Compare orders keys by their names, then by their types.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Name, o.Name), cmp.Compare(k.Type, o.Type))
}

// Source has the records of one side. Data are addresses or, for SRV records,
// "target:port": /v1/axfr has neither priorities nor weights. They are sorted, without
// duplicates, and must not be changed.
type Source interface {
	All() iter.Seq2[Key, []string]
	Data(Key) []string // nil if there are none
}

// Records are records as a plain map. It implements Source.
type Records map[Key][]string

// All implements Source.
func (r Records) All() iter.Seq2[Key, []string] {
	return func(yield func(Key, []string) bool) {
		for k, data := range r {
			if !yield(k, data) {
				return
			}
		}
	}
}

// Data implements Source.
func (r Records) Data(k Key) []string { return r[k] }

// setSource makes the data of a record set when they are asked for, so that a large
// cluster is not held twice.
type setSource struct {
	set    *records.Set
	domain records.Name
}

// NewSource returns the address and SRV records of a set in a domain.
func NewSource(set *records.Set, domain records.Name) Source { return setSource{set, domain} }

// types are the types of /v1/axfr.
var types = [...]string{"A", "AAAA", "SRV"}

// All implements Source.
func (s setSource) All() iter.Seq2[Key, []string] {
	return func(yield func(Key, []string) bool) {
		for name, d := range s.set.All() {
			if !name.Under(s.domain) {
				continue
			}
			text := name.String()
			for _, t := range types {
				if data := s.dataOf(d, t); len(data) > 0 && !yield(Key{text, t}, data) {
					return
				}
			}
		}
	}
}

// Data implements Source. Names that cannot be asked for have no records.
func (s setSource) Data(k Key) []string {
	name, err := records.ParseName(k.Name)
	if err != nil || !name.Under(s.domain) {
		return nil
	}
	return s.dataOf(s.set.Data(name), k.Type)
}

func (s setSource) dataOf(d *records.Data, rtype string) (list []string) {
	switch rtype {
	case "A":
		for _, a := range d.A {
			list = append(list, netip.AddrFrom4(a).String())
		}
	case "AAAA":
		for _, a := range d.AAAA {
			list = append(list, netip.AddrFrom16(a).String())
		}
	case "SRV":
		for _, v := range d.SRV {
			list = append(list, s.set.Target(v).String()+":"+strconv.Itoa(int(v.Port)))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
