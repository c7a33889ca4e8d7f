package sim

import "encoding/base64"

// taskV1 writes a task. One that has no status yet shows nothing of them.
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

// statusV1 writes a status update. What the master says itself has no uuid,
// executor and container.
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

// uuidField writes the 16 bytes of an id, as JSON carries bytes.
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

// executor is who reports on the task: an executor of its own, named after
// it, unless it is part of a pod.
func (t *Task) executor() string {
	if t.ExecutorID != "" {
		return t.ExecutorID
	}
	return t.ID
}

// pid is the process id that a container has on its agent.
func (c *ContainerStatus) pid() int {
	var h uint64
	for _, b := range []byte(c.ID) {
		h = mix(h ^ uint64(b))
	}
	return 1000 + int(h%31000)
}
