package master

import (
	"maps"

	"toponym/state"
)

// journal is what a stream has told of while a full state was asked for. The
// state may have been made before these events or after them, and does not say
// so. Of what the stream has told of, the stream is right: if the state is the
// newer one, the stream will come to that. Of the rest the state is right.
type journal struct {
	tasks              map[state.TaskKey]struct{}
	agents, frameworks map[string]bool
	went               map[string]bool // those of them that went, and may be there again
	// News of tasks that were not known then: the state may bring them.
	statuses map[state.TaskKey][]*state.Status
}

func newJournal() *journal {
	return &journal{tasks: map[state.TaskKey]struct{}{}, agents: map[string]bool{}, frameworks: map[string]bool{}, went: map[string]bool{},
		statuses: map[state.TaskKey][]*state.Status{}}
}

// note takes an event of the stream down. It is for a nil journal too.
func (j *journal) note(e state.Event, c *state.Cluster) {
	switch {
	case j == nil:
	case e.Task != nil:
		j.tasks[e.Task.Key] = struct{}{}
		delete(j.statuses, e.Task.Key)
	case e.Status != nil:
		if k := e.Status.Task; c.Task(k) == nil {
			j.statuses[k] = append(j.statuses[k], e.Status)
		} else {
			j.tasks[k] = struct{}{}
		}
	case e.Agent != nil:
		j.agents[e.Agent.ID] = true
	case e.AgentGone != "":
		j.agents[e.AgentGone], j.went[e.AgentGone] = true, true
	case e.Framework != nil:
		j.frameworks[e.Framework.ID] = true
	case e.FrameworkGone != "":
		j.frameworks[e.FrameworkGone], j.went[e.FrameworkGone] = true, true
	}
}

// rest are the events that correct did not know where to put. They are to be
// applied after the state.
func (j *journal) rest() (events []state.Event) {
	for _, statuses := range j.statuses {
		for _, s := range statuses {
			events = append(events, state.Event{Status: s})
		}
	}
	return events
}

// told reports whether the stream has told of a task, so that a state says
// nothing of it.
func (j *journal) told(t *state.Task) bool {
	_, told := j.tasks[t.Key]
	return told || j.went[t.Key.Framework] || j.went[t.AgentID]
}

// correct gives a state with what the journal has of agents and frameworks in
// the place of what the state says of them, as the cluster knows them by now.
func (j *journal) correct(s said, c *state.Cluster) said {
	out := *s.FullState
	out.Agents, out.Frameworks = nil, nil
	s.later = maps.Clone(j.agents)
	for _, a := range s.Agents {
		delete(s.later, a.ID)
		if !j.agents[a.ID] {
			out.Agents = append(out.Agents, a)
		}
	}
	for id := range j.agents {
		if a := c.Agent(id); a != nil {
			out.Agents = append(out.Agents, a)
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
	s.FullState = &out
	return s
}
