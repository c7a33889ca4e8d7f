package api

import (
	"bytes"
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

// targetGroup is a target group of Prometheus with one target. Its memory is used
// again for the next one.
type targetGroup struct {
	target string
	at     netip.AddrPort // the target, if it is valid
	labels []metaLabel

	ports []records.InstancePort // of addTask
	seen  []netip.AddrPort
}

// metaLabel is a label; an empty value counts as none, as it does in Prometheus. Addresses
// and numbers become text only in the answer: texts of their own for each task would be
// megabytes of garbage.
type metaLabel struct {
	prefix, name, value string
	text                []byte     // the value, if it is not empty
	addr                netip.Addr // the value, if it is valid
	number              int        // the value, if isNumber
	isNumber            bool
}

// Beginnings of the names of labels.
const (
	metaPrefix      = "__meta_mesos_"
	taskPrefix      = metaPrefix + "task_label_"
	portPrefix      = metaPrefix + "port_label_"
	attributePrefix = metaPrefix + "agent_attribute_"
)

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
		add := func(g *targetGroup) bool {
			t.buf = appendGroup(append(t.buf, separator...), g)
			separator = ",\n"
			return t.next()
		}
		switch source {
		case "masters":
			addMasters(s.o.Hosts(), add)
		case "agents":
			addAgents(s.o.Hosts(), add)
		default:
			var g targetGroup
			for i := range s.o.Instances(f) {
				if !g.addTask(i, add) {
					break
				}
			}
		}
		t.buf = append(t.buf, "\n]\n"...)
	})
}

// addMasters adds the masters.
func addMasters(h records.Hosts, add func(*targetGroup) bool) {
	for _, m := range h.Masters {
		host := m.Host
		if len(m.Addrs) > 0 {
			host = m.Addrs[0].String()
		}
		g := &targetGroup{target: joinHostPort(host, m.Port)}
		g.set("host", m.Host)
		g.set("leader", strconv.FormatBool(m.Equal(h.Leader)))
		if !add(g) {
			return
		}
	}
}

