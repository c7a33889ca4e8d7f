package master

import "toponym/state"

// tasks reads one task of a list. Those that have ended are listed until their
// framework knows of it, and have no names.
func (d *decoder) tasks() error {
	t := &state.Task{}
	if err := d.task(t); err != nil {
		return err
	}
	if t.Key.ID == "" {
		d.doc.faults.note("a task without an id, name %.60q", t.Name)
		return nil
	}
	d.doc.tasks = append(d.doc.tasks, t)
	return nil
}

// task reads a task of either API.
func (d *decoder) task(t *state.Task) error {
	d.statuses.reset()
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "id", "task_id":
			return d.identifier(d.unique, &t.Key.ID)
		case "framework_id":
			return d.identifier(d.common, &t.Key.Framework)
		case "name":
			return d.common(&t.Name)
		case "slave_id", "agent_id":
			return d.identifier(d.common, &t.AgentID)
		case "state":
			return d.common(&t.State)
		case "labels":
			return d.labels(steers, func(key, value string) { t.Labels = append(t.Labels, state.Label{Key: key, Value: value}) })
		case "resources":
			return d.resources(t)
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
	return err
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
		case "visibility":
			return d.common(&t.Discovery.Visibility)
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
	err := d.object(func(key []byte) (err error) {
		switch string(key) {
		case "number":
			p.Number, good, err = d.port()
			return err
		case "name":
			return d.common(&p.Name)
		case "protocol":
			return d.common(&p.Protocol)
		case "visibility":
			return d.common(&p.Visibility)
		case "labels":
			return d.labels(ofPort, func(key, value string) {
				switch key {
				case labelScope:
					p.Scope = value
				case labelNetwork:
					p.Network = value
				default:
					p.Labels = append(p.Labels, state.Label{Key: key, Value: value})
				}
			})
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
