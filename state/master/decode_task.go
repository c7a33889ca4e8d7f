package master

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"strings"

	"toponym/state"
)

// Bounds of the lists of one task. What exceeds them is skipped: no task has as
// many, and each element costs records.
const (
	maxTaskAddresses = 256
	maxTaskPorts     = 4096 // ranges, mappings, ports of a DiscoveryInfo
	maxTaskLabels    = 1024 // that are kept
	// maxTaskLabelBytes bounds the keys and values of the labels of a task and
	// its ports that the setting keepLabels selects.
	maxTaskLabelBytes = 64 << 10
)

// appendBounded appends to a list of a task unless that is full.
func appendBounded[T any](d *decoder, list *[]T, v T, most int, what string) {
	if len(*list) < most {
		*list = append(*list, v)
	} else if !d.full {
		d.full = true
		d.doc.issues.add("task %.60q has more than %d %s", d.taskID, most, what)
	}
}

// tasks reads tasks of a list: one, or as many as workers have read ahead. Tasks that have
// ended are listed until their framework has acknowledged it, and have no names.
func (d *decoder) tasks() error {
	if d.parallel == nil && d.decoders > 1 && len(d.doc.Tasks) >= d.sizes.tasks {
		if d.parallel = startParallel(d); d.parallel == nil {
			d.decoders = 0
		}
	}
	if d.parallel != nil && d.parallel.take(d) {
		return nil
	}
	return d.oneTask()
}

// oneTask reads one task of a list.
func (d *decoder) oneTask() error {
	t := &state.Task{}
	if err := d.task(t); err != nil {
		return err
	}
	if t.Key.ID == "" {
		d.doc.issues.add("a task without an id, name %.60q", t.Name)
		return nil
	}
	d.doc.Tasks = append(d.doc.Tasks, t)
	return nil
}

// task reads a task of either API.
func (d *decoder) task(t *state.Task) error {
	d.statuses.reset()
	d.full, d.labelBytes = false, 0
	details := state.TaskDetails{Labels: d.taskLabels[:0]}
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "id", "task_id":
			err := d.identifier(d.plainString, &t.Key.ID)
			d.taskID = t.Key.ID
			return err
		case "framework_id":
			return d.identifier(d.internedString, &t.Key.Framework)
		case "name":
			return d.internedString(&t.Name)
		case "slave_id", "agent_id":
			return d.identifier(d.internedString, &t.AgentID)
		case "state":
			return d.internedString(&t.State)
		case "labels":
			return d.labels(d.isTaskLabel, d.internedString, func(l state.Label) {
				if isRecordLabel(l.Key) {
					appendBounded(d, &t.Labels, l, maxTaskLabels, "labels")
				} else {
					d.keep(&details.Labels, l)
				}
			})
		case "role":
			return d.internedString(&details.Role)
		case "resources":
			return d.resources(t, &details)
		case "container":
			return d.container(t)
		case "discovery":
			return d.discovery(t)
		case "statuses":
			return d.array(d.status)
		}
		return d.skip()
	})
	t.Addresses, t.Health = d.statuses.addresses(t.State).clone(), d.statuses.newest.health
	t.Since, t.Details = d.statuses.enteredAt(t.State), d.interner.Details(details)
	d.taskLabels = details.Labels
	return err
}

// keep adds a label that the setting keepLabels selects to a list.
func (d *decoder) keep(to *[]state.Label, l state.Label) {
	if d.labelBytes += len(l.Key) + len(l.Value); d.labelBytes <= maxTaskLabelBytes {
		appendBounded(d, to, l, maxTaskLabels, "labels")
	} else if !d.full {
		d.full = true
		d.doc.issues.add("task %.60q has more than %d bytes of labels that keepLabels selects", d.taskID, maxTaskLabelBytes)
	}
}

func (d *decoder) discovery(t *state.Task) error {
	if d.Kind() != '{' {
		return d.skip()
	}
	info := &d.discoveryInfo
	*info = state.Discovery{Ports: info.Ports[:0]}
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "name":
			return d.internedString(&info.Name)
		case "visibility":
			return d.internedString(&info.Visibility)
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
	t.Discovery = d.interner.Discovery(info)
	return err
}

