package records

import (
	"errors"
	"fmt"
	"slices"

	"toponym/state"
)

// Why a task has no names, or a port no records.
var (
	errUnknownAgent     = errors.New("its agent is not known")
	errUnknownFramework = errors.New("its framework is not known")
	errVisibility       = errors.New("its visibility is less than minVisibility")
	errNowhere          = errors.New("no address is known on the network of this port")
)

// work is a task whose records may be others than before. The task is nil when
// it has gone.
type work struct {
	key  state.TaskKey
	task *state.Task
}

// ownerOf finds what the names of a task depend on. Only tasks in a published
// state, and on a known agent, have names.
func (s *Set) ownerOf(c *state.Cluster, t *state.Task) (owner, bool) {
	if t == nil || !s.maker.published(t) {
		return owner{}, false
	}
	o := owner{task: t, framework: c.Framework(t.Key.Framework), agent: c.Agent(t.AgentID)}
	return o, o.framework != nil && o.agent != nil
}

// published reports whether a task's state and visibility are ones that have
// names.
func (m *maker) published(t *state.Task) bool { return m.publishedState(t) && m.publishedTo(t) }

func (m *maker) publishedState(t *state.Task) bool {
	if len(m.o.States) == 0 {
		return t.Running()
	}
	return slices.Contains(m.o.States, t.State)
}

// publishedTo reports whether a task may be seen from as far as the options
// ask for. One without DiscoveryInfo says nothing about that, which Mesos takes
// for the narrowest.
func (m *maker) publishedTo(t *state.Task) bool {
	if t.Discovery == nil {
		return m.visible()
	}
	return m.visible(t.Discovery.Visibility)
}

// note keeps the tasks that have no names, so that it can be told why.
func (s *Set) note(w work, named bool) {
	if w.task != nil && !named {
		s.nameless[w.key] = w.task
	} else if len(s.nameless) > 0 {
		delete(s.nameless, w.key)
	}
}

// whyNameless says why a task has no names.
func (s *Set) whyNameless(t *state.Task) error {
	switch {
	case !s.maker.publishedState(t):
		return fmt.Errorf("its state is %s", t.State)
	case !s.maker.publishedTo(t):
		return errVisibility
	case s.frameworks[t.Key.Framework] == nil:
		return errUnknownFramework
	}
	return errUnknownAgent
}
