package sim

import (
	"iter"
	"slices"
	"strconv"
)

// Resources is what an agent offers, or what a task holds. Mem and Disk are
// in MB, as everywhere in Mesos.
type Resources struct {
	CPUs, Mem, Disk, GPUs float64
	Ports                 Ports
}

// add counts o as well. The ports of r have to be its own.
func (r *Resources) add(o Resources) {
	r.CPUs += o.CPUs
	r.Mem += o.Mem
	r.Disk += o.Disk
	r.GPUs += o.GPUs
	r.Ports = append(r.Ports, o.Ports...)
}

// scalars is r without its ports, times a factor.
func (r Resources) scalars(factor float64) Resources {
	return Resources{CPUs: factor * r.CPUs, Mem: factor * r.Mem, Disk: factor * r.Disk, GPUs: factor * r.GPUs}
}

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last uint16 }

// Ports is a set of host ports.
type Ports []PortRange

// PortList makes a set of single ports.
func PortList(ports ...uint16) Ports {
	var p Ports
	for _, n := range ports {
		p = append(p, PortRange{n, n})
	}
	return p
}

// merged gives the same ports sorted, with neighbours joined.
func (p Ports) merged() Ports {
	if len(p) <= 1 {
		return p
	}
	sorted := slices.Clone(p)
	slices.SortFunc(sorted, func(a, b PortRange) int { return int(a.First) - int(b.First) })
	out := sorted[:1]
	for _, r := range sorted[1:] {
		if last := &out[len(out)-1]; int(r.First) <= int(last.Last)+1 {
			last.Last = max(last.Last, r.Last)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// len is the number of ports.
func (p Ports) len() int {
	n := 0
	for _, r := range p {
		n += int(r.Last) - int(r.First) + 1
	}
	return n
}

// at returns the i-th port, which has to be there.
func (p Ports) at(i int) uint16 {
	for _, r := range p {
		size := int(r.Last) - int(r.First) + 1
		if i < size {
			return r.First + uint16(i)
		}
		i -= size
	}
	return 0
}

// all iterates over the ports one by one.
func (p Ports) all() iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for _, r := range p {
			for n := int(r.First); n <= int(r.Last); n++ {
				if !yield(uint16(n)) {
					return
				}
			}
		}
	}
}

// String gives the notation of /master/state, such as
// "[31010-31011, 31500-31500]": sorted, neighbours joined. The empty set is
// "", since Mesos then leaves the field out.
func (p Ports) String() string {
	if len(p) == 0 {
		return ""
	}
	b := []byte{'['}
	for _, r := range p.merged() {
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		b = strconv.AppendUint(b, uint64(r.First), 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, uint64(r.Last), 10)
	}
	return string(append(b, ']'))
}
