package master

import (
	"errors"
	"io"
	"time"

	"toponym/state"
)

// message is one answer or event of the operator API (master.proto, Response
// and Event).
type message struct {
	kind       string        // its type as the master wrote it, such as TASK_ADDED
	known      string        // the same where the type is known here, else empty
	doc        *document     // of a full state
	heartbeat  time.Duration // of SUBSCRIBED: the time between two heartbeats; 0 where it is not given
	event      state.Event   // what it changes; zero where names do not depend on it
	leadership state.Leadership
	issues     decodeIssues

	agentRemoved bool // it updates a task whose agent was removed, which no event reports
}

// errNotMessage is the error for a record that is JSON but no message.
var errNotMessage = errors.New("not a message of the operator API")

// eventDecoder reads messages of the operator API, one after the other.
type eventDecoder struct {
	decoder
	message message
}

func newEventDecoder(keepLabels ...string) *eventDecoder {
	return &eventDecoder{decoder: newDecoder(nil, keepLabels)}
}

// read reads one message, to its end. What it says is in a member named after
// its type, which may stand before the type.
func (d *eventDecoder) read(r io.Reader) (message, error) {
	d.Reset(r)
	defer d.stopParallel()
	if d.doc == nil || d.message.doc != nil { // else nobody has the last one
		d.doc = &document{}
	}
	*d.doc = document{FullState: state.FullState{AfterRecovery: true}}
	d.message = message{}
	if d.Kind() != '{' {
		if err := d.Skip(); err != nil {
			return message{}, err
		}
		return message{}, errNotMessage
	}
	if err := d.Object(d.member); err != nil {
		return message{}, err
	}
	if err := d.End(); err != nil {
		return message{}, err
	}
	m := d.message
	if m.kind == "" {
		return message{}, errNotMessage
	}
	if u := m.event.Status; u != nil {
		u.Addresses = d.statuses.addresses(u.State).clone()
		if u.Task.ID == "" || u.Task.Framework == "" || u.State == "" {
			d.doc.issues.add("an update of a task without its id, framework or state")
			m.event.Status = nil
		}
	}
	m.issues = d.doc.issues
	if m.kind == heartbeat {
		m.known = heartbeat
	}
	return m, nil
}

// heartbeat is the type of events that have no member of their own.
const heartbeat = "HEARTBEAT"

func (d *eventDecoder) member(key []byte) error {
	m := &d.message
	known, read := d.memberReader(string(key))
	if read == nil {
		if string(key) == "type" {
			return d.internedString(&m.kind)
		}
		return d.skip()
	}
	m.known = known
	return d.object(read)
}

// memberReader returns the type of messages with that member, and what reads
// the members of the member. It returns nil for other members.
func (d *eventDecoder) memberReader(key string) (known string, read func([]byte) error) {
	event := &d.message.event
	switch key {
	case "subscribed":
		return "SUBSCRIBED", d.subscribed
	case "get_state":
		d.message.doc = d.doc
		return "GET_STATE", d.getState
	case "get_master":
		return "GET_MASTER", d.getMaster
	case "task_added":
		return "TASK_ADDED", d.only("task", d.taskAdded)
	case "task_updated":
		return "TASK_UPDATED", d.taskUpdated()
	case "agent_added":
		return "AGENT_ADDED", d.only("agent", d.agentAdded)
	case "agent_removed":
		return "AGENT_REMOVED", d.only("agent_id", func() error { return d.identifier(d.internedString, &event.AgentGone) })
	case "framework_added":
		return "FRAMEWORK_ADDED", d.only("framework", d.frameworkAdded)
	case "framework_updated":
		return "FRAMEWORK_UPDATED", d.only("framework", d.frameworkAdded)
	case "framework_removed":
		return "FRAMEWORK_REMOVED", d.only("framework_info", d.frameworkRemoved)
	}
	return "", nil
}

func (d *eventDecoder) subscribed(key []byte) error {
	switch string(key) {
	case "get_state":
		d.message.doc = d.doc
		return d.object(d.getState)
	case "heartbeat_interval_seconds":
		n, _, err := d.number()
		if n > 0 && n < 1e6 {
			d.message.heartbeat = time.Duration(n * float64(time.Second))
		}
		return err
	}
	return d.skip()
}

// getState reads a full state in the shape of the operator API.
func (d *eventDecoder) getState(key []byte) error {
	list := func(name string, element func() error) error {
		return d.object(func(key []byte) error {
			switch {
			case string(key) == name:
				return d.wholeList(name, element)
			case string(key) == "recovered_agents":
				return d.recoveredAgents()
			case string(key) == "orphan_tasks": // as in a state
				return d.array(d.tasks)
			}
			return d.skip()
		})
	}
	switch string(key) {
	case "get_tasks":
		return list("tasks", d.tasks)
	case "get_frameworks":
		return list("frameworks", d.frameworks)
	case "get_agents":
		return list("agents", d.agents)
	}
	return d.skip()
}

func (d *eventDecoder) getMaster(key []byte) error {
	who := &d.message.leadership
	switch string(key) {
	case "master_info":
		return d.object(func(key []byte) error {
			switch string(key) {
			case "id":
				return d.plainString(&who.ID)
			case "pid":
				var p state.UPID
				err := d.upid(&p, "master", "")
				who.PID = hostPort(p)
				return err
			}
			return d.skip()
		})
	case "elected_time":
		n, _, err := d.number()
		who.Elected = n
		return err
	}
	return d.skip()
}

func (d *eventDecoder) taskAdded() error {
	t := &state.Task{}
	if err := d.task(t); err != nil {
		return err
	}
	if t.Key.ID == "" || t.Key.Framework == "" {
		d.doc.issues.add("a task without an id or a framework, name %.60q", t.Name)
		return nil
	}
	d.message.event.Task = t
	return nil
}

// taskUpdated reads an update. Its state is newer than that of its status.
func (d *eventDecoder) taskUpdated() func([]byte) error {
	u := &state.Status{}
	d.message.event.Status = u
	newest := ""
	return func(key []byte) error {
		switch string(key) {
		case "framework_id":
			return d.identifier(d.internedString, &u.Task.Framework)
		case "state":
			err := d.internedString(&newest)
			if newest != "" {
				u.State = newest
			}
			return err
		case "status":
			d.statuses.reset()
			d.taskID, d.full = "", false
			d.inUpdate = true
			err := d.status()
			d.inUpdate = false
			s := &d.statuses.current
			for _, kept := range []*status{&d.statuses.running, &d.statuses.starting} {
				if kept.task != "" {
					s = kept // it has an address
				}
			}
			u.Task.ID, u.AgentID, u.Health, u.Since = s.task, s.agent, s.health, wholeSeconds(s.timestamp)
			d.message.agentRemoved = s.agentRemoved
			if newest == "" {
				u.State = s.state
			}
			return err
		}
		return d.skip()
	}
}

func (d *eventDecoder) agentAdded() error {
	a, err := d.wholeAgent()
	d.message.event.Agent = a
	return err
}

func (d *eventDecoder) frameworkAdded() error {
	f, err := d.wholeFramework()
	d.message.event.Framework = f
	return err
}

func (d *eventDecoder) frameworkRemoved() error {
	var f state.Framework
	err := d.framework(&f)
	d.message.event.FrameworkGone = f.ID
	return err
}
