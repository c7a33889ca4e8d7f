package marathon

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// What Marathon says of rules that are broken.
const (
	portNamesRule      = "Port names must be unique."
	networkNameRule    = "Network name must be specified when container network is selected."
	hostNetworkRule    = "Host networks may not have names or labels"
	bridgeNetworkRule  = "Bridge networks may not have names"
	duplicateRule      = "Duplicate networks are not allowed"
	mixedRule          = "May specify a single host network, single bridge network, or else 1-to-n container networks"
	severalRule        = "networkNames must be a single item list when hostPort is specified and more than 1 container network is defined"
	dockerSeveralRule  = "may only specify a single container network when using the Docker container engine"
	commandRule        = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."
	portIndexRule      = "Health check port indices must address an element of the ports array or container port mappings."
	oneMesosCheckRule  = "AppDefinition can contain at most one Mesos health check"
	oneImageRule       = "mesos containers should specify, at most, a single image type"
	portDefinitionRule = "Ports must be unique."
)

// The protocols of health checks.
const (
	checkHTTP       = "HTTP"
	checkHTTPS      = "HTTPS"
	checkTCP        = "TCP"
	checkCommand    = "COMMAND"
	checkMesosHTTP  = "MESOS_HTTP"
	checkMesosHTTPS = "MESOS_HTTPS"
	checkMesosTCP   = "MESOS_TCP"
)

var protocols = []string{"tcp", "udp", "tcp,udp", "udp,tcp"}

// Bounds of ours. Marathon has none, but no agent has as many of them.
const (
	maxPorts     = 1000
	maxNetworks  = 100
	maxProtocols = 8
)

// literalFaults checks single values, before any of them is given a meaning.
func (d *definition) literalFaults() faults {
	var f faults
	oneOf := func(path, value string, allowed ...string) {
		f.unless(slices.Contains(allowed, value), path, "error.unknown.enum.literal")
	}
	atLeast := func(path string, value, least float64) {
		f.unless(value >= least && value <= math.MaxInt32, path, "error.min")
	}
	f.unless(d.Cmd == nil || *d.Cmd != "", "/cmd", "error.minLength")
	atLeast("/cpus", d.CPUs, 0)
	atLeast("/mem", d.Mem, 0)
	atLeast("/disk", d.Disk, 0)
	atLeast("/gpus", float64(d.GPUs), 0)
	f.unless(len(d.Networks) <= maxNetworks, "/networks", "error.max")
	f.unless(len(d.PortDefinitions) <= maxPorts, "/portDefinitions", "error.max")
	f.unless(len(d.Ports) <= maxPorts, "/ports", "error.max")
	f.unless(len(d.HealthChecks) <= maxPorts, "/healthChecks", "error.max")
	atLeast("/instances", float64(d.Instances), 0)
	oneOf("/killSelection", d.KillSelection, "YOUNGEST_FIRST", "OLDEST_FIRST")
	networkLiterals(&f, d.Networks)
	for i, p := range d.PortDefinitions {
		path := fmt.Sprintf("/portDefinitions(%d)", i)
		oneOf(path+"/protocol", p.Protocol, protocols...)
		f.unless(p.Name == "" || validPortName(p.Name), path+"/name", "error.pattern")
	}
	for i, h := range d.HealthChecks {
		oneOf(fmt.Sprintf("/healthChecks(%d)/protocol", i), h.Protocol,
			checkHTTP, checkHTTPS, checkTCP, checkCommand, checkMesosHTTP, checkMesosHTTPS, checkMesosTCP)
	}
	if ip := d.IPAddress; ip != nil && ip.Discovery != nil {
		f.unless(len(ip.Discovery.Ports) <= maxPorts, "/ipAddress/discovery/ports", "error.max")
		for i, p := range ip.Discovery.Ports {
			path := fmt.Sprintf("/ipAddress/discovery/ports(%d)", i)
			oneOf(path+"/protocol", orTCP(p.Protocol), protocols...)
			if p.Name == "" {
				f.add(path+"/name", "error.path.missing")
			} else {
				f.unless(validPortName(p.Name), path+"/name", "error.pattern")
			}
		}
	}
	if d.IPAddress != nil && d.IPAddress.NetworkName != "" {
		f.unless(validNetworkName(d.IPAddress.NetworkName), "/ipAddress/networkName", "error.pattern")
	}
	c := d.Container
	if c == nil {
		return f
	}
	oneOf("/container/type", c.Type, typeDocker, typeMesos)
	mappings := func(path string, list []PortMapping) {
		f.unless(len(list) <= maxPorts, path, "error.max")
		for i, m := range list {
			path := fmt.Sprintf("%s(%d)", path, i)
			f.unless(len(m.NetworkNames) <= maxNetworks, path+"/networkNames", "error.max")
			oneOf(path+"/protocol", m.Protocol, protocols...)
			f.unless(m.Name == "" || validPortName(m.Name), path+"/name", "error.pattern")
		}
	}
	mappings("/container/portMappings", c.PortMappings)
	if c.Docker != nil {
		mappings("/container/docker/portMappings", c.Docker.PortMappings)
		oneOf("/container/docker/network", c.Docker.Network, "", dockerHost, dockerBridge, dockerUser, dockerNone)
	}
	return f
}

