// Package aurora makes tasks of a job as the framework Apache Aurora does.
package aurora

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"toponym/sim"
)

// Job is an Aurora job.
type Job struct {
	Cluster, Role, Environment, Name string // Cluster may be empty
	Ports                            []string

	// Discovery is set if the scheduler runs with -populate_discovery_info.
	Discovery bool
}

// isIdentifier reports whether a text can be a part of a job key.
func isIdentifier(s string) bool {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
	return s != "" && len(s) <= 255 && strings.Trim(s, letters) == ""
}

// maxPorts bounds the ports of a job.
const maxPorts = 1000

// ParseJobKey parses role/environment/job, or cluster/role/environment/job as the
// client of Aurora has it.
func ParseJobKey(key string) (Job, error) {
	parts := strings.Split(key, "/")
	if len(parts) == 3 {
		parts = append([]string{""}, parts...)
	}
	if len(parts) != 4 || !isIdentifier(parts[1]) || !isIdentifier(parts[2]) || !isIdentifier(parts[3]) {
		return Job{}, fmt.Errorf("%q is not a job key: want role/environment/job", key)
	}
	return Job{Cluster: parts[0], Role: parts[1], Environment: parts[2], Name: parts[3]}, nil
}

// SetPorts gives the job named ports.
func (j *Job) SetPorts(names []string) error {
	if len(names) > maxPorts {
		return fmt.Errorf("there are more than %d ports", maxPorts)
	}
	if slices.Contains(names, "") {
		return errors.New("a port has no name")
	}
	j.Ports = names
	return nil
}

// TaskName returns the name of the job's tasks, which is its key.
func (j Job) TaskName() string { return j.Role + "/" + j.Environment + "/" + j.Name }

// Framework is the framework that runs jobs.
func Framework() sim.Framework { return sim.Framework{Name: "Aurora", Hostname: "10.0.0.253"} }

// HostPorts has a 0 for each port of the agent that an instance takes.
func (j Job) HostPorts() []uint16 { return make([]uint16, len(j.Ports)) }

// TaskID returns the id of the task of an instance.
func (j Job) TaskID(instance int, uuid string) string {
	return fmt.Sprintf("%s-%s-%s-%d-%s", j.Role, j.Environment, j.Name, instance, uuid)
}

// Task returns a task with an id and a port of the agent for each of HostPorts. It is
// on the network of its agent.
func (j Job) Task(id string, hostPorts []uint16) sim.Task {
	t := sim.Task{ID: id, Name: j.TaskName(), Resources: sim.Resources{CPUs: 0.1, Mem: 128, Ports: sim.PortList(hostPorts...)}}
	if !j.Discovery {
		return t
	}
	t.Discovery = &sim.Discovery{
		Visibility: "CLUSTER", Name: j.Name + "." + j.Environment + "." + j.Role,
		Environment: j.Environment, Location: j.Cluster,
	}
	for i, name := range j.Ports {
		t.Discovery.Ports = append(t.Discovery.Ports, sim.DiscoveryPort{Number: hostPorts[i], Name: name, Protocol: "TCP"})
	}
	return t
}
