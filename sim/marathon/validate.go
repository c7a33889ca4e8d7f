package marathon

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Marathon's messages about apps. UnnamedNetwork is about a network without a name
// when Settings.DefaultNetworkName is empty.
const (
	portNamesRule      = "Port names must be unique."
	UnnamedNetwork     = "Network name must be specified when container network is selected."
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

// protocols are the protocols of a port. The 1.4 form has bothProtocols as well.
var protocols = []string{"tcp", "udp", "udp,tcp"}

const bothProtocols = "tcp,udp"

// Bounds that Marathon does not have. Real apps stay far below them.
const (
	maxPorts     = 1000
	maxNetworks  = 100
	maxProtocols = 8
)

// smallest is the minimum of CPUs, and of the memory of a pod's container.
const smallest = 0.001

// checkLiterals checks single values, each by itself.
func (d *definition) checkLiterals() violations {
	d.canonical()
	var f violations
	oneOf := func(path, value string, allowed ...string) {
		f.require(slices.Contains(allowed, value), path, "error.unknown.enum.literal")
	}
	atLeast := func(path string, value, least float64) {
		f.require(value >= least && value <= math.MaxInt32, path, "error.min")
	}
	f.require(d.Cmd == nil || *d.Cmd != "", "/cmd", "error.minLength")
	atLeast("/cpus", d.CPUs, smallest)
	atLeast("/mem", d.Mem, 0)
	atLeast("/disk", d.Disk, 0)
	atLeast("/gpus", float64(d.GPUs), 0)
	atLeast("/backoffFactor", d.BackoffFactor, 1)
	atLeast("/backoffSeconds", float64(d.BackoffSeconds), 0)
	atLeast("/maxLaunchDelaySeconds", float64(d.MaxLaunchDelaySeconds), 0)
	if g := d.TaskKillGracePeriodSeconds; g != nil {
		atLeast("/taskKillGracePeriodSeconds", float64(*g), 0)
	}
	f.require(len(d.Networks) <= maxNetworks, "/networks", "error.max")
	f.require(len(d.PortDefinitions) <= maxPorts, "/portDefinitions", "error.max")
	f.require(len(d.Ports) <= maxPorts, "/ports", "error.max")
	f.require(len(d.HealthChecks) <= maxPorts, "/healthChecks", "error.max")
	atLeast("/instances", float64(d.Instances), 0)
	oneOf("/killSelection", d.KillSelection, "YOUNGEST_FIRST", "OLDEST_FIRST")
	checkNetworkLiterals(&f, d.Networks)
	checkEnv(&f, d.Env)
	d.UpgradeStrategy.check(&f)
	for i, p := range d.PortDefinitions {
		path := fmt.Sprintf("/portDefinitions(%d)", i)
		oneOf(path+"/protocol", p.Protocol, protocols...)
		f.require(p.Name == "" || validName(p.Name), path+"/name", "error.pattern")
	}
	for i, h := range d.HealthChecks {
		path := fmt.Sprintf("/healthChecks(%d)/", i)
		oneOf(path+"protocol", h.Protocol,
			checkHTTP, checkHTTPS, checkTCP, checkCommand, checkMesosHTTP, checkMesosHTTPS, checkMesosTCP)
		atLeast(path+"gracePeriodSeconds", float64(h.GracePeriodSeconds), 0)
		atLeast(path+"intervalSeconds", float64(h.IntervalSeconds), 0)
		atLeast(path+"timeoutSeconds", float64(h.TimeoutSeconds), 0)
		atLeast(path+"delaySeconds", float64(h.DelaySeconds), 0)
		atLeast(path+"maxConsecutiveFailures", float64(h.MaxConsecutiveFailures), 0)
	}
	if ip := d.IPAddress; ip != nil && ip.Discovery != nil {
		f.require(len(ip.Discovery.Ports) <= maxPorts, "/ipAddress/discovery/ports", "error.max")
		for i, p := range ip.Discovery.Ports {
			path := fmt.Sprintf("/ipAddress/discovery/ports(%d)", i)
			oneOf(path+"/protocol", orTCP(p.Protocol), append(protocols, bothProtocols)...)
			if p.Name == "" {
				f.add(path+"/name", "error.path.missing")
			} else {
				f.require(validName(p.Name), path+"/name", "error.pattern")
			}
		}
	}
	if d.IPAddress != nil && d.IPAddress.NetworkName != "" {
		f.require(validNetworkName(d.IPAddress.NetworkName), "/ipAddress/networkName", "error.pattern")
	}
	c := d.Container
	if c == nil {
		return f
	}
	oneOf("/container/type", c.Type, typeDocker, typeMesos)
	mappings := func(path string, list []PortMapping, allowed []string) {
		f.require(len(list) <= maxPorts, path, "error.max")
		for i, m := range list {
			path := fmt.Sprintf("%s(%d)", path, i)
			f.require(len(m.NetworkNames) <= maxNetworks, path+"/networkNames", "error.max")
			oneOf(path+"/protocol", m.Protocol, allowed...)
			f.require(m.Name == "" || validName(m.Name), path+"/name", "error.pattern")
		}
	}
	mappings("/container/portMappings", c.PortMappings, protocols)
	if c.Docker != nil {
		mappings("/container/docker/portMappings", c.Docker.PortMappings, append(protocols, bothProtocols))
		oneOf("/container/docker/network", c.Docker.Network, "", dockerHost, dockerBridge, dockerUser, dockerNone)
	}
	return f
}

// canonical spells the values of enumerations as Marathon does, which accepts them in
// any case.
func (d *definition) canonical() {
	canonical(&d.KillSelection, "YOUNGEST_FIRST", "OLDEST_FIRST")
	canonicalModes(d.Networks)
	for i := range d.PortDefinitions {
		canonical(&d.PortDefinitions[i].Protocol, protocols...)
	}
	for i := range d.HealthChecks {
		d.HealthChecks[i].Protocol = strings.ToUpper(d.HealthChecks[i].Protocol)
		canonical(&d.HealthChecks[i].IPProtocol, "IPv4", "IPv6")
	}
	if ip := d.IPAddress; ip != nil && ip.Discovery != nil {
		for i := range ip.Discovery.Ports {
			canonical(&ip.Discovery.Ports[i].Protocol, append(protocols, bothProtocols)...)
		}
	}
	c := d.Container
	if c == nil {
		return
	}
	canonical(&c.Type, typeDocker, typeMesos)
	for i := range c.PortMappings {
		canonical(&c.PortMappings[i].Protocol, protocols...)
	}
	for i := range c.Volumes {
		canonical(&c.Volumes[i].Mode, "RO", "RW")
	}
	if c.Docker != nil {
		canonical(&c.Docker.Network, dockerHost, dockerBridge, dockerUser, dockerNone)
		for i := range c.Docker.PortMappings {
			canonical(&c.Docker.PortMappings[i].Protocol, append(protocols, bothProtocols)...)
		}
	}
}

func canonicalModes(list []Network) {
	for i := range list {
		canonical(&list[i].Mode, ModeHost, ModeContainer, ModeBridge)
	}
}

// canonical replaces a word by the one of words that is equal but for its case.
func canonical(word *string, words ...string) {
	for _, w := range words {
		if strings.EqualFold(*word, w) {
			*word = w
		}
	}
}

// checkEnv checks the environment: each value is a string or refers to a secret.
func checkEnv(f *violations, env map[string]jsontext.Value) {
	for _, name := range sortedKeys(env) {
		kind := env[name].Kind()
		f.require(kind == '"' || kind == '{', "/env/"+name, "error.expected.jsstring")
	}
}

func (u *UpgradeStrategy) check(f *violations) {
	if u == nil {
		return
	}
	for path, share := range map[string]*float64{
		"/upgradeStrategy/minimumHealthCapacity": u.MinimumHealthCapacity, "/upgradeStrategy/maximumOverCapacity": u.MaximumOverCapacity,
	} {
		switch {
		case share == nil:
			f.add(path, "error.path.missing")
		case *share < 0:
			f.add(path, "error.min")
		case *share > 1:
			f.add(path, "error.max")
		}
	}
}

func checkNetworkLiterals(f *violations, list []Network) {
	for i, n := range list {
		path := fmt.Sprintf("/networks(%d)", i)
		f.require(slices.Contains([]string{ModeHost, ModeContainer, ModeBridge}, n.Mode), path+"/mode", "error.unknown.enum.literal")
		f.require(n.Name == "" || validNetworkName(n.Name), path+"/name", "error.pattern")
	}
}

// validName reports whether Marathon accepts s as the name of a port: lower-case
// letters, digits and inner hyphens.
func validName(s string) bool { return validSegment(s) && !strings.Contains(s, ".") }

// validNetworkName reports whether Marathon accepts s as the name of a network: like
// that of a port, and with underscores.
func validNetworkName(s string) bool {
	return len(s) <= 63 && validName(strings.ReplaceAll(s, "_", "-"))
}

// validate checks an app in the form of 1.5 whose default ports are set. contained
// reports that its JSON has a container, whose image can have a command. written is
// the app before defaultPorts dropped ports.
func (a *App) validate(s Settings, contained bool, written *App) violations {
	var f violations
	id := parsePathID(a.ID)
	for _, reason := range id.violations() {
		f.add("/id", reason)
	}
	f.require(!id.root(), "/", "must not be root")
	for i, dep := range a.Dependencies {
		for _, reason := range parsePathID(dep).violations() {
			f.add(fmt.Sprintf("/dependencies(%d)", i), reason)
		}
	}
	a.checkNetworks(&f, s)
	a.checkContainer(&f)
	cmd, args := a.Cmd != nil, len(a.Args) > 0
	f.require(cmd != args || !cmd && contained, "/", commandRule)
	f.require(a.AcceptedResourceRoles == nil || len(a.AcceptedResourceRoles) > 0, "/acceptedResourceRoles", "must not be empty")
	for i, c := range a.Constraints {
		if reason := constraintError(c); reason != "" {
			f.add(fmt.Sprintf("/constraints(%d)", i), reason)
		}
	}
	written.checkPortNames(&f)
	f.require(unique(a.PortDefinitions, func(p PortDefinition) uint16 { return p.Port }), "/portDefinitions", portDefinitionRule)
	a.checkHealthChecks(&f)
	return f
}

// checkPortNames checks the names of all ports in the JSON, also of those that
// defaultPorts drops.
func (a *App) checkPortNames(f *violations) {
	f.require(unique(a.PortDefinitions, func(p PortDefinition) string { return p.Name }), "/portDefinitions", portNamesRule)
	if a.Container != nil {
		f.require(unique(a.Container.PortMappings, func(m PortMapping) string { return m.Name }), "/container/portMappings", portNamesRule)
	}
}

func (a *App) checkNetworks(f *violations, s Settings) {
	count := map[string]int{}
	unnamed := 0
	for _, n := range a.Networks {
		count[n.Mode]++
		switch n.Mode {
		case ModeHost:
			f.require(n.Name == "" && len(n.Labels) == 0, "/networks", hostNetworkRule)
		case ModeBridge:
			f.require(n.Name == "", "/networks", bridgeNetworkRule)
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
	f.require(unnamed == 0 || s.DefaultNetworkName != "", "/networks", UnnamedNetwork)
	f.require(unnamed <= 1 && unique(a.Networks, named), "/networks", duplicateRule)
	f.require(len(count) <= 1 && count[ModeHost] <= 1 && count[ModeBridge] <= 1, "/networks", mixedRule)
	if a.Container != nil && a.Container.Type == typeDocker {
		f.require(count[ModeContainer] <= 1, "/", dockerSeveralRule)
	}
}

func (a *App) checkContainer(f *violations) {
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
		f.require(c.Docker.Image != "", "/container/docker/image", "must not be empty")
		for i, p := range c.Docker.Parameters {
			f.require(p.Key != "", fmt.Sprintf("/container/docker/parameters(%d)/key", i), "error.minLength")
		}
	}
	var names []string
	for _, n := range a.Networks {
		if n.Name != "" {
			names = append(names, n.Name)
		}
	}
	several := len(a.Networks) > 1 && a.Networks[0].Mode == ModeContainer
	for i, m := range c.PortMappings {
		path := fmt.Sprintf("/container/portMappings(%d)", i)
		f.require(!several || m.HostPort == nil || len(m.NetworkNames) == 1, path, severalRule)
		for j, n := range m.NetworkNames {
			f.require(slices.Contains(names, n), fmt.Sprintf("%s/networkNames(%d)", path, j),
				fmt.Sprintf("is not one of (%s)", strings.Join(names, ",")))
		}
	}
}

func (a *App) checkHealthChecks(f *violations) {
	ports, byMesos := a.ports(), 0
	for i, h := range a.HealthChecks {
		switch {
		case h.Command != nil, h.Protocol == checkCommand:
			continue // any number of them is accepted
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
		f.require(ok, fmt.Sprintf("/healthChecks(%d)", i), portIndexRule)
	}
	f.require(byMesos <= 1, "/", oneMesosCheckRule)
}

// constraintError returns Marathon's message about a constraint, or "".
func constraintError(c []string) string {
	if len(c) < 2 || len(c) > 3 {
		return "Each constraint must have either 2 or 3 fields"
	}
	value := len(c) == 3
	switch c[1] {
	case "UNIQUE":
		if value {
			return "Value specified but not used"
		}
	case "CLUSTER":
		if !value {
			return "Missing value"
		}
	case "GROUP_BY":
		if value && !isInt(c[2]) {
			return "Value was specified but is not a number"
		}
	case "MAX_PER":
		if !value || !isInt(c[2]) {
			return "Value was not specified or is not a number"
		}
	case "LIKE", "UNLIKE":
		if !value {
			return "A regular expression value must be provided"
		}
	default:
		return "Constraint operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER or UNLIKE"
	}
	return ""
}

func isInt(s string) bool {
	_, err := strconv.ParseInt(s, 10, 32)
	return err == nil
}

// Invalid is the error for a definition that Marathon refuses. Its JSON is the body
// of Marathon's answer with status 422.
type Invalid struct {
	Message string   `json:"message"`
	Details []Detail `json:"details,omitempty"`
}

// Detail has the violations at one place of a definition.
type Detail struct {
	Path   string   `json:"path"` // such as "/container/portMappings(0)/protocol"
	Errors []string `json:"errors"`
}

// Messages of Invalid.
const (
	notValid    = "Object is not valid"
	invalidJSON = "Invalid JSON"
)

// Error implements error.
func (e *Invalid) Error() string {
	if len(e.Details) == 0 {
		return e.Message
	}
	var b strings.Builder
	b.WriteString(e.Message)
	for i, d := range e.Details {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, d.Path, strings.Join(d.Errors, ", "))
	}
	return b.String()
}

// Malformed is the error for data that is not JSON: Marathon answers with status 400.
type Malformed struct {
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

// Error implements error.
func (e *Malformed) Error() string { return e.Message + ": " + e.Details }

// maxViolations bounds the violations that are reported.
const maxViolations = 100

// violations collects the violated rules of a definition.
type violations []Detail

func (f *violations) add(path, reason string) {
	if len(*f) >= maxViolations {
		return
	}
	i := slices.IndexFunc(*f, func(d Detail) bool { return d.Path == path })
	if i < 0 {
		*f = append(*f, Detail{Path: path})
		i = len(*f) - 1
	}
	if !slices.Contains((*f)[i].Errors, reason) {
		(*f)[i].Errors = append((*f)[i].Errors, reason)
	}
}

// require adds a violation unless the rule holds.
func (f *violations) require(holds bool, path, reason string) {
	if !holds {
		f.add(path, reason)
	}
}

// err returns an *Invalid, or nil without violations.
func (f violations) err(message string) error {
	if len(f) == 0 {
		return nil
	}
	slices.SortStableFunc(f, func(a, b Detail) int { return strings.Compare(a.Path, b.Path) })
	return &Invalid{Message: message, Details: f}
}
