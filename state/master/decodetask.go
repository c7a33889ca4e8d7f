package master

import (
	"math"
	"net/netip"
	"slices"

	"toponym/state"
)

// status is what names depend on of one task status.
type status struct {
	timestamp float64 // seconds since 1970
	state     string
	addresses state.Addresses
}

// reset makes s empty and keeps its memory.
func (s *status) reset() {
	a := &s.addresses
	*s = status{addresses: state.Addresses{NetInfo: a.NetInfo[:0], Docker: a.Docker[:0], Mesos: a.Mesos[:0]}}
}

func (d *decoder) task() error {
	t := &state.Task{}
	d.best.reset()
	d.best.timestamp = math.Inf(-1)
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "id":
			return d.unique(&t.Key.ID)
		case "name":
			return d.common(&t.Name)
		case "slave_id":
			return d.common(&t.AgentID)
		case "state":
			return d.common(&t.State)
		case "resources":
			return d.resources(t)
		case "discovery":
			return d.discovery(t)
		case "statuses":
			return d.array(d.status)
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	if t.Key.ID == "" {
		d.doc.faults.note("a task without an id, name %.60q", t.Name)
		return nil
	}
	t.Addresses = state.Addresses{
		NetInfo: slices.Clone(d.best.addresses.NetInfo),
		Docker:  slices.Clone(d.best.addresses.Docker),
		Mesos:   slices.Clone(d.best.addresses.Mesos),
	}
	d.doc.tasks = append(d.doc.tasks, t)
	return nil
}

func (d *decoder) resources(t *state.Task) error {
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

func (d *decoder) discovery(t *state.Task) error {
	if d.Kind() != '{' {
		return d.skip()
	}
	t.Discovery = &state.Discovery{}
	return d.object(func(key []byte) error {
		switch string(key) {
		case "name":
			return d.common(&t.Discovery.Name)
		case "ports":
			return d.object(func(key []byte) error {
				if string(key) != "ports" {
					return d.skip()
				}
				return d.array(func() error { return d.discoveryPort(t) })
			})
		}
		return d.skip()
	})
}

func (d *decoder) discoveryPort(t *state.Task) error {
	var p state.DiscoveryPort
	good := false
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "number":
			n, ok, err := d.number()
			if good = ok && n >= 0 && n <= math.MaxUint16 && n == math.Trunc(n); good {
				p.Number = uint16(n)
			}
			return err
		case "name":
			return d.common(&p.Name)
		case "protocol":
			return d.common(&p.Protocol)
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	if !good {
		d.doc.faults.note("task %.60q: a port of its DiscoveryInfo has no number from 0 to 65535", t.Key.ID)
		return nil
	}
	t.Discovery.Ports = append(t.Discovery.Ports, p)
	return nil
}

// status reads one task status and keeps it when it is the newest one of a
// running task that carries an address.
func (d *decoder) status() error {
	s := &d.current
	s.reset()
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "state":
			return d.common(&s.state)
		case "timestamp":
			n, _, err := d.number()
			s.timestamp = n
			return err
		case "labels":
			return d.labels(d.addressLabel)
		case "container_status":
			return d.object(func(key []byte) error {
				if string(key) != "network_infos" {
					return d.skip()
				}
				return d.array(d.networkInfo)
			})
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	// Masters list statuses oldest first, so the later of two with the same
	// timestamp, or without any, is the newer one.
	if s.state == state.Running && s.timestamp >= d.best.timestamp && !s.addresses.Empty() {
		d.current, d.best = d.best, d.current
	}
	return nil
}

func (d *decoder) networkInfo() error {
	a := &d.current.addresses.NetInfo
	var old netip.Addr // of Mesos 0.25, which had one address and no list
	listed := false
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "ip_addresses":
			return d.array(func() error {
				return d.object(func(key []byte) error {
					if string(key) != "ip_address" {
						return d.skip()
					}
					listed = true
					return d.address(a)
				})
			})
		case "ip_address":
			var one []netip.Addr
			err := d.address(&one)
			if len(one) > 0 {
				old = one[0]
			}
			return err
		}
		return d.skip()
	})
	if err == nil && !listed && old.IsValid() && !slices.Contains(*a, old) {
		*a = append(*a, old)
	}
	return err
}

// address reads an address and appends it where it is one and is new.
func (d *decoder) address(to *[]netip.Addr) error {
	b, err := d.bytes()
	if err != nil || len(b) == 0 {
		return err
	}
	a, perr := state.ParseAddr(string(b))
	if perr != nil {
		d.doc.faults.note("a task's address: %v", perr)
		return nil
	}
	if !slices.Contains(*to, a) {
		*to = append(*to, a)
	}
	return nil
}

// labels reads labels, which are a plain array in some places and inside of an
// object in others, and hands each with a value on.
func (d *decoder) labels(use func(key, value string)) error {
	element := func() error {
		var key, value string
		err := d.object(func(name []byte) error {
			switch string(name) {
			case "key":
				return d.common(&key)
			case "value":
				return d.unique(&value)
			}
			return d.skip()
		})
		if err == nil && value != "" {
			use(key, value)
		}
		return err
	}
	if d.Kind() == '[' {
		return d.array(element)
	}
	return d.object(func(key []byte) error {
		if string(key) != "labels" {
			return d.skip()
		}
		return d.array(element)
	})
}

// The status labels by which executors told a container's address.
const (
	labelDocker = "Docker.NetworkSettings.IPAddress"
	labelMesos  = "MesosContainerizer.NetworkSettings.IPAddress"
)

func (d *decoder) addressLabel(key, value string) {
	var to *[]netip.Addr
	switch key {
	case labelDocker:
		to = &d.current.addresses.Docker
	case labelMesos:
		to = &d.current.addresses.Mesos
	default:
		return
	}
	a, err := state.ParseAddr(value)
	if err != nil {
		d.doc.faults.note("a task's address: label %s: %v", key, err)
		return
	}
	if !slices.Contains(*to, a) {
		*to = append(*to, a)
	}
}
