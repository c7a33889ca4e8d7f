package sim

import (
	"cmp"
	"encoding/base64"
	"strconv"
	"time"
)

// The operator API has the shape of Mesos's protobuf messages: ids are objects, resources
// are lists, times are nanoseconds. The order of fields is that of Mesos 1.12.

// idField writes an id.
func (e *encoder) idField(k, id string) {
	e.openKey(k, '{')
	e.stringField("value", id)
	e.close('}')
}

// nanosField writes a time; the zero time is 0.
func (e *encoder) nanosField(k string, t time.Time) {
	n := int64(0)
	if !t.IsZero() {
		n = t.UnixNano()
	}
	e.openKey(k, '{')
	e.key("nanoseconds")
	e.separate()
	e.buf = strconv.AppendInt(e.buf, n, 10)
	e.close('}')
}

// typesField writes a list of objects that have a type.
func (e *encoder) typesField(k string, names []string) {
	e.openKey(k, '[')
	for _, n := range names {
		e.open('{')
		e.stringField("type", n)
		e.close('}')
	}
	e.close(']')
}

// resourcesV1 writes the resources of r that are not zero. Empty roles are omitted.
func (e *encoder) resourcesV1(r Resources, role, allocated string) {
	tail := func() {
		e.optionalField("role", role)
		if allocated != "" {
			e.openKey("allocation_info", '{')
			e.stringField("role", allocated)
			e.close('}')
		}
		e.close('}')
	}
	scalar := func(name string, v float64) {
		if v == 0 {
			return
		}
		e.open('{')
		e.stringField("name", name)
		e.stringField("type", "SCALAR")
		e.openKey("scalar", '{')
		e.floatField("value", v)
		e.close('}')
		tail()
	}
	scalar("cpus", r.CPUs)
	scalar("mem", r.Mem)
	scalar("disk", r.Disk)
	scalar("gpus", r.GPUs)
	if len(r.Ports) == 0 {
		return
	}
	e.open('{')
	e.stringField("name", "ports")
	e.stringField("type", "RANGES")
	e.openKey("ranges", '{')
	e.openKey("range", '[')
	for _, p := range r.Ports.merged() {
		e.open('{')
		e.intField("begin", int(p.First))
		e.intField("end", int(p.Last))
		e.close('}')
	}
	e.close(']')
	e.close('}')
	tail()
}

// allocated writes the resources in use, if there are any.
func (e *encoder) allocated(used usage) {
	if len(used) == 0 {
		return
	}
	e.openKey("allocated_resources", '[')
	for _, u := range used {
		e.resourcesV1(u.Resources, "*", u.role)
	}
	e.close(']')
}

// agentV1 writes an agent. States have the field checkpoint, events do not.
func (e *encoder) agentV1(a *Agent, used usage, checkpoint bool) {
	e.open('{')
	e.key("agent_info")
	e.agentInfo(a, checkpoint)
	e.boolField("active", true)
	e.boolField("deactivated", a.Deactivated)
	e.stringField("version", mesosVersion)
	e.stringField("pid", a.pid())
	e.nanosField("registered_time", a.Registered)
	if !a.Reregistered.IsZero() {
		e.nanosField("reregistered_time", a.Reregistered)
	}
	e.openKey("total_resources", '[')
	e.resourcesV1(a.Resources, "*", "")
	e.close(']')
	e.allocated(used)
	e.typesField("capabilities", agentCapabilities)
	e.close('}')
}

// agentInfo writes an AgentInfo, which is all that is known of a recovered agent.
func (e *encoder) agentInfo(a *Agent, checkpoint bool) {
	e.open('{')
	e.stringField("hostname", a.Hostname)
	e.intField("port", int(a.Addr.Port()))
	e.openKey("resources", '[')
	e.resourcesV1(a.Resources, "", "")
	e.close(']')
	if len(a.Attributes) > 0 {
		e.openKey("attributes", '[')
		for _, l := range a.Attributes {
			e.open('{')
			e.stringField("name", l.Key)
			e.stringField("type", "TEXT")
			e.openKey("text", '{')
			e.stringField("value", l.Value)
			e.close('}')
			e.close('}')
		}
		e.close(']')
	}
	e.idField("id", a.ID)
	if checkpoint {
		e.boolField("checkpoint", true)
	}
	e.close('}')
}

// frameworkV1 writes the fields that states and events share. A framework that is not
// present has been torn down.
func (e *encoder) frameworkV1(f *Framework, present bool) {
	active := present && !f.Disconnected && !f.Recovered
	e.key("framework_info")
	e.frameworkInfo(f)
	e.boolField("active", active)
	e.boolField("connected", active)
	e.boolField("recovered", f.Recovered)
	registered, again := f.Registered, f.Reregistered
	switch {
	case f.Recovered:
		registered, again = time.Time{}, time.Time{}
	case again.IsZero():
		again = registered
	}
	e.nanosField("registered_time", registered)
	e.nanosField("reregistered_time", again)
}

