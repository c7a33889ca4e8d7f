package api

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"toponym/records"
	"toponym/state"
	"toponym/zone"
)

// /v1/sd/prometheus answers Prometheus's HTTP service discovery (http_sd_config):
// a list of target groups, each with one target. Labels that begin with "__meta_"
// are for relabelling. Prometheus keeps the targets that it has while the answer is
// an error.

// Limits of what one task can cost Prometheus.
const (
	maxTargets    = 64      // of a task
	maxMetaLabels = 128     // made from labels or attributes, of each kind
	maxMetaBytes  = 8 << 10 // of their names and values, of each kind
)

// transportTCP is the transport by which Prometheus scrapes.
const transportTCP = "tcp"

// The labels of tasks and ports that say what to scrape.
const (
	promPrefix = "prometheus."
	promEnable = "prometheus.enable" // "false": nothing
	promPort   = "prometheus.port"   // of a task: names or numbers of ports, separated by commas
	promPath   = "prometheus.path"
	promScheme = "prometheus.scheme" // http or https
)

// targetGroup is a target group of Prometheus.
type targetGroup struct {
	Targets [1]string         `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// prometheusSources are the values of the parameter source.
var prometheusSources = []string{"tasks", "masters", "agents"}

// prometheus answers /v1/sd/prometheus.
func (s *Server) prometheus(w *response, r *http.Request, z *zone.Zone) {
	q, err := parameters(r.URL, append([]string{"source"}, filterParameters...)...)
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	source := cmp.Or(q.get("source"), prometheusSources[0])
	f, err := instanceFilter(q, z)
	switch {
	case err != nil:
	case !slices.Contains(prometheusSources, source):
		err = fmt.Errorf("source: want one of %s", strings.Join(prometheusSources, ", "))
	case source != prometheusSources[0] && len(q) > 1:
		err = fmt.Errorf("the other parameters select tasks: they cannot be used with source %s", source)
	}
	if err != nil {
		s.writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	leave, ok := s.enter(w, r, s.feeds)
	if !ok {
		return
	}
	defer leave()
	s.longStream(w, r, contentJSON, func(t *stream) {
		t.buf = append(t.buf, '[')
		separator := "\n"
		add := func(g targetGroup) bool {
			t.buf = appendJSON(append(t.buf, separator...), g)
			separator = ",\n"
			return t.next()
		}
		switch source {
		case "masters":
			addMasters(s.o.Hosts(), add)
		case "agents":
			addAgents(s.o.Hosts(), add)
		default:
			for i := range s.o.Instances(f) {
				if !addTask(i, add) {
					break
				}
			}
		}
		t.buf = append(t.buf, "\n]\n"...)
	})
}

// addMasters adds the masters.
func addMasters(h records.Hosts, add func(targetGroup) bool) {
	for _, m := range h.Masters {
		host := m.Host
		if len(m.Addrs) > 0 {
			host = m.Addrs[0].String()
		}
		meta := metaLabels{"host": m.Host, "leader": strconv.FormatBool(m.Equal(h.Leader))}
		if !add(meta.group(joinHostPort(host, m.Port))) {
			return
		}
	}
}

// addAgents adds the agents, at the address and port where they register.
func addAgents(h records.Hosts, add func(targetGroup) bool) {
	for _, a := range h.Agents {
		host, port := cmp.Or(a.PID.Host, a.Hostname), cmp.Or(a.PID.Port, defaultAgentPort)
		if len(a.Addrs) > 0 {
			host = a.Addrs[0].String()
		}
		if host == "" {
			continue
		}
		meta := metaLabels{}
		meta.addAgent(a.ID, a.Hostname, a.Addrs, a.Region, a.Zone, a.Attributes)
		if !add(meta.group(joinHostPort(host, port))) {
			return
		}
	}
}

// defaultAgentPort is the port of an agent whose pid is unknown.
const defaultAgentPort = 5051

func joinHostPort(host string, port uint16) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(port))
}

// addTask adds the targets of a task: the ports that its labels select, else all
// that can be connected to by TCP. It is false if the client no longer reads.
func addTask(i *records.Instance, add func(targetGroup) bool) bool {
	if v, ok := i.Label(promEnable); ok && strings.EqualFold(strings.TrimSpace(v), "false") {
		return true
	}
	meta := metaLabels{
		"task": i.Name, "task_id": i.Task, "app": i.App, "framework": i.Framework.Name, "framework_id": i.Framework.ID, "role": i.Role,
		"state": i.State, "health": string(i.Health), "name": strings.TrimSuffix(i.CanonicalName, "."),
	}
	meta.addAgent(i.Agent.ID, i.Agent.Hostname, i.Addresses.Agent, i.Agent.Region, i.Agent.Zone, i.Agent.Attributes)
	meta.addLabels("task_label_", i.Labels)
	ports := selectTargets(i)
	seen := map[netip.AddrPort]bool{}
	for n := range ports {
		p := &ports[n]
		at := p.Connect().First()
		if !at.IsValid() || seen[at] || len(seen) == maxTargets {
			continue
		}
		seen[at] = true
		g := meta.clone()
		g.addPort(p, i)
		group := g.group(at.String())
		setting := func(label string) string {
			if value, ok := p.Label(label); ok {
				return value
			}
			value, _ := i.Label(label)
			return value
		}
		if path := setting(promPath); path != "" {
			group.Labels["__metrics_path__"] = "/" + strings.TrimPrefix(path, "/")
		}
		if scheme := strings.ToLower(setting(promScheme)); scheme == "http" || scheme == "https" {
			group.Labels["__scheme__"] = scheme
		}
		if !add(group) {
			return false
		}
	}
	return true
}

// selectTargets returns the ports of a task that are scraped:
//
//  1. those that the label prometheus.port of the task lists, see
//     [records.Instance.Port];
//  2. else those with a label of their own that begins with "prometheus.";
//  3. else all announced ports, or those of the resources if none is announced.
func selectTargets(i *records.Instance) (list []records.InstancePort) {
	if wanted, ok := i.Label(promPort); ok {
		for one := range strings.SplitSeq(wanted, ",") {
			if one = strings.TrimSpace(one); one != "" && len(list) < maxTargets {
				if p, ok := i.Port(one, transportTCP); ok {
					list = append(list, p)
				}
			}
		}
		return list
	}
	labelled, announced := false, false
	for n := range i.Ports {
		p := &i.Ports[n]
		labelled = labelled || hasPromLabel(p)
		announced = announced || p.Index >= 0
	}
	for n := range i.Ports {
		p := &i.Ports[n]
		if p.TCP() && (labelled && hasPromLabel(p) || !labelled && (p.Index >= 0 || !announced)) {
			list = append(list, *p)
		}
	}
	return list
}

func hasPromLabel(p *records.InstancePort) bool {
	return slices.ContainsFunc(p.Labels, func(l state.Label) bool { return strings.HasPrefix(l.Key, promPrefix) })
}

// metaLabels are labels without "__meta_mesos_" at the beginning.
type metaLabels map[string]string

func (m metaLabels) clone() metaLabels {
	c := make(metaLabels, len(m)+8)
	for k, v := range m {
		c[k] = v
	}
	return c
}

func (m metaLabels) addAgent(id, hostname string, addrs []netip.Addr, region, zone string, attributes []state.Attribute) {
	m["agent_id"], m["agent"], m["region"], m["zone"] = id, hostname, region, zone
	if len(addrs) > 0 {
		m["agent_address"] = addrs[0].String()
	}
	labels := make([]state.Label, len(attributes))
	for i, a := range attributes {
		labels[i] = state.Label{Key: a.Name, Value: a.Value}
	}
	m.addLabels("agent_attribute_", labels)
}

func (m metaLabels) addPort(p *records.InstancePort, i *records.Instance) {
	m["port_name"], m["port_number"], m["port_index"], m["protocol"] = p.Name, strconv.Itoa(int(p.Number)), strconv.Itoa(p.Index), p.Protocol
	m["scope"] = "host"
	if p.Side == records.SideContainer {
		m["scope"] = "container"
	}
	m["network"] = p.Network
	if p.Network == "" && len(i.Addresses.Networks) > 0 {
		m["network"] = i.Addresses.Networks[0].Name
	}
	m.addLabels("port_label_", p.Labels)
}

// addLabels adds labels under a prefix. Of several whose keys become the same, the
// first counts.
func (m metaLabels) addLabels(prefix string, labels []state.Label) {
	bytes := 0
	for n, l := range labels {
		key := prefix + sanitizeLabel(l.Key)
		if _, known := m[key]; known {
			continue
		}
		if bytes += len(key) + len(l.Value); n == maxMetaLabels || bytes > maxMetaBytes {
			return
		}
		m[key] = l.Value
	}
}

// group returns the target group of a target. Labels without a value are left out,
// as Prometheus does itself.
func (m metaLabels) group(target string) targetGroup {
	g := targetGroup{Targets: [1]string{target}, Labels: make(map[string]string, len(m)+2)}
	for k, v := range m {
		if v != "" {
			g.Labels["__meta_mesos_"+k] = v
		}
	}
	return g
}

// sanitizeLabel replaces each character that names of labels cannot have by an
// underscore, as Prometheus does for its own service discoveries.
func sanitizeLabel(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '_':
			return r
		}
		return '_'
	}, name)
}
