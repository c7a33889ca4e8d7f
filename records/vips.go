package records

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"toponym/state"
)

// VIPs are the virtual addresses of DC/OS's load balancer. A label VIP_0, VIP_1 and so on
// of a port of the DiscoveryInfo is "name:port" or "address:port", and the port of the
// task is a backend of that VIP. This server balances nothing and has no virtual
// addresses, so the names of VIPs lead to the backends themselves:
//
//   - name.F.<VIP domain>: A and AAAA records of the backends whose own port is that of
//     the VIP;
//   - _port._proto.name.F.<VIP domain>: an SRV record of each backend, with the port of
//     the VIP in the name and that of the backend in the data.
//
// Unhealthy tasks are no backends. A VIP with an address has no name.

// vipLabel is the beginning of the key of a label, in upper or lower case.
const vipLabel = "VIP_"

// maxVIPLabels bounds the labels of a port that are read.
const maxVIPLabels = 32

var errVIP = errors.New(`not a name or an address with a port, such as "web:80"`)

func isVIPLabel(key string) bool {
	return len(key) > len(vipLabel) && strings.EqualFold(key[:len(vipLabel)], vipLabel)
}

// countVIPs returns how many of the labels of a port are read as VIPs.
func countVIPs(labels []state.Label) (n int) {
	for _, l := range labels {
		if isVIPLabel(l.Key) {
			n++
		}
	}
	return min(n, maxVIPLabels)
}

// parseVIP parses the value of a label. Either name or addr is set.
func parseVIP(value string) (name string, addr netip.Addr, port uint16, err error) {
	i := strings.LastIndexByte(value, ':')
	if i <= 0 {
		return "", addr, 0, errVIP
	}
	n, err := strconv.ParseUint(value[i+1:], 10, 16)
	if err != nil || n == 0 {
		return "", addr, 0, errVIP
	}
	if addr, err := netip.ParseAddr(strings.Trim(value[:i], "[]")); err == nil {
		return "", addr.WithZone("").Unmap(), uint16(n), nil
	}
	return value[:i], addr, uint16(n), nil
}

// vips makes the records of the VIPs of a task.
func (r *taskRecords) vips(id *identity) {
	t := r.owner.task
	if t.Health == state.Unhealthy || !t.Running() || !r.o.announces(t) {
		return
	}
	for i := range r.reach.discoveryPorts {
		p := &r.reach.discoveryPorts[i]
		if !r.o.publishesPort(t, p) {
			continue
		}
		read := 0
		for _, l := range p.Labels {
			if !isVIPLabel(l.Key) {
				continue
			}
			if read++; read > maxVIPLabels {
				r.generator.omit(Omission{Task: t.Key, Reason: LimitError{What: "labels", Limit: maxVIPLabels}})
				break
			}
			if err := r.vip(id, p, l.Value); err != nil {
				r.omitLabel(t, l, err)
			}
		}
	}
}

// vip makes the records of a port as a backend of one VIP.
func (r *taskRecords) vip(id *identity, p *state.DiscoveryPort, value string) error {
	text, addr, port, err := parseVIP(value)
	if err != nil || addr.IsValid() {
		return err
	}
	labels := r.o.Rule.Labels(text)
	if len(labels) == 0 {
		return errVIP
	}
	host, err := appendLabels(nil, labels...)
	if err != nil {
		return err
	}
	host = append(host, r.suffixes.tasks[:len(r.suffixes.tasks)-len(r.o.Domain)]...)
	for _, protocol := range r.announcedProtocols(p.Protocol) {
		transport := cmp.Or(protocol.transport, tcpLabel)
		sides := r.reach.sidesOf(p, transport)
		addrs, from, own := r.owner.agent.Addrs, hostAddr, sides.agent
		if !sides.meansAgent && sides.container != 0 {
			set := r.reach.ownAddrs(p, sides)
			addrs, from, own = set.addrs, addrSource{source: r.reach.reportedBy}, sides.container
		}
		target := r.srvTargets(id, p, transport, false).auto
		for _, domain := range r.o.VIPDomains {
			if own == port && !r.spent() && !r.addrs(host, domain, addrs, from, r.params) {
				return ErrNameLength
			}
			if target.Name == "" || r.spent() {
				continue
			}
			name, err := appendLabels(nil, "_"+strconv.Itoa(int(port)), "_"+transport)
			if err != nil {
				return err
			}
			r.srvAt(append(append(name, host...), domain...), target.numberedName, state.PortRange{First: target.port, Last: target.port}, r.params)
		}
	}
	return nil
}

// inVIPDomain reports whether a name can be that of a VIP.
func (g *generator) inVIPDomain(n Name) bool { return slices.ContainsFunc(g.o.VIPDomains, n.Under) }

// hasVIP reports whether a task is a backend of any VIP.
func hasVIP(t *state.Task) bool {
	return t.Discovery != nil && slices.ContainsFunc(t.Discovery.Ports, func(p state.DiscoveryPort) bool { return countVIPs(p.Labels) > 0 })
}

// VIP is a virtual address with its backends.
type VIP struct {
	Name     string           // without the dot at the end, or an IP address
	Port     uint16           // of the VIP
	Protocol string           // "tcp" or "udp"
	Backends []netip.AddrPort // where the tasks can be reached, sorted
}

// VIPs returns the VIPs of instances, sorted by name, port and protocol. Names end in
// domain.
func VIPs(instances iter.Seq[*Instance], rule LabelRule, domain Name) []VIP {
	type key struct {
		name     string
		port     uint16
		protocol string
	}
	found := map[key]map[netip.AddrPort]bool{}
	for i := range instances {
		if i.Health == UnhealthyText || i.State != state.Running {
			continue
		}
		for n := range i.Ports {
			p := &i.Ports[n]
			at := p.Agent
			if p.Side == SideContainer {
				at = p.Container
			}
			for _, l := range p.Labels {
				text, addr, port, err := parseVIP(l.Value)
				if !isVIPLabel(l.Key) || err != nil {
					continue
				}
				k := key{addr.String(), port, cmp.Or(p.Transport, tcpLabel)}
				if !addr.IsValid() {
					labels := rule.Labels(text)
					name, err := domain.Join(append(labels, rule.Labels(i.Framework.Name)...)...)
					if len(labels) == 0 || err != nil {
						continue
					}
					k.name = strings.TrimSuffix(name.String(), ".")
				}
				if found[k] == nil {
					found[k] = map[netip.AddrPort]bool{}
				}
				for _, a := range at.Addrs {
					found[k][netip.AddrPortFrom(a, at.Port)] = true
				}
			}
		}
	}
	list := make([]VIP, 0, len(found))
	for k, backends := range found {
		sorted := slices.SortedFunc(maps.Keys(backends), netip.AddrPort.Compare)
		list = append(list, VIP{Name: k.name, Port: k.port, Protocol: k.protocol, Backends: sorted})
	}
	slices.SortFunc(list, func(a, b VIP) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	return list
}
