package records

import (
	"fmt"
	"net/netip"
	"strings"
)

// Options say how records are made of a cluster.
type Options struct {
	Domain    Name         // the origin, such as "mesos."
	MName     Name         // the name server's own name, SOA MNAME
	Listeners []netip.Addr // the addresses of MName
	IPSources []IPSource   // where a task's addresses come from, first wins
	Rule      LabelRule    // RFC1123 or RFC952
	SRVWeight uint16       // the weight of an SRV record that says nothing else (RFC 2782)
	Reverse   bool         // whether PTR records are made

	AddressDomains []Name   // the origins of agentip, containerip and autoip
	Scope          SRVScope // which side of a port mapping SRV records point to

	// IncludeUnhealthy answers with unhealthy tasks while healthy ones of the
	// same name run.
	IncludeUnhealthy bool
	MinVisibility    Visibility // tasks and ports that are seen less far have no names
	States           []string   // the states in which tasks have names; without any, TASK_RUNNING
}

// IPSource is where a task's addresses are taken from.
type IPSource uint8

// The IP sources by the names that the setting IPSources gives them.
const (
	SourceHost    IPSource = iota // the agent's addresses
	SourceNetInfo                 // container_status.network_infos of the task's status
	SourceDocker                  // the status label that the Docker executor writes
	SourceMesos                   // the status label that network isolators wrote before Mesos 0.25
	SourceAuto                    // the agent where a port of the task is open there, else the task's own
)

var sourceNames = [...]string{SourceHost: "host", SourceNetInfo: "netinfo", SourceDocker: "docker", SourceMesos: "mesos", SourceAuto: "auto"}

func (s IPSource) String() string { return sourceNames[s] }

// ParseIPSource is the source of that name.
func ParseIPSource(s string) (IPSource, error) {
	for i, n := range sourceNames {
		if n == s {
			return IPSource(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", s, strings.Join(sourceNames[:], ", "))
}

// SRVScope says which side of a port mapping SRV records point to.
type SRVScope uint8

const (
	// ScopeLabels is the side on which the port can be connected to, as the
	// labels of the port and the port mappings of the task say.
	ScopeLabels SRVScope = iota
	// ScopeCompat is the side that Mesos-DNS gives, whether the port is open
	// there or not.
	ScopeCompat
)

// ParseSRVScope is the scope that the setting srvScope calls so.
func ParseSRVScope(s string) (SRVScope, error) {
	switch s {
	case "labels":
		return ScopeLabels, nil
	case "compat":
		return ScopeCompat, nil
	}
	return 0, fmt.Errorf("%q is neither labels nor compat", s)
}

// Visibility says from how far a task wants to be seen (mesos.proto,
// DiscoveryInfo.Visibility).
type Visibility uint8

// The visibilities, each wider than the one before.
const (
	VisibleFramework Visibility = iota
	VisibleCluster
	VisibleExternal
)

var visibilityNames = [...]string{"framework", "cluster", "external"}

// ParseVisibility is the visibility of that name, in upper or lower case.
func ParseVisibility(s string) (Visibility, error) {
	for i, n := range visibilityNames {
		if strings.EqualFold(n, s) {
			return Visibility(i), nil
		}
	}
	return 0, fmt.Errorf("%q is none of %s", s, strings.Join(visibilityNames[:], ", "))
}
