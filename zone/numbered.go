package zone

import "toponym/records"

// numbered finds the targets of data that other names have as well: a service
// has the same records by TCP and UDP, and mostly in the domain and the views.
// It knows all data while a zone is compiled. After that a few are enough: the
// names of an app change one after the other.
type numbered struct {
	all    map[*records.Data]*targets // nil but while a zone is compiled
	lately [16]struct {
		data    *records.Data
		targets *targets
	}
	next int // in lately
}

// find gives the targets of data, or nil.
func (n *numbered) find(d *records.Data) *targets {
	if n.all != nil {
		return n.all[d]
	}
	for i := range n.lately {
		// Without a node the numbers may belong to other names by now.
		if l := &n.lately[i]; l.data == d && l.targets.nodes > 0 {
			return l.targets
		}
	}
	return nil
}

func (n *numbered) add(d *records.Data, t *targets) {
	if n.all != nil {
		n.all[d] = t
		return
	}
	l := &n.lately[n.next%len(n.lately)]
	l.data, l.targets = d, t
	n.next++
}
