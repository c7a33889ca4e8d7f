package records

import (
	"errors"
	"fmt"
	"slices"

	"toponym/state"
)

// owner is a task that has names, with everything its records depend on.
type owner struct {
	task       *state.Task
	framework  *state.Framework
	agent      *state.Agent
	suppressed nameBits // shared names that it must not use
	refused    nameBits // those of them that it must not use whatever other tasks do
	maxRecords int32    // number of records that it may own; 0 if it wants no more than that
	weight
}

// weight is how many records a task wants to own, and what that depends on.
type weight struct {
	wanted int32 // estimate, see wantedRecords
	apart  bool  // several frameworks have the name of the task's, see subsets.go
}

// Reasons why a task has no names.
var (
	errUnknownAgent     = errors.New("the agent of the task is unknown")
	errUnknownFramework = errors.New("the framework of the task is unknown")
	errVisibility       = errors.New("its visibility is less than minVisibility")
)

// ownerOf returns what the records of a task depend on. It returns false if the
// task has no names: only tasks in a published state, with a known agent and
// framework, have any.
func (s *Set) ownerOf(c *state.Cluster, t *state.Task) (owner, bool) {
	if t == nil || !s.generator.o.publishes(t) {
		return owner{}, false
	}
	o := owner{task: t, framework: c.Framework(t.Key.Framework), agent: c.Agent(t.AgentID)}
	return o, o.framework != nil && o.agent != nil
}

// publishes reports whether the state and the visibility of a task allow it to
// have names.
func (o *Options) publishes(t *state.Task) bool { return o.publishesState(t) && o.publishesTo(t) }

func (o *Options) publishesState(t *state.Task) bool {
	if len(o.States) == 0 {
		return t.Running()
	}
	return slices.Contains(o.States, t.State)
}

// publishesTo compares the visibility of a task with MinVisibility. Like Mesos,
// it takes a task without DiscoveryInfo for the narrowest.
func (o *Options) publishesTo(t *state.Task) bool {
	if t.Discovery == nil {
		return o.visible()
	}
	return o.visible(t.Discovery.Visibility)
}

// publishesPort reports whether a port of a task's DiscoveryInfo has records.
func (o *Options) publishesPort(t *state.Task, p *state.DiscoveryPort) bool {
	return o.visible(p.Visibility, t.Discovery.Visibility) && (p.Number != 0 || o.Scope == ScopeCompat)
}

// visible reports whether the first value that is not empty is at least
// MinVisibility. A value that Mesos does not define counts as the narrowest.
func (o *Options) visible(values ...string) bool {
	if o.MinVisibility == VisibleFramework {
		return true
	}
	for _, s := range values {
		if s != "" {
			v, err := ParseVisibility(s)
			return err == nil && v >= o.MinVisibility
		}
	}
	return false
}

// whyUnpublished returns the reason why a task has no names.
func (s *Set) whyUnpublished(t *state.Task) error {
	switch {
	case !s.generator.o.publishesState(t):
		return fmt.Errorf("its state is %s", t.State)
	case !s.generator.o.publishesTo(t):
		return errVisibility
	case s.frameworks[t.Key.Framework].Framework == nil:
		return errUnknownFramework
	}
	return errUnknownAgent
}
