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
	kind      string        // its type, such as TASK_ADDED
	doc       *document     // of a full state
	heartbeat time.Duration // of SUBSCRIBED: the time between two heartbeats; 0 when it does not say
	event     state.Event   // what it changes; none where it says nothing that names depend on
	known     bool          // whether it is of a type that is known here
	who       identity      // of GET_MASTER
	faults    faults
}

// errNotMessage is what a record gives that is JSON but no message.
var errNotMessage = errors.New("not a message of the operator API")

// eventDecoder reads messages of the operator API one after the other.
type eventDecoder struct {
	decoder
	message message
}

func newEventDecoder() *eventDecoder {
	return &eventDecoder{decoder: decoder{reader: newReader(nil)}}
}

// read reads one message, to its end. The part that has what the message says
// is known by its name, so that it may stand before the type.
func (d *eventDecoder) read(r io.Reader) (message, error) {
	d.Reset(r)
	d.doc = &document{v1: true}
	d.message = message{}
	if d.Kind() != '{' {
		if err := d.Skip(); err != nil {
			return message{}, err
		}
		return message{}, errNotMessage
	}
	if err := d.Object(d.part); err != nil {
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
			d.doc.faults.note("an update of a task without its id, framework or state")
			m.event.Status = nil
		}
	}
	m.faults = d.doc.faults
	m.known = m.known || m.kind == "HEARTBEAT"
	return m, nil
}

func (d *eventDecoder) part(key []byte) error {
	m := &d.message
	part := d.parts(string(key))
	if part == nil {
		if string(key) == "type" {
			return d.common(&m.kind)
		}
		return d.skip()
	}
	m.known = true
	return d.object(part)
}

// parts gives what reads the members of a part of a message.
func (d *eventDecoder) parts(key string) func([]byte) error {
	switch key {
	case "subscribed":
		return d.subscribed
	case "get_state":
		d.message.doc = d.doc
		return d.getState
	case "get_master":
		return d.getMaster
	case "task_added":
		return d.only("task", d.taskAdded)
	case "task_updated":
		return d.taskUpdated()
	case "agent_added":
		return d.only("agent", d.agentAdded)
	case "agent_removed":
		return d.only("agent_id", func() error { return d.identifier(d.common, &d.message.event.AgentGone) })
	case "framework_added", "framework_updated":
		return d.only("framework", d.frameworkAdded)
	case "framework_removed":
		return d.only("framework_info", d.frameworkRemoved)
	}
	return nil
}

// only reads one member and skips others.
func (d *eventDecoder) only(name string, read func() error) func([]byte) error {
	return func(key []byte) error {
		if string(key) == name {
			return read()
		}
		return d.skip()
	}
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
				return d.array(element)
			case string(key) == "recovered_agents":
				return d.array(d.recovered)
			case string(key) == "orphan_tasks": // see the one of a state
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
	who := &d.message.who
	switch string(key) {
	case "master_info":
		return d.object(func(key []byte) error {
			switch string(key) {
			case "id":
				return d.unique(&who.id)
			case "pid":
				var p state.UPID
				err := d.upid(&p, "the master")
				who.pid = pidOf(p)
				return err
			}
			return d.skip()
		})
	case "elected_time":
		n, _, err := d.number()
		who.elected = n
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
		d.doc.faults.note("a task without an id or a framework, name %.60q", t.Name)
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
			return d.identifier(d.common, &u.Task.Framework)
		case "state":
			err := d.common(&newest)
			if newest != "" {
				u.State = newest
			}
			return err
		case "status":
			d.statuses.reset()
			d.updating = true
			err := d.status()
			d.updating = false
			s := &d.statuses.current
			for _, kept := range []*status{&d.statuses.best, &d.statuses.starting} {
				if kept.task != "" {
					s = kept // it has an address
				}
			}
			u.Task.ID, u.AgentID, u.Health = s.task, s.agent, s.health
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
