package master

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"toponym/state"
)

// agents reads one agent of a list.
func (d *decoder) agents() error {
	a, err := d.wholeAgent()
	if a != nil {
		d.doc.Agents = append(d.doc.Agents, a)
	}
	return err
}

// wholeAgent reads an agent. It is nil where the agent has no id.
func (d *decoder) wholeAgent() (*state.Agent, error) {
	a := &state.Agent{}
	if err := d.agent(a); err != nil {
		return nil, err
	}
	if a.ID == "" {
		d.doc.issues.add("an agent without an id")
		return nil, nil
	}
	return a, nil
}

// agent reads an agent of either API. The operator API has most of it in
// agent_info.
func (d *decoder) agent(a *state.Agent) error {
	return d.object(func(key []byte) error {
		switch string(key) {
		case "agent_info":
			return d.agent(a)
		case "id":
			return d.identifier(d.plainString, &a.ID)
		case "hostname":
			return d.plainString(&a.Hostname)
		case "pid":
			return d.upid(&a.PID, "agent", a.ID)
		case "domain":
			return d.faultDomain(a)
		case "attributes":
			return d.attributes(a)
		}
		return d.skip()
	})
}

// faultDomain reads the DomainInfo of an agent.
func (d *decoder) faultDomain(a *state.Agent) error {
	named := func(to *string) error {
		return d.onlyMember("name", func() error { return d.internedString(to) })
	}
	return d.onlyMember("fault_domain", func() error {
		return d.object(func(key []byte) error {
			switch string(key) {
			case "region":
				return named(&a.Region)
			case "zone":
				return named(&a.Zone)
			}
			return d.skip()
		})
	})
}

// Bounds of the attributes of an agent and of the roles of a framework. What
// exceeds them is skipped.
const (
	maxAttributes     = 256
	maxAttributeBytes = 16 << 10 // of their names and values
	maxRoles          = 256
)

// attributes reads the attributes of an agent: an object in a state, where a name
// may repeat, and a list in the operator API.
func (d *decoder) attributes(a *state.Agent) error {
	a.Attributes = nil
	size, full := 0, false
	add := func(name, value string) {
		size += len(name) + len(value)
		switch {
		case name == "" || value == "":
		case len(a.Attributes) < maxAttributes && size <= maxAttributeBytes:
			a.Attributes = append(a.Attributes, state.Attribute{Name: name, Value: value})
		case !full:
			full = true
			d.doc.issues.add("agent %.60q has more than %d attributes or %d bytes of them", a.ID, maxAttributes, maxAttributeBytes)
		}
	}
	var err error
	if d.Kind() == '[' {
		err = d.array(func() error {
			var name, value string
			err := d.attribute(&name, &value)
			add(name, value)
			return err
		})
	} else {
		err = d.object(func(key []byte) error {
			name := ""
			if len(key) <= maxKept {
				name = d.intern(key)
			}
			value, err := d.scalarText()
			add(name, value)
			return err
		})
	}
	slices.SortStableFunc(a.Attributes, func(a, b state.Attribute) int { return strings.Compare(a.Name, b.Name) })
	return err
}

// scalarText reads a string, or a number as text.
func (d *decoder) scalarText() (text string, err error) {
	if d.Kind() == '"' {
		err = d.internedString(&text)
		return text, err
	}
	n, ok, err := d.number()
	if ok {
		text = formatNumber(n)
	}
	return text, err
}

