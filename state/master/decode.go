package master

import (
	"errors"
	"fmt"
	"io"
	"net/netip"

	"toponym/state"
	"toponym/state/leader"
)

// document is what names depend on of a full state: an answer of
// `/master/state`, of GET_STATE, or the first event of a stream.
type document struct {
	pid        state.UPID // of the master that answered
	leader     state.UPID // of the master that leads; zero where none is named
	who        identity   // of the master that answered
	v1         bool       // whether it is the operator API's, which says no pids of frameworks
	agents     []*state.Agent
	recovered  []string // ids of agents that have not come back after a failover
	frameworks []*state.Framework
	tasks      []*state.Task
	faults     faults
}

// faults are the parts of a state that were left out.
type faults struct {
	count   int
	example string // what one of them was, for the log
}

// note counts a fault. Masters change the order of tasks from answer to answer,
// so the example is the first by its text: the same faults give the same one.
func (f *faults) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if f.count == 0 || text < f.example {
		f.example = text
	}
	f.count++
}

// errNotState is what an answer gives that is JSON but no state.
var errNotState = errors.New("the answer is no state of a master: it is not an object")

// decode reads the body of an answer of `/master/state`, of Mesos 0.20 and
// later. It holds no more than the parts that names need, and one value of
// the rest at a time.
func decode(body io.Reader) (*document, error) { return decodeParts(body, false) }

// decodeParts leaves the tasks out where that is wanted.
func decodeParts(body io.Reader, light bool) (*document, error) {
	d := &decoder{reader: newReader(body), doc: &document{}, light: light}
	if d.Kind() != '{' {
		if err := d.Skip(); err != nil {
			return nil, syntax(err)
		}
		return nil, errNotState
	}
	if err := d.object(d.top); err != nil {
		return nil, syntax(err)
	}
	if err := d.End(); err != nil {
		return nil, syntax(err)
	}
	if d.doc.who.pid = pidOf(d.doc.pid); d.doc.pid.IsZero() {
		d.doc.who.pid = pidOf(d.doc.leader) // who answers without a pid counts as the leader
	}
	return d.doc, nil
}

// syntax says of an error that it came from reading the body.
func syntax(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the answer is cut off")
	}
	return fmt.Errorf("reading the answer: %w", short(err))
}

// Decode reads the body of an answer of `/master/state`. Addresses are filled
// in where the state has them; host names are left alone.
func Decode(body io.Reader) (*state.FullState, error) {
	doc, err := decode(body)
	if err != nil {
		return nil, err
	}
	lead := masters(leader.Address{Host: doc.leader.Host, Port: doc.leader.Port}, nil)
	s := &state.FullState{Leader: lead.Leader, Masters: lead.All, Agents: doc.agents, Frameworks: doc.frameworks, Tasks: doc.tasks}
	literal(s)
	return s, nil
}

// decoder reads a state.
type decoder struct {
	*reader
	doc      *document
	statuses statuses     // of the task that is being read
	updating bool         // an update is being read, whose status says whose it is
	light    bool         // tasks are skipped
	addrs    []netip.Addr // of the network that is being read
}

func (d *decoder) top(key []byte) error {
	switch string(key) {
	case "id":
		return d.unique(&d.doc.who.id)
	case "elected_time":
		n, _, err := d.number()
		d.doc.who.elected = n
		return err
	case "leader":
		return d.upid(&d.doc.leader, "the leader")
	case "pid":
		return d.upid(&d.doc.pid, "the master")
	case "slaves":
		return d.array(d.agents)
	case "recovered_slaves":
		return d.array(d.recovered)
	case "frameworks":
		return d.array(d.frameworks)
	case "orphan_tasks": // of frameworks that have not come back, before Mesos 1.2
		if !d.light {
			return d.array(d.tasks)
		}
	}
	return d.skip()
}

func (d *decoder) upid(p *state.UPID, whose string) error {
	b, err := d.bytes()
	if err != nil || len(b) == 0 {
		return err
	}
	u, perr := state.ParseUPID(string(b))
	if perr != nil {
		d.doc.faults.note("pid of %s: %v", whose, perr)
		return nil
	}
	*p = u
	return nil
}

// agents reads one agent of a list.
func (d *decoder) agents() error {
	a, err := d.wholeAgent()
	if a != nil {
		d.doc.agents = append(d.doc.agents, a)
	}
	return err
}

// wholeAgent reads an agent; it is nil where it has no id.
func (d *decoder) wholeAgent() (*state.Agent, error) {
	a := &state.Agent{}
	if err := d.agent(a); err != nil {
		return nil, err
	}
	if a.ID == "" {
		d.doc.faults.note("an agent without an id")
		return nil, nil
	}
	return a, nil
}

// agent reads an agent of either API: the operator API has most of it inside
// of its agent_info.
func (d *decoder) agent(a *state.Agent) error {
	return d.object(func(key []byte) error {
		switch string(key) {
		case "agent_info":
			return d.agent(a)
		case "id":
			return d.identifier(d.unique, &a.ID)
		case "hostname":
			return d.unique(&a.Hostname)
		case "pid":
			return d.upid(&a.PID, "agent "+a.ID)
		}
		return d.skip()
	})
}

// recovered reads one agent of the list of those that have not come back.
func (d *decoder) recovered() error {
	var a state.Agent
	err := d.agent(&a)
	if err == nil && a.ID != "" {
		d.doc.recovered = append(d.doc.recovered, a.ID)
	}
	return err
}

// frameworks reads one framework of a list.
func (d *decoder) frameworks() error {
	first := len(d.doc.tasks)
	f, err := d.wholeFramework()
	if err != nil {
		return err
	}
	if f == nil {
		d.doc.tasks = d.doc.tasks[:first]
		return nil
	}
	// A task belongs to the framework in which it stands.
	for _, t := range d.doc.tasks[first:] {
		t.Key.Framework = f.ID
	}
	d.doc.frameworks = append(d.doc.frameworks, f)
	return nil
}

// wholeFramework reads a framework; it is nil where it has no id.
func (d *decoder) wholeFramework() (*state.Framework, error) {
	f := &state.Framework{}
	if err := d.framework(f); err != nil {
		return nil, err
	}
	if f.ID == "" {
		d.doc.faults.note("a framework without an id")
		return nil, nil
	}
	return f, nil
}

// framework reads a framework of either API.
func (d *decoder) framework(f *state.Framework) error {
	return d.object(func(key []byte) error {
		switch string(key) {
		case "framework_info":
			return d.framework(f)
		case "id":
			return d.identifier(d.common, &f.ID)
		case "name":
			return d.unique(&f.Name)
		case "hostname":
			return d.unique(&f.Hostname)
		case "pid":
			return d.upid(&f.PID, "framework "+f.ID)
		case "tasks":
			if !d.light {
				return d.array(d.tasks)
			}
		}
		return d.skip()
	})
}