func networkLiterals(f *faults, list []Network) {
	for i, n := range list {
		path := fmt.Sprintf("/networks(%d)", i)
		f.unless(slices.Contains([]string{ModeHost, ModeContainer, ModeBridge}, n.Mode), path+"/mode", "error.unknown.enum.literal")
		f.unless(n.Name == "" || validNetworkName(n.Name), path+"/name", "error.pattern")
	}
}

func validPortName(s string) bool { return len(s) <= 255 && only(s, lower+upper+digits+"-_") }

// validNetworkName takes what CNI does as a network's name.
func validNetworkName(s string) bool {
	return len(s) <= 63 && only(s, lower+upper+digits+"-_.") && only(s[:1], lower+upper+digits)
}

// faults checks an app that has its ports and no field of 1.4 any more.
func (a *App) faults(s Settings) faults {
	var f faults
	id := parsePathID(a.ID)
	for _, reason := range id.faults() {
		f.add("/id", reason)
	}
	f.unless(!id.root(), "/", "must not be root")
	for i, dep := range a.Dependencies {
		for _, reason := range parsePathID(dep).faults() {
			f.add(fmt.Sprintf("/dependencies(%d)", i), reason)
		}
	}
	a.networkFaults(&f, s)
	a.containerFaults(&f)
	hasImage := a.Container != nil && (a.Container.Docker != nil || len(a.Container.AppC) > 0)
	cmd, args := a.Cmd != nil, len(a.Args) > 0
	f.unless(cmd != args || !cmd && hasImage, "/", commandRule)
	f.unless(unique(a.PortDefinitions, func(p PortDefinition) string { return p.Name }), "/portDefinitions", portNamesRule)
	f.unless(unique(a.PortDefinitions, func(p PortDefinition) uint16 { return p.Port }), "/portDefinitions", portDefinitionRule)
	a.checkFaults(&f)
	return f
}

func (a *App) networkFaults(f *faults, s Settings) {
	count := map[string]int{}
	unnamed := 0
	for _, n := range a.Networks {
		count[n.Mode]++
		switch n.Mode {
		case ModeHost:
			f.unless(n.Name == "" && len(n.Labels) == 0, "/networks", hostNetworkRule)
		case ModeBridge:
			f.unless(n.Name == "", "/networks", bridgeNetworkRule)
		case ModeContainer:
			if n.Name == "" {
				unnamed++
			}
		}
	}
	named := func(n Network) string {
		if n.Name == "" && n.Mode == ModeContainer {
			return s.DefaultNetworkName
		}
		return n.Name
	}
	f.unless(unnamed == 0 || s.DefaultNetworkName != "", "/networks", networkNameRule)
	f.unless(unnamed <= 1 && unique(a.Networks, named), "/networks", duplicateRule)
	f.unless(len(count) <= 1 && count[ModeHost] <= 1 && count[ModeBridge] <= 1, "/networks", mixedRule)
	if a.Container != nil && a.Container.Type == typeDocker {
		f.unless(count[ModeContainer] <= 1, "/", dockerSeveralRule)
	}
}

func (a *App) containerFaults(f *faults) {
	c := a.Container
	if c == nil {
		return
	}
	switch {
	case c.Type == typeDocker && c.Docker == nil:
		f.add("/container/docker", "not defined")
	case c.Type == typeDocker && len(c.AppC) > 0, c.Docker != nil && len(c.AppC) > 0:
		f.add("/container", oneImageRule)
	}
	if c.Docker != nil {
		f.unless(c.Docker.Image != "", "/container/docker/image", "must not be empty")
		for i, p := range c.Docker.Parameters {
			f.unless(p.Key != "", fmt.Sprintf("/container/docker/parameters(%d)/key", i), "error.minLength")
		}
	}
	var names []string
	for _, n := range a.Networks {
		if n.Name != "" {
			names = append(names, n.Name)
		}
	}
	several := len(a.Networks) > 1 && a.Networks[0].Mode == ModeContainer
	f.unless(unique(c.PortMappings, func(m PortMapping) string { return m.Name }), "/container/portMappings", portNamesRule)
	for i, m := range c.PortMappings {
		path := fmt.Sprintf("/container/portMappings(%d)", i)
		f.unless(!several || m.HostPort == nil || len(m.NetworkNames) == 1, path, severalRule)
		for j, n := range m.NetworkNames {
			f.unless(slices.Contains(names, n), fmt.Sprintf("%s/networkNames(%d)", path, j),
				fmt.Sprintf("is not one of (%s)", strings.Join(names, ",")))
		}
	}
}

func (a *App) checkFaults(f *faults) {
	ports, byMesos := a.ports(), 0
	for i, h := range a.HealthChecks {
		switch {
		case h.Command != nil, h.Protocol == checkCommand:
			continue // any number of them, as ever
		case strings.HasPrefix(h.Protocol, "MESOS_"):
			byMesos++
			if h.PortIndex == nil {
				continue
			}
		}
		ok := h.Port != nil
		if h.PortIndex != nil {
			ok = *h.PortIndex >= 0 && *h.PortIndex < ports
		}
		f.unless(ok, fmt.Sprintf("/healthChecks(%d)", i), portIndexRule)
	}
	f.unless(byMesos <= 1, "/", oneMesosCheckRule)
}
