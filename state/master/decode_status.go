package master

import (
	"math"
	"net/netip"
	"slices"

	"toponym/state"
)

// statuses are what is kept of the task statuses that were read so far: of two
// with the same timestamp, or without any, the later one is the newer, for
// masters list them oldest first.
type statuses struct {
	current, running, newest status // best: the newest of a running task with an address
	starting                 status // the newest of a starting one with an address
	everRan                  bool   // there is one of a running task
}

// status is what names depend on of one task status.
type status struct {
	timestamp float64 // seconds since 1970
	state     string
	health    state.Health
	addresses addresses
	task      string // whose status it is, which it says in an update
	agent     string
}

// addresses is state.Addresses in memory that is used again.
type addresses struct {
	netInfo, docker, mesos []netip.Addr
	networks               []state.Network
}

func (s *statuses) reset() {
	for _, one := range []*status{&s.current, &s.running, &s.newest, &s.starting} {
		one.reset()
		one.timestamp = math.Inf(-1)
	}
	s.everRan = false
}

// addresses are those of a task in a state.
func (s *statuses) addresses(taskState string) *addresses {
	if !s.everRan && taskState != state.Running {
		return &s.starting.addresses
	}
	return &s.running.addresses
}

// reset makes s empty and keeps its memory.
func (s *status) reset() {
	a := &s.addresses
	*s = status{addresses: addresses{netInfo: a.netInfo[:0], docker: a.docker[:0], mesos: a.mesos[:0], networks: a.networks[:0]}}
}

func (a *addresses) empty() bool {
	return len(a.netInfo) == 0 && len(a.docker) == 0 && len(a.mesos) == 0
}

// clone gives what a holds in memory of its own.
func (a *addresses) clone() state.Addresses {
	c := state.Addresses{NetInfo: slices.Clone(a.netInfo), Docker: slices.Clone(a.docker), Mesos: slices.Clone(a.mesos)}
	c.Networks = slices.Clone(a.networks)
	for i, n := range c.Networks {
		if slices.Equal(n.Addrs, c.NetInfo) { // mostly there is one network
			c.Networks[i].Addrs = c.NetInfo
		}
	}
	return c
}

// status reads one task status, and keeps it where it is the newest, of all or
// of a running task that carries an address.
func (d *decoder) status() error {
	s := &d.statuses.current
	s.reset()
	err := d.object(func(key []byte) error {
		switch string(key) {
		case "state":
			return d.internedString(&s.state)
		case "timestamp":
			n, _, err := d.number()
			s.timestamp = n
			return err
		case "healthy":
			return d.health(&s.health)
		case "labels":
			return d.labels(isAddressLabel, d.addressLabel)
		case "task_id":
			if d.inUpdate {
				return d.identifier(d.plainString, &s.task)
			}
		case "agent_id":
			if d.inUpdate {
				return d.identifier(d.internedString, &s.agent)
			}
		case "container_status":
			return d.object(func(key []byte) error {
				if string(key) != "network_infos" {
					return d.skip()
				}
				return d.array(d.statusNetwork)
			})
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	all := &d.statuses
	if s.timestamp >= all.newest.timestamp {
		all.newest.timestamp, all.newest.health = s.timestamp, s.health
	}
	keep := &all.running
	switch s.state {
	case state.Running:
		all.everRan = true
	case state.Starting:
		keep = &all.starting
	default:
		return nil
	}
	if s.timestamp >= keep.timestamp && !s.addresses.empty() {
		all.current, *keep = *keep, all.current
	}
	return nil
}

func (d *decoder) health(h *state.Health) error {
	switch d.Kind() {
	case 't':
		*h = state.Healthy
	case 'f':
		*h = state.Unhealthy
	}
	return d.skip()
}

func (d *decoder) statusNetwork() error {
	n, err := d.networkInfo()
	if err != nil {
		return err
	}
	a := &d.statuses.current.addresses
	for _, addr := range n.Addrs {
		appendDistinct(&a.netInfo, addr)
	}
	if n.Name != "" || len(n.Mappings) > 0 {
		n.Addrs = slices.Clone(n.Addrs)
		a.networks = append(a.networks, n)
	}
	return nil
}

// The status labels by which executors told a container's address.
const (
	labelDocker = "Docker.NetworkSettings.IPAddress"
	labelMesos  = "MesosContainerizer.NetworkSettings.IPAddress"
)

func isAddressLabel(key []byte) bool { return string(key) == labelDocker || string(key) == labelMesos }

func (d *decoder) addressLabel(key, value string) {
	to := &d.statuses.current.addresses.docker
	if key == labelMesos {
		to = &d.statuses.current.addresses.mesos
	}
	a, err := state.ParseAddr(value)
	if err != nil {
		d.doc.issues.add("a task's address: label %s: %v", key, err)
		return
	}
	appendDistinct(to, a)
}

func appendDistinct(to *[]netip.Addr, a netip.Addr) {
	if !slices.Contains(*to, a) {
		*to = append(*to, a)
	}
}
