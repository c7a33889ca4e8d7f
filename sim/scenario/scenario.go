package scenario

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"toponym/sim"
	"toponym/sim/marathon"
)

// Scenario describes a cluster, and what happens to it.
type Scenario struct {
	Seed uint64 `yaml:"seed"`
	// Tasks fills the cluster as Populate does.
	Tasks  int    `yaml:"tasks"`
	Agents Agents `yaml:"agents"`

	Networks   []Network       `yaml:"networks"` // beside sim.StandardNetworks
	Frameworks []Framework     `yaml:"frameworks"`
	Apps       []*marathon.App `yaml:"apps"` // apps and pods of the framework "marathon"
	// Placement says where instances run, by the id of their app. The others run
	// where there is room.
	Placement map[string][]Placement `yaml:"placement"`

	// Churn is the number of changes of tasks and agents in a second.
	Churn struct {
		Tasks  float64 `yaml:"tasks"`
		Agents float64 `yaml:"agents"`
	} `yaml:"churn"`
	// Marathon is how long instances take that a scheduler launches.
	Marathon Times `yaml:"marathon"`
	// Steps are taken one after another.
	Steps []Step `yaml:"steps"`
}

// Agents is a number of agents, or a list of them.
type Agents struct {
	Count int
	List  []Agent
}

// Agent is an agent with 16 CPUs, 64 GB of memory and the ports 31000-32000.
type Agent struct {
	Address  netip.Addr `yaml:"address"`
	Hostname string     `yaml:"hostname"` // the address when empty
}

// Network is a named container network.
type Network struct {
	Name  string `yaml:"name"`
	Pools []Pool `yaml:"pools"`
}

// Pool is a range of addresses of a network.
type Pool struct {
	Prefix   netip.Prefix `yaml:"prefix"`
	Share    int          `yaml:"share"`    // length of the prefix that an agent gets
	PerAgent bool         `yaml:"perAgent"` // each agent has all of it, as with a bridge
}

// Framework is a scheduler with its apps.
type Framework struct {
	Name     string `yaml:"name"`
	PID      string `yaml:"pid"`
	Hostname string `yaml:"hostname"`
	// NoDiscovery leaves out the DiscoveryInfo of its tasks, as other schedulers
	// than Marathon do.
	NoDiscovery bool            `yaml:"noDiscovery"`
	Apps        []*marathon.App `yaml:"apps"`
}

// Placement is where an instance of an app runs.
type Placement struct {
	Agent     string         `yaml:"agent"` // an id, a host name or an address
	Ports     []uint16       `yaml:"ports"` // its host ports
	Addresses []netip.Prefix `yaml:"-"`     // see Address
	Address   []string       `yaml:"addresses"`
}

// Times are those of marathon.Options; nil stands for the usual time.
type Times struct {
	Startup *Duration `yaml:"startup"`
	Healthy *Duration `yaml:"healthy"`
	Backoff *Duration `yaml:"backoff"`
}

// Step is an action at a time.
type Step struct {
	At Duration `yaml:"at"` // after the start
	// Every repeats the step. An error does not end a step that is repeated.
	Every  Duration `yaml:"every"`
	Action `yaml:",inline"`
}

// Duration is a time.Duration that is written as text, such as "1m30s".
type Duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	*d = Duration(v)
	return err
}

const (
	maxScenario = 4 << 20 // bytes of a file
	maxTasks    = 1_000_000
	maxAgents   = 30_000 // the networks have shares for so many
)

// Read reads a scenario in YAML. The error has all that is wrong with it, each with
// its line and key.
func Read(in io.Reader) (*Scenario, error) {
	data, err := io.ReadAll(io.LimitReader(in, maxScenario+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxScenario {
		return nil, fmt.Errorf("a scenario has at most %d bytes", maxScenario)
	}
	var s Scenario
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	r := &reader{lines: map[string]int{}, failed: map[string]bool{}}
	if len(document.Content) > 0 {
		r.read(document.Content[0], reflect.ValueOf(&s).Elem(), "")
	}
	s.check(r.fail)
	return &s, errors.Join(r.errs...)
}

// Check returns all that is wrong with a scenario, each with its key.
func (s *Scenario) Check() error {
	var errs []error
	s.check(func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf(key+": "+format, args...))
	})
	return errors.Join(errs...)
}

