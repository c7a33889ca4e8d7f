package compare

import "slices"

// Side is who has a datum that the other has not.
type Side string

// The sides.
const (
	Toponym  Side = "toponym"
	MesosDNS Side = "mesosdns"
)

// Difference is a name and type for which the two sides have different data. The
// lists are sorted.
type Difference struct {
	Key
	Toponym  []string // that Mesos-DNS does not have
	MesosDNS []string // that Toponym does not have
}

// empty reports whether nothing is left of a difference.
func (d Difference) empty() bool { return len(d.Toponym)+len(d.MesosDNS) == 0 }

// Counts says how much was compared.
type Counts struct {
	Compared int `json:"compared"` // names and types that either side has
	Equal    int `json:"equal"`
}

// Diff lists the differences between the records of Toponym and those of Mesos-DNS,
// in the order of their names.
func Diff(ours, theirs Source) ([]Difference, Counts) {
	var found []Difference
	var n Counts
	add := func(k Key, own, their []string) {
		n.Compared++
		d := Difference{k, without(own, their), without(their, own)}
		if d.empty() {
			n.Equal++
			return
		}
		found = append(found, d)
	}
	for k, own := range ours.All() {
		add(k, own, theirs.Data(k))
	}
	for k, their := range theirs.All() {
		if len(ours.Data(k)) == 0 && len(their) > 0 {
			add(k, nil, their)
		}
	}
	slices.SortFunc(found, func(a, b Difference) int { return a.Key.Compare(b.Key) })
	return found, n
}

// Persisting returns the part of the differences that was there in an earlier
// comparison, too: data that only the same side had both times. What comes and goes is
// a cluster that changes while it is read.
func Persisting(now, before []Difference) (left []Difference) {
	earlier := make(map[Key]Difference, len(before))
	for _, d := range before {
		earlier[d.Key] = d
	}
	for _, d := range now {
		was := earlier[d.Key]
		d.Toponym = both(d.Toponym, was.Toponym)
		d.MesosDNS = both(d.MesosDNS, was.MesosDNS)
		if !d.empty() {
			left = append(left, d)
		}
	}
	return left
}

// without returns the elements of a that b does not have. Both are sorted.
func without(a, b []string) (list []string) {
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); !found {
			list = append(list, s)
		}
	}
	return list
}

// both returns the elements that a and b have. Both are sorted.
func both(a, b []string) (list []string) {
	for _, s := range a {
		if _, found := slices.BinarySearch(b, s); found {
			list = append(list, s)
		}
	}
	return list
}
