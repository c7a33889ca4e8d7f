package api

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"toponym/internal/words"
	"toponym/records"
	"toponym/state"
)

// maxPageInstances bounds the instances that a page lists.
const maxPageInstances = 100

// instanceRow is an instance in a list, without the lists that are valid only for a
// moment.
type instanceRow struct {
	records.Instance
	Where []string // address:port of each port that names point to
}

// instanceRows lists instances, the unhealthy first. more reports whether there are
// others.
func (s *Server) instanceRows(f records.InstanceFilter) (rows []instanceRow, more bool) {
	for _, health := range []records.HealthFilter{records.UnhealthyOnly, records.NotUnhealthyOnly} {
		if f.Health != records.AnyHealth && f.Health != health {
			continue
		}
		one := f
		one.Health = health
		for i := range s.o.Instances(one) {
			if len(rows) == maxPageInstances {
				return rows, true
			}
			rows = append(rows, newInstanceRow(i))
		}
	}
	return rows, false
}

func newInstanceRow(i *records.Instance) instanceRow {
	row := instanceRow{Instance: *i}
	row.Names, row.Ports, row.Labels = slices.Clone(i.Names), slices.Clone(i.Ports), slices.Clone(i.Labels)
	row.CanonicalName = slices.Clone(i.CanonicalName)
	row.Addresses.Networks = slices.Clone(i.Addresses.Networks)
	for k := range i.Ports {
		p := &i.Ports[k]
		if where := p.Connect().First(); where.IsValid() && len(row.Where) < 10 {
			text := where.String()
			if p.Name != "" {
				text = p.Name + " " + text
			}
			row.Where = append(row.Where, text)
		}
	}
	return row
}

// unready is the page where what it is about cannot be shown; ok is true where it can.
func (v *pageView) unready() (name string, status int, data any, ok bool) {
	switch {
	case !v.lists():
		name, status, data = v.problem(http.StatusForbidden, notPermitted)
	case !v.z.Ready():
		name, status, data = v.problem(http.StatusServiceUnavailable, "No state of the cluster has arrived yet.")
	default:
		return "", 0, nil, true
	}
	return name, status, data, false
}

// appData is what the page of an app shows.
type appData struct {
	App, Framework, FrameworkName string
	Health                        string
	Counts                        records.TaskCounts
	Rows                          []instanceRow
	More                          bool
	Names                         []string // that the instances listed share, and those of their ports
}

// app answers "/app": the instances that are called the same.
func (v *pageView) app() (string, int, any) {
	if name, status, data, ok := v.unready(); !ok {
		return name, status, data
	}
	d := &appData{App: v.parameter("app"), Framework: v.parameter("framework"), Health: v.parameter("health")}
	f := records.InstanceFilter{App: d.App, Framework: d.Framework}
	switch d.Health {
	case "unhealthy":
		f.Health = records.UnhealthyOnly
	default:
		d.Health = ""
	}
	v.frame.Title = "App " + words.Printable(d.App)
	if d.App == "" {
		return v.problem(http.StatusNotFound, "No app was asked for.")
	}
	if !v.entered(func() {
		found := v.s.o.Search(records.Search{App: d.App, Framework: d.Framework, Kinds: records.SearchApps, Limit: searchPageHits})
		for _, a := range found.Apps {
			d.Counts.Tasks += a.Counts.Tasks
			d.Counts.Healthy += a.Counts.Healthy
			d.Counts.Unhealthy += a.Counts.Unhealthy
		}
		if d.Counts.Unhealthy == 0 && f.Health == records.AnyHealth {
			f.Health = records.NotUnhealthyOnly // all of them: one look at the tasks will do
		}
		d.Rows, d.More = v.s.instanceRows(f)
	}) {
		return v.problem(http.StatusServiceUnavailable, tooBusy)
	}
	if d.Counts.Tasks == 0 && len(d.Rows) == 0 {
		return v.problem(http.StatusNotFound, "No task that has names is called "+words.Printable(shorten(d.App))+".")
	}
	names := map[string]bool{}
	for i := range d.Rows {
		row := &d.Rows[i]
		d.FrameworkName = row.Framework.Name
		for _, n := range row.Names {
			names[n] = true
		}
		for _, p := range row.Ports {
			if p.SRVName != "" {
				names[p.SRVName] = true
			}
		}
		if len(names) > maxPageInstances {
			break
		}
	}
	for n := range names {
		d.Names = append(d.Names, n)
	}
	slices.Sort(d.Names)
	d.Names = d.Names[:min(len(d.Names), maxPageInstances)]
	v.watch("")
	return "app", http.StatusOK, d
}