// check reports everything that no single value shows to be wrong.
func (s *Scenario) check(fail func(key, format string, args ...any)) {
	if s.Tasks < 0 || s.Tasks > maxTasks {
		fail("tasks", "%d is not between 0 and %d", s.Tasks, maxTasks)
	}
	if n := s.Agents.Count; n < 0 || n > maxAgents {
		fail("agents", "%d is not between 0 and %d", n, maxAgents)
	}
	for i, a := range s.Agents.List {
		if !a.Address.IsValid() {
			fail(fmt.Sprintf("agents[%d].address", i), "an agent needs an address")
		}
	}
	if s.Churn.Tasks < 0 {
		fail("churn.tasks", "a rate cannot be negative")
	}
	if s.Churn.Agents < 0 {
		fail("churn.agents", "a rate cannot be negative")
	}
	for key, d := range map[string]*Duration{"startup": s.Marathon.Startup, "healthy": s.Marathon.Healthy, "backoff": s.Marathon.Backoff} {
		if d != nil && *d < 0 {
			fail("marathon."+key, "a time cannot be negative")
		}
	}
	for i, n := range s.Networks {
		n.check(fmt.Sprintf("networks[%d]", i), fail)
	}
	ids := map[string]bool{}
	instances := 0
	apps := func(key string, list []*marathon.App) {
		own := map[string]bool{}
		for i, a := range list {
			if a == nil {
				continue // it has been reported
			}
			at := fmt.Sprintf("%s[%d]", key, i)
			if own[a.ID] {
				fail(at+".id", "there are two apps %s", a.ID)
			}
			own[a.ID], ids[a.ID] = true, true
			if instances += a.Instances; instances > maxTasks {
				fail(at+".instances", "there are more than %d instances", maxTasks)
			}
		}
	}
	apps("apps", s.Apps)
	names := map[string]bool{}
	for i, f := range s.Frameworks {
		at := fmt.Sprintf("frameworks[%d]", i)
		if f.Name == "" {
			fail(at+".name", "a framework needs a name")
		} else if names[f.Name] {
			fail(at+".name", "there are two frameworks %s", f.Name)
		}
		names[f.Name] = true
		apps(at+".apps", f.Apps)
	}
	for _, id := range sortedKeys(s.Placement) {
		key := "placement." + id
		if !ids[id] {
			fail(key, "there is no app %s", id)
		}
		for i := range s.Placement[id] {
			s.Placement[id][i].check(fmt.Sprintf("%s[%d]", key, i), fail)
		}
	}
	for i, step := range s.Steps {
		at := fmt.Sprintf("steps[%d]", i)
		if _, ok := actions[step.Do]; !ok {
			fail(at+".do", "there is no action %q", step.Do)
		}
		if step.Every < 0 {
			fail(at+".every", "a time cannot be negative")
		}
		if i > 0 && step.At < s.Steps[i-1].At {
			fail(at+".at", "the step comes before the one above it")
		}
	}
}

func (n *Network) check(key string, fail func(key, format string, args ...any)) {
	if n.Name == "" {
		fail(key+".name", "a network needs a name")
	}
	if len(n.Pools) == 0 {
		fail(key+".pools", "a network needs a pool of addresses")
	}
	for i, p := range n.Pools {
		at := fmt.Sprintf("%s.pools[%d]", key, i)
		length := p.Prefix.Addr().BitLen()
		if !p.Prefix.IsValid() {
			fail(at+".prefix", "a pool needs a prefix such as 10.200.0.0/16")
		} else if bits := length - p.Share; !p.PerAgent && (p.Share < p.Prefix.Bits() || bits < 2 || bits > 24) {
			fail(at+".share", "%v has no shares of the length /%d", p.Prefix, p.Share)
		} else if size := length - p.Prefix.Bits(); p.PerAgent && (size < 2 || size > 24) {
			fail(at+".prefix", "%v has not the size of a bridge", p.Prefix)
		}
	}
}

func (p *Placement) check(key string, fail func(key, format string, args ...any)) {
	p.Addresses = nil
	for i, a := range p.Address {
		prefix, err := netip.ParsePrefix(a)
		if addr, e := netip.ParseAddr(a); e == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			fail(fmt.Sprintf("%s.addresses[%d]", key, i), "%q is not an address", a)
		}
		p.Addresses = append(p.Addresses, prefix)
	}
}

// network returns the network as the cluster has it.
func (n Network) network() sim.Network {
	out := sim.Network{Name: n.Name}
	for _, p := range n.Pools {
		pool := sim.Pool{Prefix: p.Prefix, ShareBits: p.Prefix.Addr().BitLen() - p.Share, PerAgent: p.PerAgent}
		if p.PerAgent {
			pool.ShareBits = p.Prefix.Addr().BitLen() - p.Prefix.Bits()
		}
		if p.Prefix.Addr().Is6() {
			pool.ShowBits = p.Prefix.Bits() // Mesos shows it for IPv6
		}
		out.Pools = append(out.Pools, pool)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
