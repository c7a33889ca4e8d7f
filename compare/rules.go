package compare

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// datum is one value that only one side has.
type datum struct {
	Key
	side  Side
	value string
}

// rule recognizes the data that a row of docs/differences.md is about.
type rule struct {
	anchor string
	when   phase
	// settings are the keys of settings one of which removes the difference.
	settings []string
	applies  func(*comparison, datum) bool
}

// phase is when a rule is tried.
type phase uint8

const (
	// byName: names that are one side's by what they are called, with any settings.
	byName phase = iota
	// bySetting: the records that Toponym makes with another value of a setting of the
	// rule agree with Mesos-DNS.
	bySetting
	// byData: no setting explains it.
	byData
)

// rules are tried in order within their phase: the first one that applies names the
// row.
var rules = []rule{
	{"name-server", byName, nil, func(c *comparison, d datum) bool { return d.Type != "SRV" && slices.Contains(c.nameServers, d.Name) }},
	{"master-srv", byName, nil, func(c *comparison, d datum) bool {
		return d.side == Toponym && (d.Name == "_master._tcp."+c.domain || d.Name == "_master._udp."+c.domain)
	}},
	{"additional-names", byName, nil, (*comparison).isAdditional},
	{"port-first", byName, nil, (*comparison).isPortFirst},

	{"health", bySetting, []string{"unhealthy"}, anything},
	{"split-names", bySetting, []string{"splitTaskNames"}, anything},
	{"label-rule", bySetting, []string{"EnforceRFC952"}, anything},
	{"visibility", bySetting, []string{"minVisibility"}, anything},
	{"publish-states", bySetting, []string{"publishStates"}, anything},
	{"task-limits", bySetting, []string{"maxTaskPorts", "maxTaskAddresses", "maxTaskRecords", "maxFrameworkRecords"}, anything},
	{"subsets", bySetting, []string{"srvScope"}, (*comparison).isSubset},
	{"agent-names", bySetting, []string{"srvScope"}, (*comparison).isAgentName},
	{"port-0", bySetting, []string{"srvScope"}, func(_ *comparison, d datum) bool { return d.Type == "SRV" && strings.HasSuffix(d.value, ":0") }},
	{"udp-tcp", bySetting, []string{"srvScope"}, (*comparison).hasTwoProtocols},
	{"application-protocols", bySetting, []string{"srvScope"}, (*comparison).hasApplicationProtocol},
	{"unnamed-discovery", bySetting, []string{"srvScope"}, (*comparison).hasUnnamedDiscovery},
	{"same-port", bySetting, []string{"srvScope"}, (*comparison).isSamePort},
	{"mapping-protocol", bySetting, []string{"srvScope"}, (*comparison).isOtherProtocol},
	{"srv-agent-side", bySetting, []string{"srvScope"}, func(c *comparison, d datum) bool {
		return d.Type == "SRV" && c.onAgentSide(d.Name)
	}},
	{"srv-target", bySetting, []string{"srvScope", "IPSources"}, func(_ *comparison, d datum) bool {
		return d.Type == "SRV" && !strings.HasPrefix(d.Name, "_framework.")
	}},
	{"infrastructure-names", bySetting, []string{"srvScope"}, (*comparison).isInfrastructure},
	{"framework-like-task", bySetting, []string{"srvScope"}, (*comparison).isSchedulerOfTaskName},
	{"subtree-names", bySetting, []string{"srvScope"}, (*comparison).isInSubtree},
	{"nearer-framework", bySetting, []string{"srvScope"}, anything},
	{"ip-sources", bySetting, []string{"IPSources"}, anything},

	{"master-numbers", byData, nil, (*comparison).isMasterNumber},
	{"empty-labels", byData, nil, (*comparison).hasEmptyLabel},
	{"long-names", byData, nil, (*comparison).isLong},
	{"raw-names", byData, nil, (*comparison).isRawName},
	{"port-range", byData, nil, func(_ *comparison, d datum) bool {
		return d.side == MesosDNS && d.Type == "SRV" && portOf(d.value) > 65535
	}},
	{"agent-without-address", byData, nil, (*comparison).isOfAgentWithoutAddress},
	{"invalid-addresses", byData, nil, func(_ *comparison, d datum) bool {
		a, err := netip.ParseAddr(d.value)
		broadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
		return d.side == MesosDNS && d.Type != "SRV" && err == nil &&
			(a.IsUnspecified() || a.IsMulticast() || a == broadcast || a.Zone() != "")
	}},
	{"ipv6-prefix", byData, nil, (*comparison).isIPv6Only},
	{"older-agent-side", byData, nil, func(c *comparison, d datum) bool {
		return c.before010 && d.side == Toponym && d.Type == "SRV" && c.onAgentSide(d.Name)
	}},
	{"older-addresses", byData, nil, func(c *comparison, d datum) bool {
		return c.before010 && d.side == Toponym && d.Type != "SRV" && len(c.theirs.Data(d.Key)) == 1
	}},
	{"canonical-names", byData, nil, (*comparison).isOfCanonicalName},
	{"status-addresses", byData, nil, (*comparison).isOfOtherStatus},
}

