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
	SRVWeight uint16       // the weight of each SRV record (RFC 2782)
	Reverse   bool         // whether PTR records are made
}

// IPSource is where a task's addresses are taken from.
type IPSource uint8

// The IP sources by the names that the setting IPSources gives them.
const (
	SourceHost    IPSource = iota // the agent's addresses
	SourceNetInfo                 // container_status.network_infos of the task's status
	SourceDocker                  // the status label that the Docker executor writes
	SourceMesos                   // the status label that network isolators wrote before Mesos 0.25
)

var sourceNames = [...]string{SourceHost: "host", SourceNetInfo: "netinfo", SourceDocker: "docker", SourceMesos: "mesos"}

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