// taskData is what the page of a task shows.
type taskData struct {
	Key     state.TaskKey
	Task    records.TaskDescription
	Row     *instanceRow // nil if the task has no names
	Records []records.TaskRecord
	More    int
}

// task answers "/task".
func (v *pageView) task() (string, int, any) {
	if name, status, data, ok := v.unready(); !ok {
		return name, status, data
	}
	d := &taskData{Key: state.TaskKey{Framework: v.parameter("framework"), ID: v.parameter("task")}}
	v.frame.Title = "Task " + words.Printable(d.Key.ID)
	var found bool
	if d.Task, found = v.s.o.Task(d.Key); !found {
		return v.problem(http.StatusNotFound, "There is no task "+words.Printable(shorten(d.Key.ID))+" of that framework now.")
	}
	if i := d.Task.Instance; i != nil {
		row := newInstanceRow(i)
		d.Row = &row
		v.watch(i.CanonicalName.String())
	}
	d.Records, d.More = d.Task.Records, d.Task.More
	return "task", http.StatusOK, d
}

// frameworkData is what the page of a framework shows.
type frameworkData struct {
	ID, Name string
	Counts   records.TaskCounts
	Apps     []records.FoundApp
	Next     string // cursor; "" if there are no more
}

// framework answers "/framework".
func (v *pageView) framework() (string, int, any) {
	if name, status, data, ok := v.unready(); !ok {
		return name, status, data
	}
	d := &frameworkData{ID: v.parameter("id")}
	found := false
	if !v.entered(func() {
		r := v.s.o.Search(records.Search{Framework: cmp.Or(d.ID, "\x00"), Kinds: records.SearchFrameworks | records.SearchApps,
			Limit: searchPageHits, After: parseSearchKey(v.parameter("after"))})
		for _, f := range r.Frameworks {
			d.Name, d.Counts, found = f.Name, f.Counts, true
		}
		if d.Apps = r.Apps; r.More != 0 {
			d.Next = searchKeyText(r.Apps[len(r.Apps)-1].Key)
		}
	}) {
		return v.problem(http.StatusServiceUnavailable, tooBusy)
	}
	if !found {
		return v.problem(http.StatusNotFound, "There is no framework "+words.Printable(shorten(d.ID))+" now.")
	}
	v.frame.Title = "Framework " + words.Printable(d.Name)
	v.watch("")
	return "framework", http.StatusOK, d
}

// agentData is what the page of an agent shows.
type agentData struct {
	Agent *state.Agent
	Rows  []instanceRow
	More  bool
}

// agent answers "/agent".
func (v *pageView) agent() (string, int, any) {
	if name, status, data, ok := v.unready(); !ok {
		return name, status, data
	}
	id := v.parameter("id")
	d := &agentData{}
	agents := v.s.o.Hosts().Agents
	i, found := slices.BinarySearchFunc(agents, id, func(a *state.Agent, id string) int { return strings.Compare(a.ID, id) })
	if !found {
		return v.problem(http.StatusNotFound, "There is no agent "+words.Printable(shorten(id))+" now.")
	}
	d.Agent = agents[i]
	v.frame.Title = "Agent " + words.Printable(d.Agent.Hostname)
	if !v.entered(func() { d.Rows, d.More = v.s.instanceRows(records.InstanceFilter{Agent: id}) }) {
		return v.problem(http.StatusServiceUnavailable, tooBusy)
	}
	v.watch("")
	return "agent", http.StatusOK, d
}
