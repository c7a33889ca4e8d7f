package main

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"toponym/sim"
	"toponym/sim/aurora"
	"toponym/sim/compose"
	"toponym/sim/marathon"
)

// workload is what a framework runs instances of: an app or a pod of Marathon, a
// service of mesos-compose, a job of Aurora.
type workload struct {
	id, taskName string
	pod          bool
	instances    int
	networks     []string // names of container networks
	hostPorts    []uint16 // that an instance takes; 0: any
	framework    sim.Framework

	// taskID makes the id of an instance, knownID that of one whose task has an id.
	taskID  func(instance int, uuid string) string
	knownID func(id string) string
	tasks   func(id string, hostPorts []uint16) ([]sim.Task, error)
}

func sameID(id string) string { return id }

func marathonWorkload(a *marathon.App) workload {
	w := workload{
		id: a.ID, taskName: a.TaskName(), pod: a.IsPod(), instances: a.Instances, hostPorts: a.HostPorts(),
		framework: sim.Framework{Name: "marathon", Hostname: "10.0.0.253"},
		taskID:    func(_ int, uuid string) string { return a.TaskID(uuid) },
		knownID:   sameID,
		tasks:     a.Tasks,
	}
	if w.pod { // the id of a task has that of the instance in it
		w.knownID = func(id string) string {
			if before, after, ok := strings.Cut(id, ".instance-"); ok {
				uuid, _, _ := strings.Cut(after, ".")
				return before + ".instance-" + uuid
			}
			return id
		}
	}
	for _, n := range a.Networks {
		if n.Mode == marathon.ModeContainer {
			w.networks = append(w.networks, n.Name)
		}
	}
	return w
}

func composeWorkload(s *compose.Service) workload {
	w := workload{
		id: s.ID, taskName: s.TaskName, instances: s.Instances, hostPorts: s.HostPorts(), framework: compose.Framework(),
		taskID:  func(_ int, uuid string) string { return s.TaskID(uuid) },
		knownID: sameID,
		tasks: func(id string, hostPorts []uint16) ([]sim.Task, error) {
			return []sim.Task{s.Task(id, hostPorts)}, nil
		},
	}
	if s.Network != "" {
		w.networks = []string{s.Network}
	}
	return w
}

func auroraWorkload(j aurora.Job) workload {
	return workload{
		id: j.TaskName(), taskName: j.TaskName(), instances: 1, hostPorts: j.HostPorts(), framework: aurora.Framework(),
		taskID: j.TaskID, knownID: sameID,
		tasks: func(id string, hostPorts []uint16) ([]sim.Task, error) {
			return []sim.Task{j.Task(id, hostPorts)}, nil
		},
	}
}

// auroraJob returns the job of the flags.
func (o previewFlags) auroraJob() (aurora.Job, error) {
	j, err := aurora.ParseJobKey(o.auroraKey)
	if err != nil {
		return j, fmt.Errorf("-aurora-job: %w", err)
	}
	j.Discovery = o.auroraDiscovery
	if o.auroraPorts != "" {
		if err := j.SetPorts(strings.Split(o.auroraPorts, ",")); err != nil {
			return j, fmt.Errorf("-aurora-ports: %w", err)
		}
	}
	return j, nil
}

// composeServices reads a compose file. The project is that of the flags, or is called
// after the directory of the file.
func composeServices(file string, data []byte, o previewFlags) (list []workload, warnings []string, err error) {
	project := o.project
	if project == "" && file != "-" {
		if full, err := filepath.Abs(file); err == nil {
			project = filepath.Base(filepath.Dir(full))
		}
	}
	if project = strings.Trim(project, "/."); project == "" {
		return nil, nil, errors.New("-project is missing: the name of the project that the compose file is sent to")
	}
	services, warnings, err := compose.Parse(data, compose.Settings{Project: project, Prefix: o.prefix})
	for _, s := range services {
		list = append(list, composeWorkload(s))
	}
	return list, warnings, err
}

// frameworkOf returns the framework of a workload, with the name of the flags.
func (o previewFlags) frameworkOf(w workload) sim.Framework {
	f := w.framework
	f.ID, f.Name = "preview-0000", cmp.Or(o.framework, f.Name)
	return f
}
