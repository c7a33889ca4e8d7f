package master

import (
	"cmp"
	"math"
	"slices"

	"toponym/state"
)

// resources reads the ports of a task: from the sums by name that a state has,
// or from the list of resources of the operator API.
func (d *decoder) resources(t *state.Task) error {
	if d.Kind() == '[' {
		err := d.array(func() error { return d.resource(t) })
		t.Ports = joined(t.Ports)
		return err
	}
	return d.object(func(key []byte) error {
		if string(key) != "ports" {
			return d.skip()
		}
		b, err := d.bytes()
		if err != nil || len(b) == 0 {
			return err
		}
		var perr error
		if t.Ports, perr = state.ParsePorts(string(b)); perr != nil {
			d.doc.faults.note("task %.60q: %v", t.Key.ID, perr)
		}
		return nil
	})
}

// resource reads one resource (mesos.proto, Resource) and adds it to the ports
// where it is some.
func (d *decoder) resource(t *state.Task) error {
	var ranges []state.PortRange
	ports := false
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "name":
			b, err := d.bytes()
			ports = string(b) == "ports"
			return err
		case "ranges":
			return d.object(func(key []byte) error {
				if string(key) != "range" {
					return d.skip()
				}
				return d.array(func() error { return d.portRange(&ranges) })
			})
		}
		return d.skip()
	})
	if ports {
		t.Ports = append(t.Ports, ranges...)
	}
	return err
}

func (d *decoder) portRange(to *[]state.PortRange) error {
	var r state.PortRange
	first, last := false, false
	err := d.object(func(key []byte) (err error) {
		switch string(key) {
		case "begin":
			r.First, first, err = d.port()
			return err
		case "end":
			r.Last, last, err = d.port()
			return err
		}
		return d.skip()
	})
	switch {
	case err != nil:
	case !first || !last || r.First > r.Last:
		d.doc.faults.note("a range of ports that is none")
	default:
		*to = append(*to, r)
	}
	return err
}

// joined are the same ports as a state writes them: in order, and ranges that
// touch in one.
func joined(ranges []state.PortRange) []state.PortRange {
	slices.SortFunc(ranges, func(a, b state.PortRange) int { return cmp.Compare(a.First, b.First) })
	out := ranges[:0]
	for _, r := range ranges {
		if last := len(out) - 1; last >= 0 && (out[last].Last == math.MaxUint16 || r.First <= out[last].Last+1) {
			out[last].Last = max(out[last].Last, r.Last)
			continue
		}
		out = append(out, r)
	}
	return out
}
