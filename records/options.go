package records

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Options control which records are made of a cluster.
type Options struct {
	Domain    Name         // the origin of the names of tasks, such as "mesos."
	MName     Name         // the name of this server, SOA MNAME
	Listeners []netip.Addr // the addresses of MName
	IPSources []IPSource   // sources of a task's addresses; the first that has any wins
	Rule      LabelRule    // RFC1123 or RFC952
	SRVWeight uint16       // weight of SRV records (RFC 2782) unless a task label sets it
	Reverse   bool         // make PTR records
	// SplitNames gives tasks that are called by a path, such as "role/env/job", the
	// name job.env.role.F.D beside that of their label.
	SplitNames bool

	AddressDomains []Name   // origins of the trees agentip, containerip and autoip
	VIPDomains     []Name   // origins of the names of VIPs, see vips.go
	Scope          SRVScope // the side of a port mapping that SRV records point to

	// IncludeUnhealthy keeps unhealthy tasks in shared names while healthy
	// tasks have them too.
	IncludeUnhealthy bool
	MinVisibility    Visibility // tasks and ports with a narrower visibility have no records
	States           []string   // task states that have records; empty means TASK_RUNNING
	Limits           Limits

	AliasTakeover AliasTakeover
	// Now is the clock by which names stay reserved for their app when its last
	// task is gone. If it is nil, they are free for aliases at once.
	Now func() time.Time
	// Previous is the set that the new one takes the place of. Names that are
	// reserved there are reserved in the new set. It may be nil.
	Previous *Set
	// Loaders is how many goroutines may make the records of a first update; with less
	// than two, it makes them itself.
	Loaders int
}

// IPSource is a source of a task's addresses.
type IPSource uint8

// The IP sources, by the names that the setting IPSources uses.
const (
	SourceHost    IPSource = iota // the addresses of the agent
	SourceNetInfo                 // container_status.network_infos of the task status
	SourceDocker                  // status label Docker.NetworkSettings.IPAddress, written by the Docker executor
	SourceMesos                   // status label MesosContainerizer.NetworkSettings.IPAddress, written before Mesos 0.25
	SourceAuto                    // the agent if a port of the task is open there, else the task itself
)

var sourceNames = [...]string{SourceHost: "host", SourceNetInfo: "netinfo", SourceDocker: "docker", SourceMesos: "mesos", SourceAuto: "auto"}

// String implements fmt.Stringer.
func (s IPSource) String() string { return sourceNames[s] }

// ParseIPSource returns the source with the given name.
func ParseIPSource(s string) (IPSource, error) {
	for i, n := range sourceNames {
		if n == s {
			return IPSource(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not one of %s", s, strings.Join(sourceNames[:], ", "))
}

// SRVScope selects the side of a port mapping that SRV records point to.
type SRVScope uint8

const (
	// ScopeLabels selects the side on which the port is open, according to the
	// labels of the port and the port mappings of the task.
	ScopeLabels SRVScope = iota
	// ScopeCompat selects the side that Mesos-DNS selects, even if the port is
	// not open there.
	ScopeCompat
)

// ParseSRVScope returns the scope for a value of the setting srvScope.
func ParseSRVScope(s string) (SRVScope, error) {
	switch s {
	case "labels":
		return ScopeLabels, nil
	case "compat":
		return ScopeCompat, nil
	}
	return 0, fmt.Errorf("%q is neither labels nor compat", s)
}

// Visibility is how widely a task wants to be discovered (mesos.proto,
// DiscoveryInfo.Visibility).
type Visibility uint8

// The visibilities, from narrow to wide.
const (
	VisibleFramework Visibility = iota
	VisibleCluster
	VisibleExternal
)

var visibilityNames = [...]string{"framework", "cluster", "external"}

// ParseVisibility returns the visibility with the given name, in upper or lower
// case.
func ParseVisibility(s string) (Visibility, error) {
	for i, n := range visibilityNames {
		if strings.EqualFold(n, s) {
			return Visibility(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not one of %s", s, strings.Join(visibilityNames[:], ", "))
}