func formatNumber(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

// attribute reads an attribute of the operator API, with its value in the form
// that a state has (type_utils.cpp, attributes.cpp of Mesos).
func (d *decoder) attribute(name, value *string) error {
	return d.object(func(key []byte) error {
		switch string(key) {
		case "name":
			return d.internedString(name)
		case "text":
			return d.onlyMember("value", func() error { return d.internedString(value) })
		case "scalar":
			return d.onlyMember("value", func() error {
				n, ok, err := d.number()
				if ok {
					*value = formatNumber(n)
				}
				return err
			})
		case "ranges":
			list := textList{open: "[", end: "]"}
			err := d.onlyMember("range", func() error {
				return d.array(func() error {
					begin, end := math.NaN(), math.NaN()
					err := d.object(func(key []byte) (err error) {
						switch string(key) {
						case "begin":
							begin, _, err = d.number()
							return err
						case "end":
							end, _, err = d.number()
							return err
						}
						return d.skip()
					})
					list.add(formatNumber(begin) + "-" + formatNumber(end))
					return err
				})
			})
			*value = list.String()
			return err
		case "set":
			list := textList{open: "{", end: "}"}
			err := d.onlyMember("item", func() error {
				return d.array(func() error {
					var item string
					err := d.internedString(&item)
					list.add(item)
					return err
				})
			})
			*value = list.String()
			return err
		}
		return d.skip()
	})
}

// onlyMember reads one member of an object and skips the others.
func (d *decoder) onlyMember(name string, read func() error) error {
	return d.object(d.only(name, read))
}

// only returns what reads one member of an object and skips the others.
func (d *decoder) only(name string, read func() error) func(key []byte) error {
	return func(key []byte) error {
		if string(key) == name {
			return read()
		}
		return d.skip()
	}
}

// textList is ranges or a set as Mesos writes them.
type textList struct {
	open, end string
	b         strings.Builder
}

// add adds an item, unless the list is too long to be kept.
func (l *textList) add(item string) {
	if l.b.Len() > maxKept {
		return
	}
	if l.b.Len() > 0 {
		l.b.WriteString(", ")
	}
	l.b.WriteString(item)
}

// String returns the list; it is empty for one that is too long.
func (l *textList) String() string {
	if l.b.Len() > maxKept {
		return ""
	}
	return l.open + l.b.String() + l.end
}

// recoveredAgents reads the list of agents that have not registered yet.
func (d *decoder) recoveredAgents() error {
	d.doc.ListsRecovered = d.doc.ListsRecovered || d.Kind() == '['
	return d.array(func() error {
		var a state.Agent
		err := d.agent(&a)
		if err == nil && a.ID != "" {
			d.doc.Recovered = append(d.doc.Recovered, a.ID)
		}
		return err
	})
}

// frameworks reads one framework of a list.
func (d *decoder) frameworks() error {
	first := len(d.doc.Tasks)
	f, err := d.wholeFramework()
	if err != nil {
		return err
	}
	if f == nil {
		d.doc.Tasks = d.doc.Tasks[:first]
		return nil
	}
	// A task belongs to the framework in which it stands.
	for _, t := range d.doc.Tasks[first:] {
		t.Key.Framework = f.ID
	}
	d.doc.Frameworks = append(d.doc.Frameworks, f)
	return nil
}

// wholeFramework reads a framework. It is nil where the framework has no id.
func (d *decoder) wholeFramework() (*state.Framework, error) {
	f := &state.Framework{}
	if err := d.framework(f); err != nil {
		return nil, err
	}
	if f.ID == "" {
		d.doc.issues.add("a framework without an id")
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
			return d.identifier(d.internedString, &f.ID)
		case "name":
			return d.plainString(&f.Name)
		case "hostname":
			return d.plainString(&f.Hostname)
		case "pid":
			return d.upid(&f.PID, "framework", f.ID)
		case "role":
			return d.role(f)
		case "roles":
			return d.array(func() error { return d.role(f) })
		case "tasks":
			if !d.withoutTasks {
				return d.array(d.tasks)
			}
		}
		return d.skip()
	})
}

// role reads a role of a framework. The list is sorted, without repetitions, and
// has the first maxRoles.
func (d *decoder) role(f *state.Framework) error {
	role := ""
	err := d.internedString(&role)
	i, known := slices.BinarySearch(f.Roles, role)
	if role == "" || known || len(f.Roles) == maxRoles {
		return err
	}
	f.Roles = slices.Insert(f.Roles, i, role)
	return err
}
