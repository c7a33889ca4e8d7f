package sim

import (
	"cmp"
	"net/netip"
)

// The order of fields, and which of them are omitted when empty, is that of Mesos 1.12.

type counts struct{ active, deactivated, unreachable int }

// head writes the fields before the agents.
func (e *encoder) head(id identity, cluster string, n counts) {
	e.build()
	e.timeField("start_time", id.started)
	e.timeField("elected_time", id.elected)
	e.stringField("id", id.uuid)
	e.stringField("pid", id.pid())
	e.stringField("hostname", id.hostname)
	e.stringsField("capabilities", masterCapabilities)
	e.floatField("activated_slaves", float64(n.active))
	e.floatField("deactivated_slaves", float64(n.deactivated))
	e.floatField("unreachable_slaves", float64(n.unreachable))
	e.stringField("leader", id.pid())
	e.openKey("leader_info", '{')
	e.stringField("id", id.uuid)
	e.stringField("pid", id.pid())
	e.intField("port", int(id.addr.Port()))
	e.stringField("hostname", id.hostname)
	e.close('}')
	e.stringField("cluster", cluster)
	e.flags(id, cluster)
}

// build writes the fields that /version has as well.
func (e *encoder) build() {
	e.stringField("version", mesosVersion)
	e.stringField("git_sha", buildSHA)
	e.stringField("build_date", buildTime.Format("2006-01-02"))
	e.timeField("build_time", buildTime)
	e.stringField("build_user", "sim")
}

// tail writes the fields after the completed frameworks: lists that only old masters filled.
func (e *encoder) tail() {
	e.openKey("orphan_tasks", '[')
	e.close(']')
	e.openKey("unregistered_frameworks", '[')
	e.close(']')
}

func (e *encoder) agent(a *Agent, used Resources) {
	e.open('{')
	e.agentNames(a)
	e.stringField("pid", a.pid())
	e.timeField("registered_time", a.Registered)
	if !a.Reregistered.IsZero() {
		e.timeField("reregistered_time", a.Reregistered)
	}
	e.resources("resources", a.Resources)
	e.resources("used_resources", used)
	e.resources("offered_resources", Resources{})
	e.openKey("reserved_resources", '{')
	e.close('}')
	e.resources("unreserved_resources", a.Resources)
	e.boolField("active", true)
	e.boolField("deactivated", a.Deactivated)
	e.stringField("version", mesosVersion)
	e.stringsField("capabilities", agentCapabilities)
	e.close('}')
}

// recoveredAgent writes what the registry keeps of an agent.
func (e *encoder) recoveredAgent(a *Agent) {
	e.open('{')
	e.agentNames(a)
	e.close('}')
}

func (e *encoder) agentNames(a *Agent) {
	e.stringField("id", a.ID)
	e.stringField("hostname", a.Hostname)
	e.intField("port", int(a.Addr.Port()))
	e.openKey("attributes", '{')
	for _, l := range a.Attributes {
		e.anyKey(l.Key)
		e.string(l.Value)
	}
	e.close('}')
}

func (e *encoder) resources(k string, r Resources) {
	e.openKey(k, '{')
	e.floatField("disk", r.Disk)
	e.floatField("mem", r.Mem)
	e.floatField("gpus", r.GPUs)
	e.floatField("cpus", r.CPUs)
	e.optionalField("ports", r.Ports.String())
	e.close('}')
}

// framework writes a framework. One that is not present has been torn down.
func (e *encoder) framework(v view, present bool) {
	e.open('{')
	e.frameworkHead(v.Framework, v.used.total(), present)
	e.taskList("tasks", v.tasks)
	e.taskList("unreachable_tasks", v.unreachable)
	e.taskList("completed_tasks", v.completed)
	e.openKey("offers", '[')
	e.close(']')
	e.openKey("executors", '[')
	for _, x := range v.executors {
		e.executor(v.Framework, x)
	}
	e.close(']')
	e.frameworkTail(v.Framework)
	e.close('}')
}

func (e *encoder) frameworkHead(f *Framework, used Resources, present bool) {
	active := present && !f.Disconnected && !f.Recovered
	e.stringField("id", f.ID)
	e.stringField("name", f.Name)
	e.optionalField("pid", f.PID)
	e.resources("used_resources", used)
	e.resources("offered_resources", Resources{})
	e.stringsField("capabilities", f.Capabilities)
	e.stringField("hostname", f.Hostname)
	e.stringField("webui_url", f.WebUI)
	e.boolField("active", active)
	e.boolField("connected", active)
	e.boolField("recovered", f.Recovered)
	e.stringField("user", f.User)
	e.floatField("failover_timeout", f.FailoverTimeout.Seconds())
	e.boolField("checkpoint", f.Checkpoint)
	if f.Recovered {
		e.floatField("registered_time", 0)
	} else {
		e.timeField("registered_time", f.Registered)
	}
	e.timeField("unregistered_time", f.Unregistered)
	e.optionalField("principal", f.Principal)
	e.resources("resources", used)
	if !f.Reregistered.IsZero() {
		e.timeField("reregistered_time", f.Reregistered)
	}
	if f.has("MULTI_ROLE") {
		e.stringsField("roles", rolesOrStar(f.Roles))
	} else {
		e.stringField("role", f.role())
	}
}

func (e *encoder) frameworkTail(f *Framework) {
	if len(f.Labels) > 0 {
		e.labels("labels", f.Labels)
	}
	e.openKey("offer_constraints", '{')
	e.close('}')
}

func (e *encoder) executor(f *Framework, x executor) {
	e.open('{')
	e.stringField("executor_id", x.id)
	e.stringField("name", "")
	e.stringField("framework_id", f.ID)
	e.openKey("command", '{')
	e.stringsField("argv", nil)
	e.stringsField("uris", nil)
	e.close('}')
	e.resources("resources", x.resources())
	e.stringField("role", x.role)
	e.stringField("type", "DEFAULT")
	e.stringField("slave_id", x.agentID)
	e.close('}')
}

func rolesOrStar(roles []string) []string {
	if len(roles) == 0 {
		return []string{"*"}
	}
	return roles
}

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

// endTask writes the last fields of a task, which are the same in both APIs.
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

// statusNetwork writes the labels as an array; requestedNetwork writes them inside an object.
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
		e.stringField("protocol", ipProtocol(p.Addr()))
		e.stringField("ip_address", formatAddress(p))
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
	e.openKey("ports", '{') // Marathon always sets it, even if it is empty
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

func ipProtocol(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func formatAddress(p netip.Prefix) string {
	if p.Addr().Is4() || p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}
