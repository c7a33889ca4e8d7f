package records_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
)

// cluster is a small cluster that tests change step by step.
type cluster struct {
	*testing.T
	set     *records.Set
	state   *state.Cluster
	full    state.FullState
	changes records.Changes
}

// newCluster has the agents a-S0 and a-S1 and the framework "f", marathon.
func newCluster(t *testing.T, o records.Options) *cluster {
	o.Reverse = false
	return &cluster{T: t, set: records.NewSet(o), state: state.NewCluster(), full: state.FullState{
		Agents: []*state.Agent{
			{ID: "a-S0", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.10")}},
			{ID: "a-S1", Addrs: []netip.Addr{netip.MustParseAddr("10.0.0.11")}},
		},
		Frameworks: []*state.Framework{{ID: "f", Name: "marathon"}},
	}}
}

// put adds tasks, in the place of those with the same ids, and updates the set.
func (c *cluster) put(tasks ...*state.Task) *cluster {
	for _, t := range tasks {
		c.drop(t.Key.ID)
		c.full.Tasks = append(c.full.Tasks, t)
	}
	return c.apply()
}

func (c *cluster) drop(id string) {
	c.full.Tasks = slices.DeleteFunc(slices.Clone(c.full.Tasks), func(t *state.Task) bool { return t.Key.ID == id })
}

func (c *cluster) apply() *cluster {
	s := c.full
	c.changes = c.set.Update(c.state, c.state.Reconcile(&s, nil))
	return c
}

// owns checks the records of a name, written as text writes them but without the
// name.
func (c *cluster) owns(name string, want ...string) {
	c.Helper()
	name += "."
	var got []string
	for line := range strings.Lines(text(c.set)) {
		if n, rest, _ := strings.Cut(strings.TrimSpace(line), " "); n == name {
			got = append(got, rest)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.Errorf("%s has records %q, want %q", name, got, want)
	}
}

// pointsTo checks the only SRV record of a name: its port, and what follows the
// label of the framework in its target.
func (c *cluster) pointsTo(name, want string) {
	c.Helper()
	got := ""
	for _, v := range c.set.Data(records.MustParseName(name)).SRV {
		_, under, _ := strings.Cut(c.set.Target(v).String(), ".marathon.")
		got += fmt.Sprintf("%d %s", v.Port, strings.TrimSuffix(under, "."))
	}
	if got != want {
		c.Errorf("%s points to %q, want %q", name, got, want)
	}
}

// collides checks the number of names that collide.
func (c *cluster) collides(want int) {
	c.Helper()
	if got := c.set.Collisions(); got != want {
		c.Errorf("got %d collisions, want %d", got, want)
	}
}

// recordsOf returns the set of a full state with the default settings.
func recordsOf(c *state.Cluster, s *state.FullState) *records.Set {
	c.Reconcile(s, nil)
	set, _ := records.Build(c, defaults())
	return set
}

// app returns a running task with an address of its own.
func app(id, name, addr string, with ...func(*state.Task)) *state.Task {
	t := &state.Task{
		Key: state.TaskKey{Framework: "f", ID: id}, Name: name, AgentID: "a-S0", State: state.Running,
		Addresses: state.Addresses{NetInfo: []netip.Addr{netip.MustParseAddr(addr)}},
	}
	for _, change := range with {
		change(t)
	}
	return t
}

func healthy(h state.Health) func(*state.Task) { return func(t *state.Task) { t.Health = h } }

func labelled(key, value string) func(*state.Task) {
	return func(t *state.Task) { t.Labels = append(t.Labels, state.Label{Key: key, Value: value}) }
}

// discovered gives a task a DiscoveryInfo with its name and these ports.
func discovered(ports ...state.DiscoveryPort) func(*state.Task) {
	return func(t *state.Task) {
		t.Discovery = &state.Discovery{Name: t.Name, Visibility: "FRAMEWORK", Ports: ports}
	}
}

// trees is the address domain of the default settings.
const trees = "dcos.thisdcos.directory"
