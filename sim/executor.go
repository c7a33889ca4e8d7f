package sim

// executor runs the tasks of a pod, in the pod's networks. It holds the pod's
// host ports.
type executor struct {
	id, agentID, role string
	networks          []NetworkInfo
	ports             Ports
}

// executorResources is what Marathon adds to a pod for its executor.
var executorResources = Resources{CPUs: 0.1, Mem: 32, Disk: 10}

func (x *executor) resources() Resources {
	r := executorResources
	r.Ports = x.ports
	return r
}

// executors are those of some tasks, each once.
type executors struct {
	list []executor
	at   map[executorKey]int
}

type executorKey struct{ id, agentID string }

// add takes in the executor of a pod's task. It gives what that holds beside
// what is known of it.
func (x *executors) add(t *Task) Resources {
	key := executorKey{t.ExecutorID, t.AgentID}
	i, known := x.at[key]
	var more Resources
	if !known {
		if x.at == nil {
			x.at = make(map[executorKey]int)
		}
		i = len(x.list)
		x.at[key] = i
		x.list = append(x.list, executor{id: t.ExecutorID, agentID: t.AgentID, role: t.Role, networks: t.Networks})
		more = executorResources
	}
	if len(t.ExecutorPorts) > 0 {
		x.list[i].ports = t.ExecutorPorts
		more.Ports = t.ExecutorPorts
	}
	return more
}
