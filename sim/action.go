package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Action is one thing to do to a simulation: a step of a scenario, or what the
// control API is asked for. Do says what; the other fields say to which.
type Action struct {
	// Do is one of the names in actions.
	Do string `json:"do" yaml:"do"`
	// Framework is an id or a name. It may be left out where there is one only,
	// or where a task or app says it.
	Framework string `json:"framework,omitempty" yaml:"framework"`
	// Agent is an id, a host name or an address.
	Agent string `json:"agent,omitempty" yaml:"agent"`
	// App is the name of an app, as its tasks have it; Task is the id of a task.
	App  string `json:"app,omitempty" yaml:"app"`
	Task string `json:"task,omitempty" yaml:"task"`
	// Count is how many: of the app's tasks the oldest so many.
	Count int `json:"count,omitempty" yaml:"count"`
	// State is how a task ends; TASK_FINISHED when empty.
	State string `json:"state,omitempty" yaml:"state"`
	// Healthy is the result of a health check.
	Healthy bool `json:"healthy,omitempty" yaml:"healthy"`
	// Name and Address are those of what is added.
	Name    string `json:"name,omitempty" yaml:"name"`
	Address string `json:"address,omitempty" yaml:"address"`
	// Master is the number of a master; the leader where it is left out.
	Master *int `json:"master,omitempty" yaml:"master"`
	// Tasks and Agents are changes in a second.
	Tasks  float64 `json:"tasks,omitempty" yaml:"tasks"`
	Agents float64 `json:"agents,omitempty" yaml:"agents"`
}

// Duration is a time.Duration that is written as text, such as "1m30s".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// actions are all that can be done. Each gives the ids of what it touched.
var actions = map[string]func(s *Simulation, a Action) ([]string, error){
	// Tasks, of an app or by id.
	"start":   func(s *Simulation, a Action) ([]string, error) { return s.launchSome(a, max(a.Count, 1), true) },
	"launch":  func(s *Simulation, a Action) ([]string, error) { return s.launchSome(a, max(a.Count, 1), false) },
	"scale":   (*Simulation).scale,
	"move":    (*Simulation).move,
	"advance": eachTask(func(c *Cluster, t Task, _ Action) error { _, err := c.AdvanceTask(t.FrameworkID, t.ID); return err }),
	"health":  eachTask(func(c *Cluster, t Task, a Action) error { return c.SetHealth(t.FrameworkID, t.ID, a.Healthy) }),
	"kill":    eachTask(func(c *Cluster, t Task, _ Action) error { return c.KillTask(t.FrameworkID, t.ID) }),
	"end":     eachTask(func(c *Cluster, t Task, a Action) error { return c.EndTask(t.FrameworkID, t.ID, a.endState()) }),
	"finish":  eachTask(func(c *Cluster, t Task, a Action) error { return c.FinishTask(t.FrameworkID, t.ID, a.endState()) }),

	"agent-add":         (*Simulation).agentAdd,
	"agent-unreachable": oneAgent((*Cluster).MarkUnreachable),
	"agent-return":      oneAgent((*Cluster).Reregister),
	"agent-remove":      oneAgent((*Cluster).RemoveAgent),
	"agent-gone":        oneAgent((*Cluster).MarkGone),
	"agent-deactivate":  oneAgent(func(c *Cluster, id string) error { return c.SetDeactivated(id, true) }),
	"agent-activate":    oneAgent(func(c *Cluster, id string) error { return c.SetDeactivated(id, false) }),

	"framework-add":        (*Simulation).frameworkAdd,
	"framework-disconnect": oneFramework(func(c *Cluster, id string) error { return c.SetConnected(id, false) }),
	"framework-connect":    oneFramework(func(c *Cluster, id string) error { return c.SetConnected(id, true) }),
	"framework-remove":     oneFramework((*Cluster).RemoveFramework),

	// Only mesos-sim has masters that can die, see SetAction.
	"master-kill":   processAction,
	"master-start":  processAction,
	"master-freeze": processAction,
	"master-thaw":   processAction,
	"streams-break": oneMaster((*Master).BreakStreams),
	"streams-close": oneMaster((*Master).CloseStreams),

	"churn": func(s *Simulation, a Action) ([]string, error) { s.life.SetRates(a.Tasks, a.Agents); return nil, nil },
}

// Do does an action and gives the ids of what it touched. An error means that
// something of it was not done.
func (s *Simulation) Do(a Action) ([]string, error) {
	do, ok := actions[a.Do]
	if !ok {
		return nil, fmt.Errorf("sim: there is no action %q", a.Do)
	}
	return do(s, a)
}

func (a Action) endState() string {
	if a.State == "" {
		return TaskFinished
	}
	return a.State
}

