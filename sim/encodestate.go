package sim

// The order of fields, and which of them are left out when empty, is that of
// Mesos 1.12.

type counts struct{ active, deactivated, unreachable int }

// head writes what comes before the agents.
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

// build writes what /version shows as well.
func (e *encoder) build() {
	e.stringField("version", mesosVersion)
	e.stringField("git_sha", buildSHA)
	e.stringField("build_date", buildTime.Format("2006-01-02"))
	e.timeField("build_time", buildTime)
	e.stringField("build_user", "sim")
}

// tail writes what comes after the completed frameworks: lists that only old
// masters filled.
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

// recoveredAgent writes the little that the registry keeps.
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

// framework writes a framework; one that is not present has been torn down.
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
		e.stringsField("roles", orStar(f.Roles))
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

func orStar(roles []string) []string {
	if len(roles) == 0 {
		return []string{"*"}
	}
	return roles
}
