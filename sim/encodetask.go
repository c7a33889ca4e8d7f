package sim

import (
	"cmp"
	"net/netip"
)

func (e *encoder) taskList(k string, tasks []*Task) {
	e.openKey(k, '[')
	for _, t := range tasks {
		e.task(t)
	}
	e.close(']')
}

func (e *encoder) task(t *Task) {
	e.open('{')
	e.stringField("id", t.ID)
	e.stringField("name", t.Name)
	e.stringField("framework_id", t.FrameworkID)
	e.stringField("executor_id", t.ExecutorID)
	e.stringField("slave_id", t.AgentID)
	e.stringField("state", t.State)
	e.resources("resources", t.Resources)
	e.stringField("role", t.Role)
	e.openKey("statuses", '[')
	for i := range t.Statuses {
		e.status(&t.Statuses[i])
	}
	e.close(']')
	if len(t.Labels) > 0 {
		e.labels("labels", t.Labels)
	}
	e.endTask(t)
}

// endTask writes what both APIs have last of a task, in the same form.
func (e *encoder) endTask(t *Task) {
	if t.Discovery != nil {
		e.discovery(t.Discovery)
	}
	if t.Container != nil {
		e.container(t.Container)
	}
	if t.HealthCheck != nil {
		e.healthCheck(t.HealthCheck)
	}
	e.close('}')
}

func (e *encoder) status(s *Status) {
	e.open('{')
	e.stringField("state", s.State)
	e.timeField("timestamp", s.Time)
	if len(s.Labels) > 0 {
		e.labels("labels", s.Labels)
	}
	if c := s.Container; c != nil {
		e.openKey("container_status", '{')
		e.containerID(c)
		if len(c.Networks) > 0 {
			e.openKey("network_infos", '[')
			for i := range c.Networks {
				e.statusNetwork(&c.Networks[i])
			}
			e.close(']')
		}
		e.close('}')
	}
	if s.Healthy != nil {
		e.boolField("healthy", *s.Healthy)
	}
	e.close('}')
}

func (e *encoder) containerID(c *ContainerStatus) {
	e.openKey("container_id", '{')
	e.stringField("value", c.ID)
	if c.ParentID != "" {
		e.idField("parent", c.ParentID)
	}
	e.close('}')
}

// statusNetwork has its labels as a plain array; requestedNetwork has them
// inside an object.
func (e *encoder) statusNetwork(n *NetworkInfo) {
	e.open('{')
	if len(n.Labels) > 0 {
		e.labels("labels", n.Labels)
	}
	e.addresses(n.Addresses)
	e.optionalField("name", n.Name)
	e.portMappings(n.PortMappings)
	e.close('}')
}

func (e *encoder) addresses(addresses []netip.Prefix) {
	if len(addresses) == 0 {
		return
	}
	e.openKey("ip_addresses", '[')
	for _, p := range addresses {
		e.open('{')
		e.stringField("protocol", protocol(p.Addr()))
		e.stringField("ip_address", shown(p))
		e.close('}')
	}
	e.close(']')
}

func (e *encoder) requestedNetwork(n *NetworkInfo) {
	e.open('{')
	if n.AsksIPv4 {
		e.openKey("ip_addresses", '[')
		e.open('{')
		e.stringField("protocol", "IPv4")
		e.close('}')
		e.close(']')
	}
	e.optionalField("name", n.Name)
	e.labelsObject(n.Labels)
	e.portMappings(n.PortMappings)
	e.close('}')
}

func (e *encoder) portMappings(mappings []PortMapping) {
	if len(mappings) == 0 {
		return
	}
	e.openKey("port_mappings", '[')
	for _, m := range mappings {
		e.open('{')
		e.intField("host_port", int(m.HostPort))
		e.intField("container_port", int(m.ContainerPort))
		e.optionalField("protocol", m.Protocol)
		e.close('}')
	}
	e.close(']')
}