func (d *decoder) discoveryPort(t *state.Task) error {
	var p state.DiscoveryPort
	good := false
	err := d.object(func(key []byte) (err error) {
		switch string(key) {
		case "number":
			p.Number, good, err = d.port()
			return err
		case "name":
			return d.internedString(&p.Name)
		case "protocol":
			return d.internedString(&p.Protocol)
		case "visibility":
			return d.internedString(&p.Visibility)
		case "labels":
			d.portLabels = d.portLabels[:0]
			err = d.labels(d.isPortLabel, d.internedString, func(l state.Label) {
				switch {
				case l.Key == labelScope:
					p.Scope = l.Value
				case l.Key == labelNetwork:
					p.Network = l.Value
				case isRecordLabel(l.Key):
					appendBounded(d, &d.portLabels, l, maxTaskLabels, "labels")
				default:
					d.keep(&d.portLabels, l)
				}
			})
			p.Labels = d.interner.Labels(d.portLabels)
			return err
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	if !good {
		d.doc.issues.add("task %.60q: a port of its DiscoveryInfo has no number from 0 to 65535", t.Key.ID)
		return nil
	}
	appendBounded(d, &d.discoveryInfo.Ports, p, maxTaskPorts, "ports in its DiscoveryInfo")
	return nil
}

// resources reads the ports of a task: from the totals by name that a state has,
// or from the list of resources of the operator API, which also has the role.
func (d *decoder) resources(t *state.Task, details *state.TaskDetails) error {
	if d.Kind() == '[' {
		err := d.array(func() error { return d.resource(t, details) })
		t.Ports = mergeRanges(t.Ports)
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
			d.doc.issues.add("task %.60q: %v", t.Key.ID, perr)
		}
		return nil
	})
}

// resource reads one resource (mesos.proto, Resource) and adds it where it is
// ports.
func (d *decoder) resource(t *state.Task, details *state.TaskDetails) error {
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
		case "allocation_info":
			return d.object(func(key []byte) error {
				if string(key) == "role" {
					return d.internedString(&details.Role)
				}
				return d.skip()
			})
		}
		return d.skip()
	})
	if ports {
		for _, r := range ranges {
			appendBounded(d, &t.Ports, r, maxTaskPorts, "ranges of ports")
		}
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
		d.doc.issues.add("a range of ports that is none")
	default:
		appendBounded(d, to, r, maxTaskPorts, "ranges of ports")
	}
	return err
}

// mergeRanges returns ranges as a state writes them: in order, with adjacent ones
// merged.
func mergeRanges(ranges []state.PortRange) []state.PortRange {
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

// container reads the parts of a ContainerInfo that are about networks.
func (d *decoder) container(t *state.Task) error {
	c := &d.containerInfo
	*c = state.Container{Mappings: c.Mappings[:0], Networks: c.Networks[:0]}
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "docker":
			return d.object(func(key []byte) error {
				switch string(key) {
				case "network":
					return d.internedString(&c.DockerNetwork)
				case "port_mappings":
					return d.array(func() error { return d.portMapping(&c.Mappings) })
				}
				return d.skip()
			})
		case "network_infos":
			return d.array(func() error {
				n, err := d.networkInfo()
				if n.Name != "" || len(n.Mappings) > 0 {
					n.Addrs = nil // requested addresses need not be the actual ones
					appendBounded(d, &c.Networks, n, maxTaskAddresses, "networks")
				}
				return err
			})
		}
		return d.skip()
	})
	if err == nil && !c.Equal(&state.Container{}) {
		t.Container = d.interner.Container(c)
	}
	return err
}

