package state

import "net/netip"

// TaskKey identifies a task. Task ids alone are not unique: each framework
// chooses its own (mesos.proto, TaskID).
type TaskKey struct {
	Framework string // FrameworkID.value
	ID        string // TaskID.value
}

// Task holds the parts of a Mesos task that names depend on (mesos.proto, Task).
type Task struct {
	Key       TaskKey
	Name      string // Task.name, as the framework wrote it
	AgentID   string // Task.slave_id
	State     string // Task.state, such as "TASK_RUNNING"
	Ports     []PortRange
	Discovery *Discovery // nil where the task has none
	Container *Container // nil where it says nothing about networks
	Addresses Addresses
	Health    Health
	// Since is when the task entered its state, by the clock of its agent, in
	// seconds since 1970; 0 if unknown. Masters keep only the newest of several
	// statuses with one state, so it may be later than that where no event told.
	Since   uint32
	Labels  []Label      // those of Task.labels that set parameters of records, see LabelPrefix
	Details *TaskDetails // nil where there are none
}

// TaskDetails are the parts of a task that few names depend on. Tasks of one app
// mostly share them, see Interner. They never change.
type TaskDetails struct {
	Role   string  // the role that the task's resources are allocated to
	Labels []Label // those of Task.labels that the setting keepLabels selects, but for LabelPrefix
}

// Role returns the role that the task's resources are allocated to; empty if
// unknown.
func (t *Task) Role() string {
	if t.Details == nil {
		return ""
	}
	return t.Details.Role
}

// KeptLabels returns the labels that the setting keepLabels selects, but for
// those with LabelPrefix. Keys may repeat.
func (t *Task) KeptLabels() []Label {
	if t.Details == nil {
		return nil
	}
	return t.Details.Labels
}

// Running reports whether the task's state is TASK_RUNNING.
func (t *Task) Running() bool { return t.State == Running }

// States of a task that can have names: Running always, Starting where
// publishStates has it.
const (
	Running  = "TASK_RUNNING"
	Starting = "TASK_STARTING"
)

// Ended reports whether the task is over or its agent is unreachable: a master
// no longer lists it among the tasks of its framework. An unreachable task that
// returns is reported as a task that was added.
func (t *Task) Ended() bool {
	switch t.State {
	case "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED",
		"TASK_UNREACHABLE", "TASK_GONE", "TASK_GONE_BY_OPERATOR", "TASK_UNKNOWN":
		return true
	}
	return false
}

// PortRange is a range of host ports that a task has, both ends included
// (mesos.proto, Value.Ranges; resource "ports").
type PortRange struct {
	First, Last uint16
}

// LabelPrefix begins the keys of labels that set parameters of the records of a
// task or a port. Of other labels those are kept that the setting keepLabels
// selects.
const LabelPrefix = "DNS_"

// Label is a label of a task or of a port (mesos.proto, Label). Keys may
// repeat.
type Label struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Health is the result of a task's health checks in its newest status
// (mesos.proto, TaskStatus.healthy).
type Health uint8

// HealthUnknown is the health of a task without health checks or before their
// first result.
const (
	HealthUnknown Health = iota
	Healthy
	Unhealthy
)

// Network is a network that a task is on, or asks to be on, and the ports of the
// agent that lead into it (mesos.proto, NetworkInfo).
type Network struct {
	Name     string       // empty for the agent's network, and from old versions
	Addrs    []netip.Addr // empty in a Container
	Mappings []PortMapping
}

// PortMapping maps a port of the agent to a port of a container (mesos.proto, NetworkInfo.PortMapping, DockerInfo.PortMapping).
type PortMapping struct {
	HostPort      uint16
	ContainerPort uint16
	Protocol      string // as written; empty means tcp
}

// Container holds what a framework asked for about networks (mesos.proto,
// ContainerInfo).
type Container struct {
	DockerNetwork string        // DockerInfo.network: HOST, BRIDGE, NONE or USER; empty for other containers
	Mappings      []PortMapping // DockerInfo.port_mappings
	Networks      []Network     // ContainerInfo.network_infos
}

// Addresses are a task's own addresses by the field of the task status that has
// them, each list in the order of the status and without repetitions. They come
// from the newest TASK_RUNNING status that has an address, so that a status
// which only reports health leaves them in place. Before a task runs they come
// from its TASK_STARTING status, and are dropped when it runs, since Docker's
// executor reports the agent's address there.
type Addresses struct {
	NetInfo []netip.Addr // container_status.network_infos, all of them
	// Networks are the same addresses by network, for networks that have a name
	// or port mappings.
	Networks []Network
	Docker   []netip.Addr // status label Docker.NetworkSettings.IPAddress
	Mesos    []netip.Addr // status label MesosContainerizer.NetworkSettings.IPAddress
}

// Empty reports whether no status has an address.
func (a Addresses) Empty() bool {
	return len(a.NetInfo) == 0 && len(a.Docker) == 0 && len(a.Mesos) == 0
}

// Discovery is a task's DiscoveryInfo (mesos.proto, DiscoveryInfo).
type Discovery struct {
	Name       string
	Visibility string // FRAMEWORK, CLUSTER or EXTERNAL, as written
	Ports      []DiscoveryPort
}

// DiscoveryPort is one port of a DiscoveryInfo (mesos.proto, Port).
type DiscoveryPort struct {
	Number   uint16
	Name     string
	Protocol string // as written; empty means tcp and udp

	Visibility string  // as written; empty means that of the DiscoveryInfo
	Scope      string  // label network-scope: host or container; empty without
	Network    string  // label network-name
	Labels     []Label // those with LabelPrefix, and those that the setting keepLabels selects
}

// UPID is the address of a libprocess actor, such as
// "slave(1)@10.0.0.3:5051". HTTP frameworks have none, which is the zero value.
type UPID struct {
	ID   string // "slave(1)"
	Host string // an address, or a host name
	Port uint16
}

// IsZero reports whether there is no pid.
func (p UPID) IsZero() bool { return p == UPID{} }

// Agent is a Mesos agent (mesos.proto, SlaveInfo).
type Agent struct {
	ID       string
	Hostname string // SlaveInfo.hostname, as the agent announced it
	PID      UPID
	// Addrs are the addresses of PID.Host, or of Hostname where there is no pid.
	// They are empty where the name did not resolve.
	Addrs []netip.Addr

	Attributes []Attribute // SlaveInfo.attributes, sorted by name
	Region     string      // SlaveInfo.domain.fault_domain.region.name
	Zone       string      // SlaveInfo.domain.fault_domain.zone.name
}

// Attribute is an attribute of an agent (mesos.proto, Attribute). Names may
// repeat. Values that are not text are written as Mesos does: "2.5", "[1-5, 9-9]"
// and "{a, b}".
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Framework is a registered scheduler (mesos.proto, FrameworkInfo).
type Framework struct {
	ID       string
	Name     string
	Hostname string
	PID      UPID
	// Addrs are the scheduler's addresses: those of PID.Host, or of Hostname where
	// there is no pid.
	Addrs []netip.Addr
	Roles []string // FrameworkInfo.roles, or the only one of FrameworkInfo.role, sorted
}

// Master is a Mesos master: one of the settings, one that is registered in
// ZooKeeper, or the leader.
type Master struct {
	Host  string // an address, or a host name
	Port  uint16
	Addrs []netip.Addr
}
