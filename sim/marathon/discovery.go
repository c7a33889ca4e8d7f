package marathon

import "strings"

// The labels by which Marathon says where a port is open.
const (
	scopeLabel   = "network-scope"
	networkLabel = "network-name"
)

// discovery is the list of ports of the DiscoveryInfo: for a port with a host
// port one per protocol, of host scope, because the way over the agent is the
// one that is open to everybody; for others one per protocol and network, of
// container scope. On the host network there is nothing to tell apart, so
// there is no scope.
func (a *App) discovery(ports []mapping) []DiscoveryPort {
	var out []DiscoveryPort
	for _, p := range ports {
		for protocol := range strings.SplitSeq(p.Protocol, ",") {
			d := DiscoveryPort{Name: p.Name, Protocol: protocol}
			switch {
			case a.onHost():
				d.Number, d.Labels = p.host, labels(p.Labels)
				out = append(out, d)
			case p.has:
				d.Number, d.Labels = p.host, labelsAnd(p.Labels, scopeLabel, "host")
				out = append(out, d)
			default:
				d.Number = p.ContainerPort
				for _, n := range a.networksOf(p.PortMapping) {
					d.Labels = labelsAnd(p.Labels, scopeLabel, "container", networkLabel, n)
					out = append(out, d)
				}
			}
		}
	}
	return out
}

// networksOf are the names of the networks that a port is open on.
func (a *App) networksOf(m PortMapping) []string {
	if len(m.NetworkNames) > 0 {
		return m.NetworkNames
	}
	var names []string
	for _, n := range a.Networks {
		names = append(names, n.Name)
	}
	return names
}

// labelsAnd are an app's labels with pairs of keys and values after them,
// which take the place of what the app wrote under these keys.
func labelsAnd(m map[string]string, pairs ...string) []Label {
	var out []Label
	for _, l := range labels(m) {
		replaced := false
		for i := 0; i < len(pairs); i += 2 {
			replaced = replaced || pairs[i] == l.Key
		}
		if !replaced {
			out = append(out, l)
		}
	}
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, Label{pairs[i], pairs[i+1]})
	}
	return out
}