// addAgents adds the agents, at the address and port where they register.
func addAgents(h records.Hosts, add func(*targetGroup) bool) {
	for _, a := range h.Agents {
		host, port := cmp.Or(a.PID.Host, a.Hostname), cmp.Or(a.PID.Port, defaultAgentPort)
		if len(a.Addrs) > 0 {
			host = a.Addrs[0].String()
		}
		if host == "" {
			continue
		}
		g := &targetGroup{target: joinHostPort(host, port)}
		g.setAgent(a.ID, a.Hostname, a.Addrs, a.Region, a.Zone, a.Attributes)
		if !add(g) {
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
func (g *targetGroup) addTask(i *records.Instance, add func(*targetGroup) bool) bool {
	if v, ok := i.Label(promEnable); ok && strings.EqualFold(strings.TrimSpace(v), "false") {
		return true
	}
	g.labels = g.labels[:0]
	g.set("task", i.Name)
	g.set("task_id", i.Task)
	g.set("app", i.App)
	g.labels = append(g.labels, metaLabel{prefix: metaPrefix, name: "name", text: bytes.TrimSuffix(i.CanonicalName, []byte("."))})
	g.set("framework", i.Framework.Name)
	g.set("framework_id", i.Framework.ID)
	g.set("role", i.Role)
	g.set("state", i.State)
	g.set("health", string(i.Health))
	g.setAgent(i.Agent.ID, i.Agent.Hostname, i.Addresses.Agent, i.Agent.Region, i.Agent.Zone, i.Agent.Attributes)
	g.setLabels(taskPrefix, len(i.Labels), func(n int) (string, string) { return i.Labels[n].Key, i.Labels[n].Value })
	ofTask := len(g.labels)
	g.ports, g.seen = appendTargets(g.ports[:0], i), g.seen[:0]
	for n := range g.ports {
		p := &g.ports[n]
		at := p.Connect().First()
		if !at.IsValid() || slices.Contains(g.seen, at) || len(g.seen) == maxTargets {
			continue
		}
		g.seen = append(g.seen, at)
		g.at, g.labels = at, g.labels[:ofTask]
		g.setPort(p, i)
		if !add(g) {
			return false
		}
	}
	return true
}

// appendTargets appends the ports of a task that are scraped:
//
//  1. those that the label prometheus.port of the task lists, see
//     [records.Instance.Port];
//  2. else those with a label of their own that begins with "prometheus.";
//  3. else all announced ports, or those of the resources if none is announced.
func appendTargets(list []records.InstancePort, i *records.Instance) []records.InstancePort {
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

// set adds a label about a task, an agent or a master.
func (g *targetGroup) set(name, value string) {
	g.labels = append(g.labels, metaLabel{prefix: metaPrefix, name: name, value: value})
}

func (g *targetGroup) setNumber(name string, n int) {
	g.labels = append(g.labels, metaLabel{prefix: metaPrefix, name: name, number: n, isNumber: true})
}

func (g *targetGroup) setAgent(id, hostname string, addrs []netip.Addr, region, zone string, attributes []state.Attribute) {
	g.set("agent", hostname)
	g.set("agent_id", id)
	if len(addrs) > 0 {
		g.labels = append(g.labels, metaLabel{prefix: metaPrefix, name: "agent_address", addr: addrs[0]})
	}
	g.set("region", region)
	g.set("zone", zone)
	g.setLabels(attributePrefix, len(attributes), func(n int) (string, string) { return attributes[n].Name, attributes[n].Value })
}

func (g *targetGroup) setPort(p *records.InstancePort, i *records.Instance) {
	g.set("port_name", p.Name)
	g.setNumber("port_number", int(p.Number))
	g.setNumber("port_index", p.Index)
	g.set("protocol", p.Protocol)
	scope := "host"
	if p.Side == records.SideContainer {
		scope = "container"
	}
	g.set("scope", scope)
	network := p.Network
	if network == "" && len(i.Addresses.Networks) > 0 {
		network = i.Addresses.Networks[0].Name
	}
	g.set("network", network)
	g.setLabels(portPrefix, len(p.Labels), func(n int) (string, string) { return p.Labels[n].Key, p.Labels[n].Value })
	setting := func(label string) string {
		if value, ok := p.Label(label); ok {
			return value
		}
		value, _ := i.Label(label)
		return value
	}
	if path := setting(promPath); path != "" {
		g.labels = append(g.labels, metaLabel{name: "__metrics_path__", value: "/" + strings.TrimPrefix(path, "/")})
	}
	if scheme := strings.ToLower(setting(promScheme)); scheme == "http" || scheme == "https" {
		g.labels = append(g.labels, metaLabel{name: "__scheme__", value: scheme})
	}
}

// setLabels adds n labels under a prefix. Of several whose names become the same,
// the first counts.
func (g *targetGroup) setLabels(prefix string, n int, label func(int) (key, value string)) {
	first, size := len(g.labels), 0
	for i := range min(n, maxMetaLabels) {
		key, value := label(i)
		l := metaLabel{prefix: prefix, name: sanitizeLabel(key), value: value}
		if slices.ContainsFunc(g.labels[first:], func(known metaLabel) bool { return known.name == l.name }) {
			continue
		}
		if size += len(prefix) + len(l.name) + len(value); size > maxMetaBytes {
			return
		}
		g.labels = append(g.labels, l)
	}
}

// appendGroup appends a target group as JSON in one line.
func appendGroup(b []byte, g *targetGroup) []byte {
	begin := len(b)
	b = append(b, `{"targets":[`...)
	if g.at.IsValid() {
		b = append(g.at.AppendTo(append(b, '"')), '"')
	} else {
		b = appendText(b, g.target)
	}
	b = append(b, `],"labels":{`...)
	separator := ""
	for n := range g.labels {
		l := &g.labels[n]
		if l.value == "" && len(l.text) == 0 && !l.addr.IsValid() && !l.isNumber {
			continue
		}
		b = append(append(append(b, separator...), '"'), l.prefix...)
		b = append(append(b, l.name...), `":`...) // which has no character that is escaped
		switch {
		case len(l.text) > 0:
			b = appendText(b, l.text)
		case l.addr.IsValid():
			b = appendAddr(b, l.addr)
		case l.isNumber:
			b = append(strconv.AppendInt(append(b, '"'), int64(l.number), 10), '"')
		default:
			b = appendText(b, l.value)
		}
		separator = ","
	}
	return escapeControls(append(b, "}}"...), begin)
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
