package marathon

import (
	"slices"
	"strings"
)

// definition is the JSON form of an app: the fields of 1.5 and those that only 1.4
// has.
type definition struct {
	App
	IPAddress *ipAddress `json:"ipAddress,omitzero"`
	Ports     []uint16   `json:"ports,omitzero"`
	URIs      []string   `json:"uris,omitzero"`

	contained bool // it has a container in JSON
}

// ipAddress asks for an address per task. Groups are ignored, as in Marathon 1.5.
type ipAddress struct {
	Groups      []string          `json:"groups,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	NetworkName string            `json:"networkName,omitempty"`
	Discovery   *ipDiscovery      `json:"discovery,omitzero"`
}

type ipDiscovery struct {
	Ports []ipPort `json:"ports,omitempty"`
}

type ipPort struct {
	Number   uint16            `json:"number"`
	Name     string            `json:"name"`
	Protocol string            `json:"protocol,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// The values of container.docker.network.
const (
	dockerHost   = "HOST"
	dockerBridge = "BRIDGE"
	dockerUser   = "USER"
	dockerNone   = "NONE"
)

// checkLegacy checks the fields of 1.4 and which others may be set beside them.
func (d *definition) checkLegacy() violations {
	var f violations
	c := d.Container
	network, mappings := "", []PortMapping(nil)
	if c != nil && c.Docker != nil {
		network, mappings = c.Docker.Network, c.Docker.PortMappings
		f.require(len(c.Docker.Credential) == 0, "/container/docker/credential", "must be empty")
		if c.Type == typeMesos {
			f.require(network == "", "/container/docker/network", "must be empty")
			f.require(len(c.Docker.Parameters) == 0, "/container/docker/parameters", "must be empty")
			f.require(len(mappings) == 0, "/container/docker/portMappings", "must be empty")
		}
	}
	f.require(unique(mappings, func(m PortMapping) string { return m.Name }), "/container/docker/portMappings", portNamesRule)
	if ip := d.IPAddress; ip != nil {
		f.require(c == nil || c.Type != typeDocker || ip.Discovery == nil,
			"/ipAddress", "ipAddress/discovery is not allowed for Docker containers")
		f.require(len(d.Networks) == 0, "/", "must not specify both networks and ipAddress")
		f.require(len(d.Ports) == 0 && len(d.PortDefinitions) == 0, "/", "cannot specify both an IP address and port")
	}
	f.require(network == "" || len(d.Networks) == 0, "/", "must not specify both container.docker.network and networks")
	same := slices.EqualFunc(d.URIs, d.Fetch, func(uri string, a Artifact) bool { return uri == a.URI }) // as Marathon 1.4 answers GET
	f.require(len(d.URIs) == 0 || len(d.Fetch) == 0 || same, "/uris", "may not be set in conjunction with fetch")
	f.require(unique(d.Ports, func(p uint16) uint16 { return p }), "/", "ports must be unique")
	f.require(d.Ports == nil || d.PortDefinitions == nil || slices.EqualFunc(d.Ports, d.PortDefinitions,
		func(p uint16, q PortDefinition) bool { return p == q.Port }), "/", "cannot specify both ports and port definitions")
	return f
}

// translate replaces the fields of 1.4 by those of 1.5.
func (d *definition) translate() error {
	d.contained = d.Container != nil
	if len(d.Fetch) == 0 {
		for _, uri := range d.URIs {
			d.Fetch = append(d.Fetch, Artifact{URI: uri, Extract: isArchive(uri)})
		}
	}
	if d.PortDefinitions == nil && d.Ports != nil {
		d.PortDefinitions = make([]PortDefinition, 0, len(d.Ports))
		for _, p := range d.Ports {
			d.PortDefinitions = append(d.PortDefinitions, PortDefinition{Port: p, Protocol: "tcp"})
		}
	}
	if err := d.translateNetworks(); err != nil {
		return err
	}
	if d.Container == nil && d.IPAddress != nil {
		d.Container = &Container{Type: typeMesos}
	}
	if d.Container != nil {
		if err := d.translateContainer(); err != nil {
			return err
		}
	}
	d.IPAddress, d.Ports, d.URIs = nil, nil, nil
	return nil
}

func (d *definition) translateNetworks() error {
	ip, network := d.IPAddress, ""
	if d.Container != nil && d.Container.Docker != nil {
		network = d.Container.Docker.Network
	}
	if network == dockerNone {
		return &Invalid{Message: "unsupported docker network type NONE"}
	}
	var labels map[string]string
	name := ""
	if ip != nil {
		labels, name = ip.Labels, ip.NetworkName
	}
	switch {
	case network == dockerHost:
		d.Networks = []Network{{Mode: ModeHost}}
	case network == dockerBridge, ip != nil && network == "" && name == mesosBridge:
		d.Networks = []Network{{Mode: ModeBridge, Labels: labels}}
	case network == dockerUser, ip != nil:
		d.Networks = []Network{{Mode: ModeContainer, Name: name, Labels: labels}}
	}
	return nil
}

func (d *definition) translateContainer() error {
	c := *d.Container
	d.Container = &c
	if c.Docker != nil {
		docker := *c.Docker
		if docker.PortMappings != nil {
			if c.PortMappings != nil && len(docker.PortMappings) > 0 {
				return &Invalid{Message: "cannot specify both portMappings and docker.portMappings"}
			}
			if c.PortMappings == nil {
				c.PortMappings = slices.Clone(docker.PortMappings)
				for i := range c.PortMappings {
					c.PortMappings[i].Protocol = modernProtocol(c.PortMappings[i].Protocol)
				}
			}
		}
		docker.Network, docker.PortMappings = "", nil
		c.Docker = &docker
	}
	if d.IPAddress == nil || d.IPAddress.Discovery == nil || len(d.IPAddress.Discovery.Ports) == 0 {
		return nil
	}
	if c.PortMappings != nil {
		return &Invalid{Message: "container.portMappings and ipAddress.discovery.ports must not both be set"}
	}
	for _, p := range d.IPAddress.Discovery.Ports {
		c.PortMappings = append(c.PortMappings, PortMapping{
			ContainerPort: p.Number, Name: p.Name, Protocol: modernProtocol(orTCP(p.Protocol)), Labels: p.Labels,
		})
	}
	return nil
}

// modernProtocol returns the protocol of a port in the form of 1.5.
func modernProtocol(protocol string) string {
	if protocol == bothProtocols {
		return "udp,tcp"
	}
	return protocol
}

func orTCP(protocol string) string {
	if protocol == "" {
		return "tcp"
	}
	return protocol
}

// isArchive reports whether Mesos's fetcher unpacks a file with such a name.
func isArchive(uri string) bool {
	for _, suffix := range []string{".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip"} {
		if strings.HasSuffix(uri, suffix) {
			return true
		}
	}
	return false
}

// unique reports whether no two values have the same key. Values with the zero key
// are ignored.
func unique[V any, K comparable](values []V, key func(V) K) bool {
	seen := make(map[K]bool, len(values))
	var zero K
	for _, v := range values {
		k := key(v)
		if k != zero && seen[k] {
			return false
		}
		seen[k] = true
	}
	return true
}