func anything(*comparison, datum) bool { return true }

// labels splits a name without its last dot.
func labels(name string) []string { return strings.Split(strings.TrimSuffix(name, "."), ".") }

// portOf is the port of a datum of SRV; -1 for what is none.
func portOf(datum string) int {
	port, err := strconv.Atoi(datum[strings.LastIndexByte(datum, ':')+1:])
	if err != nil {
		return -1
	}
	return port
}

func targetOf(datum string) string { return datum[:max(strings.LastIndexByte(datum, ':'), 0)] }

// service takes a name such as _port._web._tcp.rest apart.
var service = regexp.MustCompile(`^((?:_[^.]*\.)?_(?:.+?)\.)_([^._]*)\.([^_].*)$`)

// otherProtocol returns the name of a service by another protocol.
func otherProtocol(name, protocol string) string {
	m := service.FindStringSubmatch(name)
	if m == nil {
		return ""
	}
	return m[1] + "_" + protocol + "." + m[3]
}

// protocolOf returns the protocol label of a service without the underscore.
func protocolOf(name string) string {
	if m := service.FindStringSubmatch(name); m != nil {
		return m[2]
	}
	return ""
}

// onAgentSide reports whether a name is in the tree of the agents, F.slave.D.
func (c *comparison) onAgentSide(name string) bool {
	return strings.HasSuffix(name, ".slave."+c.domain)
}

// isSubset: names by role, zone, region or framework id, which Toponym alone has.
func (c *comparison) isSubset(d datum) bool {
	rest, ok := strings.CutSuffix(d.Name, "."+c.domain)
	last := rest[strings.LastIndexByte(rest, '.')+1:]
	return ok && d.side == Toponym && slices.Contains([]string{"role", "zone", "region", "framework"}, last)
}

func (c *comparison) isAgentName(d datum) bool {
	return d.side == Toponym && (strings.HasSuffix(d.Name, ".agent."+c.domain) || d.Name == "_agent._tcp."+c.domain)
}

// hasTwoProtocols: Mesos-DNS makes one label of two protocols, Toponym two names.
func (c *comparison) hasTwoProtocols(d datum) bool {
	if d.side == MesosDNS {
		return slices.Contains([]string{"udptcp", "tcpudp"}, protocolOf(d.Name))
	}
	return len(c.theirs.Data(Key{otherProtocol(d.Name, "udptcp"), "SRV"}))+
		len(c.theirs.Data(Key{otherProtocol(d.Name, "tcpudp"), "SRV"})) > 0
}

// applications are protocols above a transport, see records.
var applications = []string{"http", "https", "h2", "h2c", "h3", "http3", "quic", "grpc", "ws", "wss"}

// hasApplicationProtocol: Toponym has the transport beside the protocol that Mesos-DNS
// has alone.
func (c *comparison) hasApplicationProtocol(d datum) bool {
	if d.side != Toponym || !slices.Contains([]string{"tcp", "udp"}, protocolOf(d.Name)) {
		return false
	}
	return slices.ContainsFunc(applications, func(p string) bool {
		return len(c.theirs.Data(Key{otherProtocol(d.Name, p), "SRV"})) > 0
	})
}

// hasUnnamedDiscovery: a service that Mesos-DNS has neither under F.D nor with another
// protocol, though it has the task's ports on the agent.
func (c *comparison) hasUnnamedDiscovery(d datum) bool {
	if d.side != Toponym || d.Type != "SRV" || len(c.theirs.Data(d.Key)) > 0 {
		return false
	}
	port, rest, ok := strings.Cut(d.Name, ".")
	return ok && strings.HasPrefix(rest, "_") && strings.HasPrefix(port, "_")
}

// isSamePort: Toponym has the port by the protocol that its task announces it for,
// with a DiscoveryInfo.
func (c *comparison) isSamePort(d datum) bool {
	if !c.isOtherProtocol(d) {
		return false
	}
	// A port that is in resources.ports alone is under F.D by both protocols.
	onTask := strings.TrimSuffix(d.Name, ".slave."+c.domain) + "." + c.domain
	return c.onAgentSide(d.Name) && !slices.Contains(c.theirs.Data(Key{onTask, "SRV"}), d.value)
}

