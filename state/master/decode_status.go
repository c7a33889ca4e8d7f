package master

import (
	"math"
	"net/netip"
	"slices"

	"toponym/state"
)

// statuses are what is kept of the statuses of a task that have been read. Of two
// with the same timestamp, or without one, the later is the newer: masters list
// them oldest first.
type statuses struct {
	current  status // being read
	newest   status
	running  status // the newest TASK_RUNNING with an address
	starting status // the newest TASK_STARTING with an address
	everRan  bool   // there is a TASK_RUNNING

	// The state of the last status, and the timestamp of the first of those with
	// that state at the end of the list.
	lastState string
	since     float64
}

// status holds the parts of a task status that names depend on.
type status struct {
	timestamp float64 // seconds since 1970
	state     string
	health    state.Health
	addresses addresses
	task      string // only in an update
	agent     string // only in an update

	agentRemoved bool // the agent was removed; only in an update
}

// addresses is state.Addresses in memory that is reused.
type addresses struct {
	netInfo, docker, mesos []netip.Addr
	networks               []state.Network
}

func (s *statuses) reset() {
	for _, one := range []*status{&s.current, &s.running, &s.newest, &s.starting} {
		one.reset()
		one.timestamp = math.Inf(-1)
	}
	s.everRan, s.lastState, s.since = false, "", 0
}

// enteredAt returns when a task entered the state that it is in, in seconds since
// 1970; 0 if no status tells.
func (s *statuses) enteredAt(taskState string) uint32 {
	if s.lastState != taskState {
		return 0
	}
	return wholeSeconds(s.since)
}

// wholeSeconds returns a timestamp of a status as a Task has it.
func wholeSeconds(timestamp float64) uint32 {
	if timestamp < 0 || timestamp > math.MaxUint32 {
		return 0
	}
	return uint32(timestamp)
}

// addresses returns the addresses of a task that is in a state.
func (s *statuses) addresses(taskState string) *addresses {
	if !s.everRan && taskState != state.Running {
		return &s.starting.addresses
	}
	return &s.running.addresses
}

// reset empties s and keeps its memory.
func (s *status) reset() {
	a := &s.addresses
	*s = status{addresses: addresses{netInfo: a.netInfo[:0], docker: a.docker[:0], mesos: a.mesos[:0], networks: a.networks[:0]}}
}

func (a *addresses) empty() bool {
	return len(a.netInfo) == 0 && len(a.docker) == 0 && len(a.mesos) == 0
}

// clone returns a copy that shares no memory with a.
func (a *addresses) clone() state.Addresses {
	c := state.Addresses{NetInfo: slices.Clone(a.netInfo), Docker: slices.Clone(a.docker), Mesos: slices.Clone(a.mesos)}
	c.Networks = slices.Clone(a.networks)
	for i, n := range c.Networks {
		if slices.Equal(n.Addrs, c.NetInfo) { // the usual case: one network
			c.Networks[i].Addrs = c.NetInfo
		}
	}
	return c
}

// status reads one task status and keeps it where it is the newest of its kind.
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
			return d.labels(isAddressLabel, d.plainString, d.addressLabel)
		case "reason":
			if d.inUpdate {
				b, err := d.bytes()
				s.agentRemoved = isAgentRemoval(b)
				return err
			}
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
	if s.state != all.lastState {
		all.lastState, all.since = s.state, s.timestamp
	}
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

// isAgentRemoval reports whether a reason of a status (mesos.proto,
// TaskStatus.Reason) says that the task's agent was removed.
func isAgentRemoval(reason []byte) bool {
	switch string(reason) {
	case "REASON_SLAVE_REMOVED", "REASON_SLAVE_REMOVED_BY_OPERATOR", "REASON_AGENT_REMOVED", "REASON_AGENT_REMOVED_BY_OPERATOR":
		return true
	}
	return false
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
		d.appendDistinct(&a.netInfo, addr)
	}
	if n.Name != "" || len(n.Mappings) > 0 {
		n.Addrs = slices.Clone(n.Addrs)
		appendBounded(d, &a.networks, n, maxTaskAddresses, "networks")
	}
	return nil
}

// Status labels in which executors reported a container's address.
const (
	labelDocker = "Docker.NetworkSettings.IPAddress"
	labelMesos  = "MesosContainerizer.NetworkSettings.IPAddress"
)

func isAddressLabel(key []byte) bool { return string(key) == labelDocker || string(key) == labelMesos }

func (d *decoder) addressLabel(l state.Label) {
	to := &d.statuses.current.addresses.docker
	if l.Key == labelMesos {
		to = &d.statuses.current.addresses.mesos
	}
	a, err := state.ParseAddr(l.Value)
	if err != nil {
		d.doc.issues.add("a task's address: label %s: %v", l.Key, err)
		return
	}
	d.appendDistinct(to, a)
}

// appendDistinct appends an address unless it is there. The bound of the list
// keeps this from being quadratic in what a task reports.
func (d *decoder) appendDistinct(to *[]netip.Addr, a netip.Addr) {
	if !slices.Contains(*to, a) {
		appendBounded(d, to, a, maxTaskAddresses, "addresses")
	}
}
