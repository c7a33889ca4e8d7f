package scenario

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"toponym/sim"
	"toponym/sim/marathon"
)

// Action is a change of a simulation: a step of a scenario, or a request to the
// control API. Which fields are used depends on Do.
type Action struct {
	// Do is one of the names in actions.
	Do string `json:"do" yaml:"do"`
	// Framework is an id or a name. It can be omitted if there is only one, or if
	// the task or the app determines it.
	Framework string `json:"framework,omitempty" yaml:"framework"`
	// Agent is an id, a host name or an address.
	Agent string `json:"agent,omitempty" yaml:"agent"`
	// App is the id of an app or the name of its tasks; Task is the id of a task.
	App  string `json:"app,omitempty" yaml:"app"`
	Task string `json:"task,omitempty" yaml:"task"`
	// Count is the number of instances or, counted from the oldest, of the app's tasks.
	Count int `json:"count,omitempty" yaml:"count"`
	// State is the state in which a task ends, by default TASK_FINISHED.
	State string `json:"state,omitempty" yaml:"state"`
	// Healthy is the result of a health check.
	Healthy bool `json:"healthy,omitempty" yaml:"healthy"`
	// Name and Address are those of an agent or framework that is added.
	Name    string `json:"name,omitempty" yaml:"name"`
	Address string `json:"address,omitempty" yaml:"address"`
	// Master is the number of a master, by default the leader.
	Master *int `json:"master,omitempty" yaml:"master"`
	// Tasks and Agents are changes per second.
	Tasks  float64 `json:"tasks,omitempty" yaml:"tasks"`
	Agents float64 `json:"agents,omitempty" yaml:"agents"`
}

// actions are the actions by name. They return the ids of what they changed.
var actions = map[string]func(s *Simulation, a Action) ([]string, error){
	// Tasks, of an app or by id.
	"start":  func(s *Simulation, a Action) ([]string, error) { return s.start(a, true) },
	"launch": func(s *Simulation, a Action) ([]string, error) { return s.start(a, false) },
	"scale":  (*Simulation).scale,
	"move":   (*Simulation).move,
	"advance": eachTask(func(c *sim.Cluster, t sim.Task, _ Action) error {
		_, err := c.AdvanceTask(t.FrameworkID, t.ID)
		return err
	}),
	"health": eachTask(func(c *sim.Cluster, t sim.Task, a Action) error { return c.SetHealth(t.FrameworkID, t.ID, a.Healthy) }),
	"kill":   eachTask(func(c *sim.Cluster, t sim.Task, _ Action) error { return c.KillTask(t.FrameworkID, t.ID) }),
	"end":    eachTask(func(c *sim.Cluster, t sim.Task, a Action) error { return c.EndTask(t.FrameworkID, t.ID, a.endState()) }),
	"finish": eachTask(func(c *sim.Cluster, t sim.Task, a Action) error {
		return c.FinishTask(t.FrameworkID, t.ID, a.endState())
	}),

	"agent-add":         (*Simulation).agentAdd,
	"agent-unreachable": oneAgent((*sim.Cluster).MarkUnreachable),
	"agent-return":      oneAgent((*sim.Cluster).Reregister),
	"agent-remove":      oneAgent((*sim.Cluster).RemoveAgent),
	"agent-gone":        oneAgent((*sim.Cluster).MarkGone),
	"agent-deactivate":  oneAgent(func(c *sim.Cluster, id string) error { return c.SetDeactivated(id, true) }),
	"agent-activate":    oneAgent(func(c *sim.Cluster, id string) error { return c.SetDeactivated(id, false) }),

	"framework-add":        (*Simulation).frameworkAdd,
	"framework-disconnect": oneFramework(func(c *sim.Cluster, id string) error { return c.SetConnected(id, false) }),
	"framework-connect":    oneFramework(func(c *sim.Cluster, id string) error { return c.SetConnected(id, true) }),
	"framework-remove":     oneFramework((*sim.Cluster).RemoveFramework),

	// Only mesos-sim has masters that can die, see SetAction.
	"master-kill":   processAction,
	"master-start":  processAction,
	"master-freeze": processAction,
	"master-thaw":   processAction,
	"streams-break": oneMaster((*sim.Master).BreakStreams),
	"streams-close": oneMaster((*sim.Master).CloseStreams),

	"churn": func(s *Simulation, a Action) ([]string, error) { s.life.SetRates(a.Tasks, a.Agents); return nil, nil },
}