// isOtherProtocol: Toponym has the same target and port by the other transport alone.
func (c *comparison) isOtherProtocol(d datum) bool {
	if d.side != MesosDNS || d.Type != "SRV" {
		return false
	}
	other := map[string]string{"tcp": "udp", "udp": "tcp"}[protocolOf(d.Name)]
	if other == "" {
		return false
	}
	ours := c.ours.Data(Key{otherProtocol(d.Name, other), "SRV"})
	return slices.ContainsFunc(ours, func(v string) bool { return portOf(v) == portOf(d.value) })
}

var masterNumber = regexp.MustCompile(`^master[0-9]+$`)

// isInfrastructure: a scheduler whose framework is called like the leader, a master or
// the name server.
func (c *comparison) isInfrastructure(d datum) bool {
	name := strings.TrimPrefix(d.Name, "_framework._tcp.")
	label, ok := strings.CutSuffix(name, "."+c.domain)
	return ok && d.side == MesosDNS && (label == "leader" || label == "master" || label == "slave" ||
		masterNumber.MatchString(label) || slices.Contains(c.nameServers, name))
}

// isSchedulerOfTaskName: a scheduler whose framework is called like a task.
func (c *comparison) isSchedulerOfTaskName(d datum) bool {
	name := strings.TrimPrefix(d.Name, "_framework._tcp.")
	return d.side == MesosDNS && len(c.theirs.Data(Key{"_framework._tcp." + name, "SRV"})) > 0
}

var subtrees = []string{"slave", "network", "agentip", "containerip", "autoip", "agent", "role", "zone", "region", "framework"}

// isInSubtree: a task of a framework whose last label is that of a subtree.
func (c *comparison) isInSubtree(d datum) bool {
	name := d.Name
	if onTask := strings.TrimSuffix(name, "slave."+c.domain) + c.domain; c.onAgentSide(name) && len(c.theirs.Data(Key{onTask, d.Type})) > 0 {
		name = onTask // the agent's side of it
	}
	all := labels(strings.TrimSuffix(name, "."+c.domain))
	return d.side == MesosDNS && slices.Contains(subtrees, all[len(all)-1])
}

// isMasterNumber: an address that both sides have among those of masterN.
func (c *comparison) isMasterNumber(d datum) bool {
	label, ok := strings.CutSuffix(d.Name, "."+c.domain)
	if !ok || d.Type == "SRV" || !masterNumber.MatchString(label) {
		return false
	}
	other := MesosDNS
	if d.side == MesosDNS {
		other = Toponym
	}
	return c.index().masters[other][d.value]
}

var canonicalLabel = regexp.MustCompile(`^(.*)(-[a-z0-9]{5}-[a-z0-9]+)$`)

// hasEmptyLabel: a name of a task whose label would be empty.
func (c *comparison) hasEmptyLabel(d datum) bool {
	empty := func(name string) bool {
		return slices.ContainsFunc(labels(name), func(l string) bool {
			m := canonicalLabel.FindStringSubmatch(l)
			return l == "" || l == "_" || m != nil && m[1] == ""
		})
	}
	return d.side == MesosDNS && (empty(d.Name) || d.Type == "SRV" && empty(targetOf(d.value)))
}

// tooLong reports whether a message cannot hold a name (RFC 1035 section 2.3.4).
func tooLong(name string) bool {
	return len(name)+1 > 255 || slices.ContainsFunc(labels(name), func(l string) bool { return len(l) > 63 })
}

// isLong: a name or target that does not fit into a message, or the canonical name
// that Toponym has in the place of one.
func (c *comparison) isLong(d datum) bool {
	if d.side == MesosDNS {
		return tooLong(d.Name) || d.Type == "SRV" && tooLong(targetOf(d.value))
	}
	if d.Type == "SRV" {
		return c.shortens(targetOf(d.value))
	}
	return c.shortens(d.Name)
}

// shortens reports whether a canonical name of Toponym, T-H-S and what follows, is in
// the place of a longer one of Mesos-DNS.
func (c *comparison) shortens(name string) bool {
	label, rest, _ := strings.Cut(name, ".")
	m := canonicalLabel.FindStringSubmatch(label)
	return m != nil && c.index().long[m[2]+"."+rest]
}

// isRawName: the name of a DiscoveryInfo as it is written, which Mesos-DNS looks up in
// lower case and so does not find, or which holds what no host name has.
func (c *comparison) isRawName(d datum) bool {
	if d.side == MesosDNS {
		return isRaw(d.Name) || d.Type == "SRV" && isRaw(targetOf(d.value))
	}
	raw := c.index().raw
	return raw[d.Name] || d.Type == "SRV" && raw[targetOf(d.value)]
}

// isRaw reports whether a name has another byte than those of labels in lower case.
func isRaw(name string) bool {
	return strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
}

// isOfAgentWithoutAddress: a host name in the place of an agent's address, and SRV
// records that lead there.
func (c *comparison) isOfAgentWithoutAddress(d datum) bool {
	if d.side != MesosDNS {
		return false
	}
	if d.Type == "A" {
		return c.onAgentSide(d.Name) && isHostName(d.value)
	}
	return d.Type == "SRV" && len(c.addresses(targetOf(d.value))) == 0
}

