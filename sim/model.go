package sim

import (
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// Label is a key with a value. With NoValue the state shows no value. Keys may repeat:
// Mesos allows both.
type Label struct {
	Key, Value string
	NoValue    bool
}

// AgentState is the state of an agent at the master.
type AgentState uint8

const (
	// AgentRegistered is shown in "slaves".
	AgentRegistered AgentState = iota
	// AgentUnreachable does not respond: it is in no list, only counted, and its tasks
	// are in "unreachable_tasks".
	AgentUnreachable
	// AgentRecovered is known from the registry alone after a failover: it is in
	// "recovered_slaves", and its tasks are not shown.
	AgentRecovered
)

// Agent is a Mesos agent.
type Agent struct {
	ID           string         // "<uuid>-S0"; AddAgent makes one when it is empty
	Hostname     string         // the address when empty
	Addr         netip.AddrPort // libprocess address; port 5051 when zero
	Attributes   []Label
	Resources    Resources // 16 CPUs, 64 GB, ports 31000-32000 when zero
	State        AgentState
	Registered   time.Time // now when zero
	Reregistered time.Time // zero: registered once only
	Deactivated  bool      // see SetDeactivated

	ordinal uint64 // number of the agent, which chooses its share of each network
}

// pid is the agent's libprocess id.
func (a *Agent) pid() string { return "slave(1)@" + a.Addr.String() }

// Framework is a registered scheduler.
type Framework struct {
	ID              string // "<uuid>-0000"; AddFramework makes one when it is empty
	Name            string
	PID             string // libprocess id, empty for a scheduler that speaks HTTP
	Hostname, WebUI string
	User            string   // root when empty
	Principal       string   // left out when empty
	Roles           []string // "*" when empty; shown as "roles" with the MULTI_ROLE capability, else as "role"
	Capabilities    []string
	Labels          []Label
	Checkpoint      bool
	FailoverTimeout time.Duration

	// Disconnected schedulers keep their tasks. Recovered ones are known from
	// their tasks only, after a failover.
	Disconnected, Recovered  bool
	Registered, Reregistered time.Time
	Unregistered             time.Time // set for completed frameworks
}

func (f *Framework) has(capability string) bool {
	return slices.Contains(f.Capabilities, capability)
}

// role returns the role of the tasks that name none.
func (f *Framework) role() string {
	if len(f.Roles) == 0 {
		return "*"
	}
	return f.Roles[0]
}

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

// Task is a Mesos task. FrameworkID and ID together identify it: task ids are not unique
// across frameworks.
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

	// Networks has the networks of the container. Without any the task shares the
	// network of its agent and shows the agent's address, as in Mesos. A network without
	// an address is given one, see Cluster.AddNetwork.
	Networks []NetworkInfo

	// Statuses, oldest first. When empty, StartTask writes the two that every
	// running task has: TASK_STARTING and TASK_RUNNING.
	Statuses []Status

	parent string // id of the pod's container, once another task of the pod has started
}

// docker reports whether the Docker containerizer runs the task.
func (t *Task) docker() bool { return t.Container != nil && t.Container.Docker != nil }

// Status is one status update as the master keeps it.
type Status struct {
	State     string
	Time      time.Time
	Labels    []Label
	Healthy   *bool            // nil until the first result of a health check
	Container *ContainerStatus // nil in updates that the master makes itself

	// Message and Reason are shown by the operator API only.
	Message, Reason string

	uuid updateID // zero in updates that the master makes itself
}

// updateID is the random id that an executor gives a status update.
type updateID struct{ hi, lo uint64 }

// ContainerStatus is what the agent reports about a container.
type ContainerStatus struct {
	ID       string
	ParentID string // the pod's container
	Networks []NetworkInfo
}

// NetworkInfo is a network of a container.
type NetworkInfo struct {
	Name   string // empty for the host network and Docker's bridge
	Labels []Label
	// Addresses with the length of their network. Mesos shows it for IPv6
	// ("fd01:b::2/64") but not for IPv4; a full length is never shown.
	Addresses    []netip.Prefix
	PortMappings []PortMapping
	// AsksIPv4 requests any IPv4 address, as Marathon does for the Mesos containerizer.
	// It is not set in a status.
	AsksIPv4 bool
}

// PortMapping maps a host port to a container port.
type PortMapping struct {
	HostPort, ContainerPort uint16
	Protocol                string
}

// Discovery is the DiscoveryInfo of a task.
type Discovery struct {
	Visibility                     string // FRAMEWORK when empty
	Name                           string
	Environment, Location, Version string
	Ports                          []DiscoveryPort
	Labels                         []Label
}

// DiscoveryPort is a port of a Discovery. With the label network-scope Marathon tells
// whether the number is the host's or the container's.
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

// Docker is the DockerInfo of a Container.
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

// Address parses an address for NetworkInfo, with "/64" and the like one that shows the
// length of its network. It panics on anything else, so it is for literals only.
func Address(s string) netip.Prefix {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return netip.MustParsePrefix(s)
}

// Resources are those of an agent, or those that a task holds. Mem and Disk are in MB,
// as everywhere in Mesos.
type Resources struct {
	CPUs, Mem, Disk, GPUs float64
	Ports                 Ports
}

// add adds o to r, whose list of ports must not be shared.
func (r *Resources) add(o Resources) {
	r.CPUs += o.CPUs
	r.Mem += o.Mem
	r.Disk += o.Disk
	r.GPUs += o.GPUs
	r.Ports = append(r.Ports, o.Ports...)
}

// scalars returns r without its ports, times a factor.
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

// merged returns the same ports sorted, with adjacent ranges joined.
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

// String returns the notation of /master/state, such as "[31010-31011, 31500-31500]":
// sorted, adjacent ranges joined. The empty set is "": Mesos omits the field then.
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