// Do performs an action and returns the ids of what it changed, also if an error
// ended it halfway.
func (s *Simulation) Do(a Action) ([]string, error) {
	do, ok := actions[a.Do]
	if !ok {
		return nil, fmt.Errorf("there is no action %q; GET /sim/actions lists them", a.Do)
	}
	return do(s, a)
}

func (a Action) endState() string {
	if a.State == "" {
		return sim.TaskFinished
	}
	return a.State
}

func eachTask(do func(*sim.Cluster, sim.Task, Action) error) func(*Simulation, Action) ([]string, error) {
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

func oneAgent(do func(*sim.Cluster, string) error) func(*Simulation, Action) ([]string, error) {
	return func(s *Simulation, a Action) ([]string, error) {
		agent, err := s.findAgent(a.Agent)
		if err != nil {
			return nil, err
		}
		return []string{agent.ID}, do(s.Cluster, agent.ID)
	}
}

func oneFramework(do func(*sim.Cluster, string) error) func(*Simulation, Action) ([]string, error) {
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
		return nil, fmt.Errorf("%s: the master of this program is not a separate process; only the masters of mesos-sim are", a.Do)
	}
	return do(a)
}

func oneMaster(do func(*sim.Master)) func(*Simulation, Action) ([]string, error) {
	return func(s *Simulation, a Action) ([]string, error) {
		all, i := s.listMasters()
		if a.Master != nil {
			i = *a.Master
		}
		if i < 0 || i >= len(all) {
			return nil, fmt.Errorf("no master %d", i)
		}
		do(all[i])
		return nil, nil
	}
}

// start starts instances, on the named agent or where there is room.
func (s *Simulation) start(a Action, running bool) ([]string, error) {
	m, app, err := s.findApp(a.Framework, a.App)
	if err != nil {
		return nil, err
	}
	agent, err := s.agentOf(a)
	if err != nil {
		return nil, err
	}
	return m.Start(app.ID, max(a.Count, 1), agent, running)
}

// agentOf returns the id of the agent that an action names, or "".
func (s *Simulation) agentOf(a Action) (string, error) {
	if a.Agent == "" {
		return "", nil
	}
	named, err := s.findAgent(a.Agent)
	return named.ID, err
}

// scale changes the number of instances of an app.
func (s *Simulation) scale(a Action) ([]string, error) {
	m, app, err := s.findApp(a.Framework, a.App)
	if err != nil {
		return nil, err
	}
	return nil, m.Scale(app.ID, a.Count)
}

// move replaces instances by others on other agents, and returns the new tasks.
func (s *Simulation) move(a Action) (ids []string, err error) {
	tasks, err := s.findTasks(a)
	if err != nil {
		return nil, err
	}
	agent, err := s.agentOf(a)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks {
		m := s.scheduler(t.FrameworkID)
		if m == nil {
			return ids, fmt.Errorf("task %q has no scheduler that could move it", t.ID)
		}
		next, err := m.Move(t.ID, agent)
		if err != nil {
			return ids, err
		}
		ids = append(ids, next...)
	}
	return ids, nil
}

func (s *Simulation) agentAdd(a Action) ([]string, error) {
	addr, err := netip.ParseAddr(a.Address)
	if err != nil {
		return nil, fmt.Errorf("the address of an agent: %w", err)
	}
	id, err := s.AddAgent(sim.Agent{Addr: netip.AddrPortFrom(addr, 0), Hostname: a.Name})
	return []string{id}, err
}

func (s *Simulation) frameworkAdd(a Action) ([]string, error) {
	if a.Name == "" {
		return nil, errors.New("a framework needs a name")
	}
	id, err := s.AddFramework(sim.Framework{Name: a.Name, Capabilities: slices.Clone(marathon.Capabilities), Checkpoint: true})
	return []string{id}, err
}