func eachTask(do func(*Cluster, Task, Action) error) func(*Simulation, Action) ([]string, error) {
	return func(s *Simulation, a Action) (ids []string, err error) {
		tasks, err := s.findTasks(a)
		if err != nil {
			return nil, err
		}
		for _, t := range tasks {
			if err := do(s.Cluster, t, a); err != nil {
				return ids, err
			}
			ids = append(ids, t.ID)
		}
		return ids, nil
	}
}

func oneAgent(do func(*Cluster, string) error) func(*Simulation, Action) ([]string, error) {
	return func(s *Simulation, a Action) ([]string, error) {
		agent, err := s.findAgent(a.Agent)
		if err != nil {
			return nil, err
		}
		return []string{agent.ID}, do(s.Cluster, agent.ID)
	}
}

func oneFramework(do func(*Cluster, string) error) func(*Simulation, Action) ([]string, error) {
	return func(s *Simulation, a Action) ([]string, error) {
		f, err := s.findFramework(a.Framework)
		if err != nil {
			return nil, err
		}
		return []string{f.ID}, do(s.Cluster, f.ID)
	}
}

// processAction is an action on the process of a master.
func processAction(s *Simulation, a Action) ([]string, error) {
	s.mu.Lock()
	do := s.actions[a.Do]
	s.mu.Unlock()
	if do == nil {
		return nil, fmt.Errorf("sim: %s: this program's master is no process of its own; mesos-sim has such masters", a.Do)
	}
	return do(a)
}

func oneMaster(do func(*Master)) func(*Simulation, Action) ([]string, error) {
	return func(s *Simulation, a Action) ([]string, error) {
		all, i := s.listMasters()
		if a.Master != nil {
			i = *a.Master
		}
		if i < 0 || i >= len(all) {
			return nil, fmt.Errorf("sim: no master %d", i)
		}
		do(all[i])
		return nil, nil
	}
}

// launchSome starts instances, on the agent that is named or on the ones with
// the fewest tasks.
func (s *Simulation) launchSome(a Action, n int, atOnce bool) (ids []string, err error) {
	app, err := s.findApp(a.Framework, a.App)
	if err != nil {
		return nil, err
	}
	for range n {
		var agent string
		if a.Agent != "" {
			named, err := s.findAgent(a.Agent)
			if err != nil {
				return ids, err
			}
			agent = named.ID
		} else if agent, err = s.emptiest(""); err != nil {
			return ids, err
		}
		id, err := s.LaunchApp(app, agent, atOnce)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// scale starts instances, or kills the oldest.
func (s *Simulation) scale(a Action) ([]string, error) {
	n := a.Count
	a.Count = 0
	tasks, err := s.findTasks(a)
	if err != nil {
		return nil, err
	}
	if n < 0 {
		return nil, fmt.Errorf("sim: an app cannot have %d tasks", n)
	}
	if len(tasks) < n {
		return s.launchSome(a, n-len(tasks), true)
	}
	var ids []string
	for _, t := range tasks[:len(tasks)-n] {
		if err := errors.Join(s.KillTask(t.FrameworkID, t.ID), s.EndTask(t.FrameworkID, t.ID, TaskKilled)); err != nil {
			return ids, err
		}
		ids = append(ids, t.ID)
	}
	return ids, nil
}

// move replaces instances by others elsewhere, and gives the new ones.
func (s *Simulation) move(a Action) (ids []string, err error) {
	tasks, err := s.findTasks(a)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		app, err := s.findApp(t.FrameworkID, t.Name)
		if err != nil {
			return ids, err
		}
		agent, err := s.emptiest(t.AgentID)
		if a.Agent != "" {
			var named Agent
			named, err = s.findAgent(a.Agent)
			agent = named.ID
		}
		if err != nil {
			return ids, err
		}
		id, err := s.LaunchApp(app, agent, true)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
		if err := errors.Join(s.KillTask(t.FrameworkID, t.ID), s.EndTask(t.FrameworkID, t.ID, TaskKilled)); err != nil {
			return ids, err
		}
	}
	return ids, nil
}

func (s *Simulation) agentAdd(a Action) ([]string, error) {
	addr, err := netip.ParseAddr(a.Address)
	if err != nil {
		return nil, fmt.Errorf("sim: the address of an agent: %w", err)
	}
	id, err := s.AddAgent(Agent{Addr: netip.AddrPortFrom(addr, 0), Hostname: a.Name})
	return []string{id}, err
}

func (s *Simulation) frameworkAdd(a Action) ([]string, error) {
	if a.Name == "" {
		return nil, errors.New("sim: a framework needs a name")
	}
	id, err := s.AddFramework(Framework{Name: a.Name, Capabilities: slices.Clone(marathonCapabilities), Checkpoint: true})
	return []string{id}, err
}
