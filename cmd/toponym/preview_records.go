package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"toponym/records"
	"toponym/state"
)

// previewer makes previews of apps.
type previewer struct {
	flags   previewFlags
	options records.Options
	unknown map[string]int // networks without a known place
}

// appPreview has the names and records of an app.
type appPreview struct {
	ID       string `json:"id"`
	TaskName string `json:"taskName"` // of a pod the name that its DiscoveryInfo has
	Pod      bool   `json:"pod,omitempty"`

	Records []record      `json:"records"` // of names that its instances share
	Tasks   []taskPreview `json:"tasks"`
	Omitted []string      `json:"omitted,omitempty"`
}

// taskPreview has the names and records of one task.
type taskPreview struct {
	ID        string       `json:"id"`
	Agent     netip.Addr   `json:"agent"`
	HostPorts []uint16     `json:"hostPorts,omitempty"`
	Addresses []netAddress `json:"addresses,omitempty"`
	Records   []record     `json:"records"` // of names that no other instance has
}

type netAddress struct {
	Network string     `json:"network"` // empty: Docker's bridge
	Address netip.Addr `json:"address"`
}

// record is a record in the form of a zone file.
type record struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Data string `json:"data"`
}

func (p *previewer) app(a workload) (appPreview, error) {
	out := appPreview{ID: a.id, TaskName: a.taskName, Pod: a.pod, Records: []record{}}
	n, err := p.flags.instancesOf(a)
	if err != nil {
		return out, err
	}
	ids := p.taskIDs(a, max(n, 2)) // with only one instance, shared names cannot be told from its own
	if p.unknown == nil {
		p.unknown = map[string]int{}
	}
	snapshot, tasks, err := p.start(a, ids)
	if err != nil {
		return out, err
	}
	ids = ids[:0]
	for _, t := range tasks {
		ids = append(ids, t.ID)
	}
	shownTasks := n * len(tasks) / max(n, 2)
	owners := map[string]int{} // tasks by name
	var each []map[string][]record
	none := p.build(snapshot, nil, nil)
	for i := range ids {
		names := p.build(snapshot, ids[i:i+1], none)
		for name := range names {
			owners[name]++
		}
		each = append(each, names)
	}
	all := p.build(snapshot, ids[:shownTasks], none)
	for name, list := range all {
		if owners[name] > 1 {
			out.Records = append(out.Records, list...)
		}
	}
	sortRecords(out.Records)
	for i, t := range tasks[:shownTasks] {
		shown := newTaskPreview(t)
		for name, list := range each[i] {
			if owners[name] == 1 {
				shown.Records = append(shown.Records, list...)
			}
		}
		sortRecords(shown.Records)
		out.Tasks = append(out.Tasks, shown)
	}
	out.Omitted = p.omitted(snapshot, ids[:shownTasks])
	return out, nil
}

// taskIDs returns the ids of the flag followed by generated ones. For a pod they are
// ids of instances, for which the id of one of their tasks is accepted.
func (p *previewer) taskIDs(a workload, n int) []string {
	var ids []string
	for id := range strings.SplitSeq(p.flags.ids, ",") {
		id = a.knownID(id)
		if id != "" && len(ids) < n && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for i := len(ids); i < n; i++ {
		ids = append(ids, a.taskID(i, fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1)))
	}
	return ids
}

// clusterOf returns a cluster with only some of its tasks.
func clusterOf(s *state.FullState, ids []string) *state.Cluster {
	some := *s
	some.Tasks = nil
	for _, t := range s.Tasks {
		if slices.Contains(ids, t.Key.ID) {
			some.Tasks = append(some.Tasks, t)
		}
	}
	return state.ClusterOf(&some)
}

// build returns the records of some tasks by name, without those that exist without
// any task.
func (p *previewer) build(s *state.FullState, ids []string, anyway map[string][]record) map[string][]record {
	set, _ := records.Build(clusterOf(s, ids), p.options)
	out := map[string][]record{}
	for name, d := range set.All() {
		if n := name.String(); anyway[n] == nil {
			out[n] = recordsOf(set, n, d)
		}
	}
	return out
}

// omitted returns the records that cannot be published, with reasons.
func (p *previewer) omitted(s *state.FullState, ids []string) []string {
	_, changes := records.Build(clusterOf(s, ids), p.options)
	var out []string
	for _, o := range changes.Omitted {
		if errors.As(o.Reason, new(records.AgentNetworkError)) {
			continue // it concerns all apps on the network
		}
		out = append(out, o.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func recordsOf(set *records.Set, name string, d *records.Data) []record {
	var out []record
	for _, a := range d.A {
		out = append(out, record{name, "A", netip.AddrFrom4(a).String()})
	}
	for _, a := range d.AAAA {
		out = append(out, record{name, "AAAA", netip.AddrFrom16(a).String()})
	}
	for _, v := range d.SRV {
		out = append(out, record{name, "SRV", fmt.Sprintf("%d %d %d %s", v.Priority, v.Weight, v.Port, set.Target(v))})
	}
	if target, ok := d.Pointer(); ok {
		out = append(out, record{name, "PTR", target.String()})
	}
	return out
}

// sortRecords sorts records by name, host names before service names. The order of
// the records of a name stays.
func sortRecords(list []record) {
	service := func(r record) int {
		if strings.HasPrefix(r.Name, "_") {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b record) int {
		return cmp.Or(cmp.Compare(service(a), service(b)), cmp.Compare(a.Name, b.Name))
	})
}

func newTaskPreview(t previewTask) taskPreview {
	out := taskPreview{ID: t.ID, Agent: t.agent, HostPorts: t.ports, Records: []record{}}
	for _, n := range t.Networks {
		for _, a := range n.Addresses {
			out.Addresses = append(out.Addresses, netAddress{n.Name, a.Addr()})
		}
	}
	return out
}

// writePreviews writes previews as text.
func writePreviews(w io.Writer, apps []appPreview, namesOnly bool) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, a := range apps {
		if i > 0 {
			fmt.Fprintln(tw)
		}
		what := "task"
		if a.Pod {
			what = "pod"
		}
		fmt.Fprintf(tw, "%s: %s %s\n", a.ID, what, a.TaskName)
		write := func(list []record) {
			last := ""
			for _, r := range list {
				switch {
				case !namesOnly:
					fmt.Fprintf(tw, "  %s\t%s\t%s\n", r.Name, r.Type, r.Data)
				case r.Name != last:
					fmt.Fprintf(tw, "  %s\n", r.Name)
				}
				last = r.Name
			}
		}
		if !namesOnly {
			write(a.Records)
		}
		for _, t := range a.Tasks {
			fmt.Fprintf(tw, "\n%s: %s\n", t.ID, t.where())
			if namesOnly {
				write(a.Records)
			}
			write(t.Records)
		}
		for _, o := range a.Omitted {
			fmt.Fprintf(tw, "\n%s\n", o)
		}
	}
	return tw.Flush()
}

// where describes in a line where a task would be.
func (t taskPreview) where() string {
	parts := []string{"agent " + t.Agent.String()}
	for _, p := range t.HostPorts {
		parts = append(parts, fmt.Sprintf("port %d", p))
	}
	for _, a := range t.Addresses {
		parts = append(parts, fmt.Sprintf("%s %s", cmp.Or(a.Network, "bridge"), a.Address))
	}
	return strings.Join(parts, ", ")
}
