package sim

import (
	"slices"
	"strconv"
)

// Resources is what an agent offers, or what a task holds. Mem and Disk are
// in MB, as everywhere in Mesos.
type Resources struct {
	CPUs, Mem, Disk, GPUs float64
	Ports                 Ports
}

func (r Resources) plus(o Resources) Resources {
	return Resources{
		CPUs:  r.CPUs + o.CPUs,
		Mem:   r.Mem + o.Mem,
		Disk:  r.Disk + o.Disk,
		GPUs:  r.GPUs + o.GPUs,
		Ports: slices.Concat(r.Ports, o.Ports),
	}
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

// String gives the notation of /master/state, such as
// "[31010-31011, 31500-31500]": sorted, neighbours joined. The empty set is
// "", since Mesos then leaves the field out.
func (p Ports) String() string {
	if len(p) == 0 {
		return ""
	}
	sorted := slices.Clone(p)
	slices.SortFunc(sorted, func(a, b PortRange) int { return int(a.First) - int(b.First) })
	b := []byte{'['}
	for i := 0; i < len(sorted); i++ {
		r := sorted[i]
		for i+1 < len(sorted) && int(sorted[i+1].First) <= int(r.Last)+1 {
			i++
			r.Last = max(r.Last, sorted[i].Last)
		}
		if len(b) > 1 {
			b = append(b, ", "...)
		}
		b = strconv.AppendUint(b, uint64(r.First), 10)
		b = append(b, '-')
		b = strconv.AppendUint(b, uint64(r.Last), 10)
	}
	return string(append(b, ']'))
}