func (e *encoder) frameworkInfo(f *Framework) {
	e.open('{')
	e.stringField("user", f.User)
	e.stringField("name", f.Name)
	e.idField("id", f.ID)
	e.floatField("failover_timeout", f.FailoverTimeout.Seconds())
	e.boolField("checkpoint", f.Checkpoint)
	if f.has("MULTI_ROLE") {
		e.stringsField("roles", rolesOrStar(f.Roles))
	} else {
		e.stringField("role", f.role())
	}
	e.optionalField("hostname", f.Hostname)
	e.optionalField("principal", f.Principal)
	e.optionalField("webui_url", f.WebUI)
	if len(f.Capabilities) > 0 {
		e.typesField("capabilities", f.Capabilities)
	}
	e.labelsObject(f.Labels)
	e.close('}')
}

func (e *encoder) executorV1(f *Framework, x executor) {
	e.open('{')
	e.openKey("executor_info", '{')
	e.stringField("type", "DEFAULT")
	e.idField("executor_id", x.id)
	e.idField("framework_id", f.ID)
	e.container(&Container{Type: "MESOS", Networks: x.networks})
	e.openKey("resources", '[')
	e.resourcesV1(x.resources(), "", cmp.Or(x.role, "*"))
	e.close(']')
	e.close('}')
	e.idField("agent_id", x.agentID)
	e.close('}')
}

// taskV1 writes a task. Without statuses it has no field for them.
func (e *encoder) taskV1(t *Task) {
	e.open('{')
	e.stringField("name", t.Name)
	e.idField("task_id", t.ID)
	e.idField("framework_id", t.FrameworkID)
	if t.ExecutorID != "" {
		e.idField("executor_id", t.ExecutorID)
	}
	e.idField("agent_id", t.AgentID)
	e.stringField("state", t.State)
	e.openKey("resources", '[')
	e.resourcesV1(t.Resources, "", t.Role)
	e.close(']')
	if n := len(t.Statuses); n > 0 {
		e.openKey("statuses", '[')
		for i := range t.Statuses {
			e.statusV1(t, &t.Statuses[i])
		}
		e.close(']')
		for i := n - 1; i >= 0; i-- { // the last one of the executor
			if s := &t.Statuses[i]; s.uuid != (updateID{}) {
				e.stringField("status_update_state", s.State)
				e.uuidField("status_update_uuid", s.uuid)
				break
			}
		}
	}
	e.labelsObject(t.Labels)
	e.endTask(t)
}

// statusV1 writes a status update. One that the master makes itself has no uuid, executor
// and container.
func (e *encoder) statusV1(t *Task, s *Status) {
	executor := s.Container != nil
	e.open('{')
	e.idField("task_id", t.ID)
	e.stringField("state", s.State)
	e.optionalField("message", s.Message)
	if executor {
		e.stringField("source", "SOURCE_EXECUTOR")
	} else {
		e.stringField("source", "SOURCE_MASTER")
	}
	e.optionalField("reason", s.Reason)
	e.idField("agent_id", t.AgentID)
	if executor {
		e.idField("executor_id", t.executor())
	}
	e.timeField("timestamp", s.Time)
	if executor {
		e.uuidField("uuid", s.uuid)
	}
	if s.Healthy != nil {
		e.boolField("healthy", *s.Healthy)
	}
	e.labelsObject(s.Labels)
	if executor {
		e.containerStatusV1(t, s.Container)
	}
	if s.State == TaskUnreachable {
		e.nanosField("unreachable_time", s.Time)
	}
	e.close('}')
}

func (e *encoder) containerStatusV1(t *Task, c *ContainerStatus) {
	e.openKey("container_status", '{')
	e.containerID(c)
	if len(c.Networks) > 0 {
		e.openKey("network_infos", '[')
		for i := range c.Networks {
			e.statusNetworkV1(&c.Networks[i])
		}
		e.close(']')
		if !t.docker() {
			e.intField("executor_pid", c.pid())
		}
	}
	e.close('}')
}

func (e *encoder) statusNetworkV1(n *NetworkInfo) {
	e.open('{')
	e.addresses(n.Addresses)
	e.optionalField("name", n.Name)
	e.labelsObject(n.Labels)
	e.portMappings(n.PortMappings)
	e.close('}')
}

// uuidField writes the 16 bytes of an id in base64.
func (e *encoder) uuidField(k string, id updateID) {
	var b [16]byte
	for i := range 8 {
		b[i] = byte(id.hi >> (56 - 8*i))
		b[8+i] = byte(id.lo >> (56 - 8*i))
	}
	e.key(k)
	e.separate()
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, b[:])
	e.buf = append(e.buf, '"')
}

// executor returns the executor that reports on a task: one of its own with the same
// name, unless the task is part of a pod.
func (t *Task) executor() string {
	if t.ExecutorID != "" {
		return t.ExecutorID
	}
	return t.ID
}

// pid returns the process id of a container on its agent.
func (c *ContainerStatus) pid() int {
	var h uint64
	for _, b := range []byte(c.ID) {
		h = mix(h ^ uint64(b))
	}
	return 1000 + int(h%31000)
}
