package master

import "toponym/state"

// journal is what a stream has told of while a full state was asked for. The
// state may have been made before these events or after them, and does not say
// so. Of what the stream has told of, the stream is right: if the state is the
// newer one, the stream will come to that. Of the rest the state is right.
type journal struct {
	tasks              map[state.TaskKey]struct{}
	agents, frameworks map[string]bool
	// News of tasks that were not known then: the state may bring them.
	statuses []*state.Status
}

func newJournal() *journal {
	return &journal{tasks: map[state.TaskKey]struct{}{}, agents: map[string]bool{}, frameworks: map[string]bool{}}
}

// note takes an event of the stream down. It is for a nil journal too.
func (j *journal) note(e state.Event, c *state.Cluster) {
	switch {
	case j == nil:
	case e.Task != nil:
		j.tasks[e.Task.Key] = struct{}{}
	case e.Status != nil:
		if c.Task(e.Status.Task) == nil {
			j.statuses = append(j.statuses, e.Status)
		} else {
			j.tasks[e.Status.Task] = struct{}{}
		}
	case e.Agent != nil:
		j.agents[e.Agent.ID] = true
	case e.AgentGone != "":
		j.agents[e.AgentGone] = true
	case e.Framework != nil:
		j.frameworks[e.Framework.ID] = true
	case e.FrameworkGone != "":
		j.frameworks[e.FrameworkGone] = true
	}
}

// correct gives a state with what the journal has in the place of what the
// state says of it, as the cluster knows it by now.
func (j *journal) correct(s said, c *state.Cluster) said {
	out := state.Snapshot{Leader: s.Leader, Masters: s.Masters}
	for _, t := range s.Tasks {
		_, task := j.tasks[t.Key]
		framework := j.frameworks[t.Key.Framework] && c.Framework(t.Key.Framework) == nil
		if !task && !framework && !j.agents[t.AgentID] {
			out.Tasks = append(out.Tasks, t)
		}
	}
	for k := range j.tasks {
		if t := c.Task(k); t != nil {
			out.Tasks = append(out.Tasks, t)
		}
	}
	for _, a := range s.Agents {
		if !j.agents[a.ID] {
			out.Agents = append(out.Agents, a)
		}
	}
	for id := range j.agents {
		if a := c.Agent(id); a != nil {
			out.Agents = append(out.Agents, a)
		}
		for t := range c.TasksOn(id) {
			if _, done := j.tasks[t.Key]; !done {
				out.Tasks = append(out.Tasks, t)
			}
		}
	}
	for _, f := range s.Frameworks {
		if !j.frameworks[f.ID] {
			out.Frameworks = append(out.Frameworks, f)
		}
	}
	for id := range j.frameworks {
		if f := c.Framework(id); f != nil {
			out.Frameworks = append(out.Frameworks, f)
		}
	}
	s.Snapshot, s.later = &out, j.agents
	return s
}
