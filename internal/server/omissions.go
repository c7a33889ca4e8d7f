package server

import (
	"errors"
	"slices"
	"time"

	"toponym/api"
	"toponym/records"
	"toponym/state"
)

// maxOmissions bounds the omissions that the status lists.
const maxOmissions = 100

// omissionList keeps the last omissions for people who look at the status. Unlike a
// line of the log, one stays as long as its task does.
type omissionList struct {
	list []api.OmissionStatus // oldest first
}

// add adds omissions. One that is listed already moves to the end.
func (l *omissionList) add(omitted []records.Omission, now time.Time) {
	for _, o := range omitted[max(0, len(omitted)-maxOmissions):] {
		st := api.OmissionStatus{Framework: o.Framework, Task: o.Task.ID, Label: o.Label, Value: o.Value, Reason: o.Reason.Error(),
			Usual: errors.As(o.Reason, new(records.AgentNetworkError))}
		if o.Task.Framework != "" {
			st.Framework = o.Task.Framework
		}
		l.list = slices.DeleteFunc(l.list, func(one api.OmissionStatus) bool { one.Time = st.Time; return one == st })
		st.Time = now
		l.list = append(l.list, st)
	}
	if more := len(l.list) - maxOmissions; more > 0 {
		l.list = slices.Delete(l.list, 0, more)
	}
}

// status lists the omissions of tasks that are still there, the newest first.
func (l *omissionList) status(hasTask func(state.TaskKey) bool) []api.OmissionStatus {
	list := slices.DeleteFunc(slices.Clone(l.list), func(o api.OmissionStatus) bool {
		return o.Task != "" && !hasTask(state.TaskKey{Framework: o.Framework, ID: o.Task})
	})
	slices.Reverse(list)
	return list
}

// warnings returns what could not be published of the cluster, and how many agents
// are retained.
func (p *pipeline) warnings() (omitted []api.OmissionStatus, retainedAgents int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	omitted = p.recent.status(p.set.HasTask)
	for i := range omitted {
		omitted[i].FrameworkName = p.frameworkName(omitted[i].Framework)
	}
	return omitted, p.replica.Retained()
}