// networkInfo reads a NetworkInfo. Its addresses are valid until the next call.
func (d *decoder) networkInfo() (n state.Network, err error) {
	d.addrs = d.addrs[:0]
	var old []netip.Addr // of Mesos 0.25, which had one address and no list
	listed := false
	err = d.object(func(key []byte) error {
		switch string(key) {
		case "name":
			return d.internedString(&n.Name)
		case "ip_addresses":
			return d.array(func() error {
				return d.object(func(key []byte) error {
					if string(key) != "ip_address" {
						return d.skip()
					}
					listed = true
					return d.address(&d.addrs)
				})
			})
		case "ip_address":
			return d.address(&old)
		case "port_mappings":
			return d.array(func() error { return d.portMapping(&n.Mappings) })
		}
		return d.skip()
	})
	if !listed && len(old) > 0 {
		d.addrs = append(d.addrs, old[len(old)-1])
	}
	n.Addrs = d.addrs
	return n, err
}

// address reads an address and appends it unless it is invalid or repeated.
func (d *decoder) address(to *[]netip.Addr) error {
	b, err := d.bytes()
	if err != nil || len(b) == 0 {
		return err
	}
	a, perr := state.ParseAddr(string(b))
	if perr != nil {
		d.doc.issues.add("a task's address: %v", perr)
		return nil
	}
	d.appendDistinct(to, a)
	return nil
}

// portMapping reads a PortMapping of either containerizer and appends it where it
// has both ports.
func (d *decoder) portMapping(to *[]state.PortMapping) error {
	var m state.PortMapping
	host, inside := false, false
	err := d.object(func(key []byte) (err error) {
		switch string(key) {
		case "host_port":
			m.HostPort, host, err = d.port()
			return err
		case "container_port":
			m.ContainerPort, inside, err = d.port()
			return err
		case "protocol":
			return d.internedString(&m.Protocol)
		}
		return d.skip()
	})
	if err == nil && host && inside {
		appendBounded(d, to, m, maxTaskPorts, "port mappings")
	}
	return err
}

// port reads a port number. For anything else ok is false.
func (d *decoder) port() (port uint16, ok bool, err error) {
	n, ok, err := d.number()
	if !ok || n < 0 || n > math.MaxUint16 || n != math.Trunc(n) {
		return 0, false, err
	}
	return uint16(n), true, nil
}

// Labels of Marathon that tell on which side of a port mapping a port of the
// DiscoveryInfo is, and on which network.
const (
	labelScope   = "network-scope"
	labelNetwork = "network-name"
)

// isRecordLabel reports whether a label sets parameters of records.
func isRecordLabel[T string | []byte](key T) bool {
	// A comparison does not copy the key, as a call with string(key) would.
	return len(key) >= len(state.LabelPrefix) && string(key[:len(state.LabelPrefix)]) == state.LabelPrefix
}

// isTaskLabel reports whether a label of a task is kept.
func (d *decoder) isTaskLabel(key []byte) bool {
	return isRecordLabel(key) || slices.ContainsFunc(d.keepLabels, func(prefix string) bool { return strings.HasPrefix(string(key), prefix) })
}

// isPortLabel reports whether a label of a port is used or kept.
func (d *decoder) isPortLabel(key []byte) bool {
	return string(key) == labelScope || string(key) == labelNetwork || d.isTaskLabel(key)
}

// labels reads labels, which are an array in some places and in an object in
// others, and calls use with each that is wanted and has a value, as read reads
// it.
func (d *decoder) labels(wanted func(key []byte) bool, read func(*string) error, use func(state.Label)) error {
	element := func() error { return d.readLabel(wanted, read, use) }
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

// readLabel reads one label. The values of unwanted labels are skipped, unless
// they come before their key, which no master does.
func (d *decoder) readLabel(wanted func(key []byte) bool, read func(*string) error, use func(state.Label)) error {
	d.label = state.Label{}
	unwanted := false
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "key":
			b, err := d.bytes()
			if err != nil {
				return err
			}
			if unwanted = len(b) > maxKept || !wanted(b); !unwanted {
				d.label.Key = d.intern(b)
			}
			return nil
		case "value":
			if !unwanted {
				return read(&d.label.Value)
			}
		}
		return d.skip()
	})
	if err == nil && !unwanted && d.label.Key != "" && d.label.Value != "" {
		use(d.label)
	}
	return err
}