func (e *encoder) discovery(d *Discovery) {
	e.openKey("discovery", '{')
	e.stringField("visibility", cmp.Or(d.Visibility, "FRAMEWORK"))
	e.optionalField("name", d.Name)
	e.optionalField("environment", d.Environment)
	e.optionalField("location", d.Location)
	e.optionalField("version", d.Version)
	e.openKey("ports", '{') // Marathon always sets it, be it empty
	if len(d.Ports) > 0 {
		e.openKey("ports", '[')
		for _, p := range d.Ports {
			e.open('{')
			e.intField("number", int(p.Number))
			e.optionalField("name", p.Name)
			e.optionalField("protocol", p.Protocol)
			e.optionalField("visibility", p.Visibility)
			e.labelsObject(p.Labels)
			e.close('}')
		}
		e.close(']')
	}
	e.close('}')
	e.labelsObject(d.Labels)
	e.close('}')
}

func (e *encoder) container(c *Container) {
	e.openKey("container", '{')
	e.stringField("type", c.Type)
	if len(c.Volumes) > 0 {
		e.openKey("volumes", '[')
		for _, v := range c.Volumes {
			e.open('{')
			e.stringField("mode", v.Mode)
			e.stringField("container_path", v.ContainerPath)
			e.stringField("host_path", v.HostPath)
			e.close('}')
		}
		e.close(']')
	}
	if d := c.Docker; d != nil {
		e.openKey("docker", '{')
		e.stringField("image", d.Image)
		e.stringField("network", d.Network)
		e.portMappings(d.PortMappings)
		e.boolField("privileged", d.Privileged)
		if len(d.Parameters) > 0 {
			e.labels("parameters", d.Parameters)
		}
		e.boolField("force_pull_image", d.ForcePull)
		e.close('}')
	}
	if c.Image != "" {
		e.openKey("mesos", '{')
		e.openKey("image", '{')
		e.stringField("type", "DOCKER")
		e.openKey("docker", '{')
		e.stringField("name", c.Image)
		e.close('}')
		e.boolField("cached", c.Cached)
		e.close('}')
		e.close('}')
	}
	if len(c.Networks) > 0 {
		e.openKey("network_infos", '[')
		for i := range c.Networks {
			e.requestedNetwork(&c.Networks[i])
		}
		e.close(']')
	}
	e.close('}')
}

func (e *encoder) healthCheck(h *HealthCheck) {
	e.openKey("health_check", '{')
	e.floatField("delay_seconds", 0)
	e.floatField("interval_seconds", h.Interval.Seconds())
	e.floatField("timeout_seconds", h.Timeout.Seconds())
	e.intField("consecutive_failures", 3)
	e.floatField("grace_period_seconds", h.Grace.Seconds())
	switch {
	case h.Command != "":
		e.stringField("type", "COMMAND")
		e.openKey("command", '{')
		e.boolField("shell", true)
		e.stringField("value", h.Command)
		e.close('}')
	case h.TCP:
		e.stringField("type", "TCP")
		e.openKey("tcp", '{')
		e.stringField("protocol", "IPv4")
		e.intField("port", int(h.Port))
		e.close('}')
	default:
		e.stringField("type", "HTTP")
		e.openKey("http", '{')
		e.stringField("protocol", "IPv4")
		e.stringField("scheme", cmp.Or(h.Scheme, "http"))
		e.intField("port", int(h.Port))
		e.stringField("path", h.Path)
		e.openKey("statuses", '[')
		e.raw([]byte("200"))
		e.close(']')
		e.close('}')
	}
	e.close('}')
}

func (e *encoder) labels(k string, labels []Label) {
	e.openKey(k, '[')
	for _, l := range labels {
		e.open('{')
		e.stringField("key", l.Key)
		if !l.NoValue {
			e.stringField("value", l.Value)
		}
		e.close('}')
	}
	e.close(']')
}

func (e *encoder) labelsObject(labels []Label) {
	if len(labels) == 0 {
		return
	}
	e.openKey("labels", '{')
	e.labels("labels", labels)
	e.close('}')
}

func protocol(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func shown(p netip.Prefix) string {
	if p.Addr().Is4() || p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
