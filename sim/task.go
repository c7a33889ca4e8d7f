package sim

import (
	"net/netip"
	"time"
)

// Task states, by their names in Mesos.
const (
	TaskStaging        = "TASK_STAGING"
	TaskStarting       = "TASK_STARTING"
	TaskRunning        = "TASK_RUNNING"
	TaskKilling        = "TASK_KILLING"
	TaskUnreachable    = "TASK_UNREACHABLE"
	TaskFinished       = "TASK_FINISHED"
	TaskFailed         = "TASK_FAILED"
	TaskKilled         = "TASK_KILLED"
	TaskLost           = "TASK_LOST"
	TaskError          = "TASK_ERROR"
	TaskDropped        = "TASK_DROPPED"
	TaskGone           = "TASK_GONE"
	TaskGoneByOperator = "TASK_GONE_BY_OPERATOR"
)

// Task is one instance of something that runs. Its key is FrameworkID and ID
// together: task ids are not unique across frameworks.
type Task struct {
	ID          string // StartTask makes one in Marathon's form when it is empty
	Name        string
	FrameworkID string
	AgentID     string
	ExecutorID  string // empty for command tasks, the executor of a pod's tasks
	State       string // kept by the Cluster
	Role        string // the framework's when empty
	Resources   Resources
	Labels      []Label
	Discovery   *Discovery
	Container   *Container
	HealthCheck *HealthCheck

	// ExecutorPorts are host ports that the executor of a pod holds. The first
	// task of the pod has them, the others have none.
	ExecutorPorts Ports

	// Networks says where the task's addresses are. Without any it shares its
	// agent's network and shows the agent's address, as Mesos does. A network
	// without an address gets one, see Cluster.AddNetwork.
	Networks []NetworkInfo

	// Statuses, oldest first. When empty, StartTask writes the two that every
	// running task has: TASK_STARTING and TASK_RUNNING.
	Statuses []Status

	parent string // the container of the pod, where another task of it is there
}

// docker tells whether the Docker containerizer runs the task.
func (t *Task) docker() bool { return t.Container != nil && t.Container.Docker != nil }

// Status is one status update as the master keeps it.
type Status struct {
	State     string
	Time      time.Time
	Labels    []Label
	Healthy   *bool            // nil until the first result of a health check
	Container *ContainerStatus // nil in what the master says itself

	// Message and Reason are seen in the operator API only.
	Message, Reason string

	uuid updateID // zero in what the master says itself
}

// updateID is the random id that an executor gives a status update.
type updateID struct{ hi, lo uint64 }

// ContainerStatus is what the agent said about the container. Updates made by
// the master carry none.
type ContainerStatus struct {
	ID       string
	ParentID string // the pod's container
	Networks []NetworkInfo
}

// NetworkInfo is a container's place in one network.
type NetworkInfo struct {
	Name   string // empty for the host network and Docker's bridge
	Labels []Label
	// Addresses with the length of their network. Mesos shows it for IPv6
	// ("fd01:b::2/64") but not for IPv4; a full length is never shown.
	Addresses    []netip.Prefix
	PortMappings []PortMapping
	// AsksIPv4 is set where a framework asks for any address of IPv4, as
	// Marathon does for the Mesos containerizer. It is not of a status.
	AsksIPv4 bool
}

// PortMapping leads from a host port to a container port.
type PortMapping struct {
	HostPort, ContainerPort uint16
	Protocol                string
}

// Discovery is what the scheduler wants others to know about a task.
type Discovery struct {
	Visibility                     string // FRAMEWORK when empty
	Name                           string
	Environment, Location, Version string
	Ports                          []DiscoveryPort
	Labels                         []Label
}

// DiscoveryPort is a port of a Discovery. Marathon says with the label
// network-scope whether the number is the host's or the container's.
type DiscoveryPort struct {
	Number         uint16
	Name, Protocol string
	Visibility     string
	Labels         []Label
}

// Container is the ContainerInfo of a task.
type Container struct {
	Type     string // DOCKER or MESOS
	Volumes  []Volume
	Docker   *Docker
	Image    string        // a Docker image that the Mesos containerizer runs; none when empty
	Cached   bool          // Image may come from the agent's cache
	Networks []NetworkInfo // what was asked for: names and mappings, no addresses
}

// Volume is a path of the agent that a container sees.
type Volume struct{ Mode, ContainerPath, HostPath string }

// Docker is the part of a Container for the Docker containerizer.
type Docker struct {
	Image        string
	Network      string // HOST, BRIDGE or USER
	PortMappings []PortMapping
	Parameters   []Label
	ForcePull    bool
	Privileged   bool
}

// HealthCheck is a health check over HTTP, over TCP or by a command.
type HealthCheck struct {
	Interval, Timeout, Grace time.Duration
	Port                     uint16
	Path                     string
	Scheme                   string // http when empty
	TCP                      bool   // only whether the port is open
	Command                  string // instead of HTTP when not empty
}

// Address gives a single address for NetworkInfo, or with "/64" and the like
// an address that shows its network's length. It panics on anything else, so
// it is for literals only.
func Address(s string) netip.Prefix {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return netip.MustParsePrefix(s)
}