// isHostName reports whether the data of an A record is a host name, as Mesos-DNS
// writes it.
func isHostName(value string) bool {
	_, err := netip.ParseAddr(value)
	return err != nil && value != "" && !isRaw(value)
}

// addresses are those that Mesos-DNS has for a name and that are some.
func (c *comparison) addresses(name string) (list []string) {
	for _, t := range []string{"A", "AAAA"} {
		for _, text := range c.theirs.Data(Key{name, t}) {
			if _, err := netip.ParseAddr(text); err == nil {
				list = append(list, text)
			}
		}
	}
	return list
}

// isAdditional: names of networks and of address trees, which Mesos-DNS does not have.
func (c *comparison) isAdditional(d datum) bool {
	rest, ok := strings.CutSuffix(d.Name, "."+c.domain)
	last := rest[strings.LastIndexByte(rest, '.')+1:]
	return ok && d.side == Toponym && len(c.theirs.Data(d.Key)) == 0 &&
		slices.Contains([]string{"network", "agentip", "containerip", "autoip"}, last)
}

// isPortFirst: _port._proto.T.F.D, of a port that has _port._T._proto.F.D as well.
func (c *comparison) isPortFirst(d datum) bool {
	if d.side != Toponym || d.Type != "SRV" {
		return false
	}
	all := labels(d.Name)
	for n := 3; n < len(all); n++ {
		task := strings.Join(all[2:n], ".")
		usual := all[0] + "._" + task + "." + all[1] + "." + strings.Join(all[n:], ".") + "."
		if slices.Contains(c.ours.Data(Key{usual, "SRV"}), d.value) {
			return true
		}
	}
	return false
}

// isIPv6Only: IPv6 addresses of a task, where Mesos-DNS has none but those of its
// agent; or that address of the agent.
func (c *comparison) isIPv6Only(d datum) bool {
	if d.Type == "SRV" || len(c.theirs.Data(Key{d.Name, "AAAA"})) > 0 || len(c.ours.Data(Key{d.Name, "AAAA"})) == 0 {
		return false
	}
	if d.side == Toponym {
		return d.Type == "AAAA"
	}
	return d.Type == "A" && len(c.ours.Data(d.Key)) == 0 && c.isAgentsAddress(d)
}

// isAgentsAddress reports whether Mesos-DNS has an address for the agent side of a
// name, too.
func (c *comparison) isAgentsAddress(d datum) bool {
	onAgent := strings.TrimSuffix(d.Name, c.domain) + "slave." + c.domain
	return slices.Contains(c.theirs.Data(Key{onAgent, d.Type}), d.value)
}

// isOfCanonicalName: an address of a task that is called like the canonical name of
// another task, which Mesos-DNS has beside the one of that task.
func (c *comparison) isOfCanonicalName(d datum) bool {
	label, _, _ := strings.Cut(d.Name, ".")
	return d.side == MesosDNS && canonicalLabel.MatchString(label) && len(c.ours.Data(d.Key)) > 0
}

// isOfOtherStatus: the address of the agent, which Mesos-DNS uses while the newest
// status carries no address of the task; and the address that Toponym keeps.
func (c *comparison) isOfOtherStatus(d datum) bool {
	if d.Type == "SRV" || c.onAgentSide(d.Name) {
		return false
	}
	theirs := c.theirs.Data(d.Key)
	if len(theirs) == 0 || len(c.ours.Data(d.Key)) == 0 {
		return false
	}
	for _, value := range theirs {
		if !c.isAgentsAddress(datum{d.Key, MesosDNS, value}) {
			return false
		}
	}
	return true
}

// ListedOnly returns the row for a name that Mesos-DNS lists and does not answer: its
// records cannot be in a message, or are not looked up. It is empty for another one.
func ListedOnly(f DNSFinding) string {
	c := &comparison{theirs: Records{f.Key: f.Listed}}
	only := without(f.Listed, f.Answered)
	if len(without(f.Answered, f.Listed)) > 0 {
		return ""
	}
	row := ""
	for _, value := range only {
		d := datum{f.Key, MesosDNS, value}
		switch {
		case isRaw(f.Name) || f.Type == "SRV" && isRaw(targetOf(value)):
			row = "raw-names"
		case tooLong(f.Name) || f.Type == "SRV" && tooLong(targetOf(value)):
			row = "long-names"
		case c.hasEmptyLabel(d):
			row = "empty-labels"
		case f.Type == "SRV" && portOf(value) > 65535:
			row = "port-range"
		case f.Type == "A" && isHostName(value):
			row = "agent-without-address"
		default:
			return ""
		}
	}
	return row
}
