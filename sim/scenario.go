package sim

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Scenario describes a cluster, and what happens to it.
type Scenario struct {
	Seed uint64 `yaml:"seed"`
	// Tasks and Agents fill the cluster as Populate does. With Agents alone
	// there are agents only, for the apps.
	Tasks  int `yaml:"tasks"`
	Agents int `yaml:"agents"`

	Networks   []ScenarioNetwork   `yaml:"networks"` // beside StandardNetworks
	Frameworks []ScenarioFramework `yaml:"frameworks"`
	Apps       []ScenarioApp       `yaml:"apps"`

	// Churn is how many changes of tasks and agents there are in a second.
	Churn struct {
		Tasks  float64 `yaml:"tasks"`
		Agents float64 `yaml:"agents"`
	} `yaml:"churn"`
	// Marathon is how fast the instances come up that Marathon's API launches.
	Marathon ScenarioMarathon `yaml:"marathon"`
	// Steps are taken one after another.
	Steps []Step `yaml:"steps"`
}

// ScenarioNetwork is a named network.
type ScenarioNetwork struct {
	Name  string `yaml:"name"`
	Pools []struct {
		Prefix   netip.Prefix `yaml:"prefix"`
		Share    int          `yaml:"share"`    // length of the prefix that an agent gets
		PerAgent bool         `yaml:"perAgent"` // a bridge
	} `yaml:"pools"`
}

// ScenarioMarathon has the times of SchedulerOptions. Here 0 stands for the
// usual time.
type ScenarioMarathon struct {
	Startup Duration `yaml:"startup"`
	Healthy Duration `yaml:"healthy"`
	Backoff Duration `yaml:"backoff"`
}

// ScenarioFramework is a scheduler.
type ScenarioFramework struct {
	Name     string `yaml:"name"`
	PID      string `yaml:"pid"`
	Hostname string `yaml:"hostname"`
}

// ScenarioApp is an app, in the few words that names depend on.
type ScenarioApp struct {
	Name      string `yaml:"name"`      // as tasks have it: "cart.shop" for /shop/cart
	Framework string `yaml:"framework"` // "marathon" when empty
	Instances int    `yaml:"instances"` // 1 when 0
	// Network is "host", "bridge" or the name of a network; host when empty.
	Network string `yaml:"network"`
	// Docker says that the Docker containerizer runs it.
	Docker bool `yaml:"docker"`
	// Ports have an agent's port each, unless the app is on a named network.
	Ports []struct {
		Name     string `yaml:"name"`
		Protocol string `yaml:"protocol"` // tcp when empty
		Port     uint16 `yaml:"port"`     // the container's
	} `yaml:"ports"`
	Labels map[string]string `yaml:"labels"`
}

// Step is an action at a time.
type Step struct {
	At     Duration `yaml:"at"` // after the start
	Action `yaml:",inline"`
}

// maxScenario is how many bytes a scenario may have.
const maxScenario = 4 << 20

// ReadScenario reads a scenario in YAML. Keys that it does not know are
// errors, as are steps that cannot be.
func ReadScenario(r io.Reader) (*Scenario, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxScenario+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxScenario {
		return nil, fmt.Errorf("sim: a scenario has at most %d bytes", maxScenario)
	}
	var s Scenario
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil && err != io.EOF {
		return nil, fmt.Errorf("sim: %w", err)
	}
	return &s, s.Check()
}

// Check reports all that cannot be.
func (s *Scenario) Check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf("sim: "+format, args...)) }
	if s.Tasks < 0 || s.Agents < 0 || s.Tasks > maxTasks || s.Agents > maxAgents {
		fault("at most %d tasks and %d agents", maxTasks, maxAgents)
	}
	if s.Churn.Tasks < 0 || s.Churn.Agents < 0 {
		fault("churn cannot be negative")
	}
	if s.Marathon.Startup < 0 || s.Marathon.Healthy < 0 || s.Marathon.Backoff < 0 {
		fault("marathon: times cannot be negative")
	}
	for i, a := range s.Apps {
		if a.Name == "" {
			fault("apps[%d] has no name", i)
		}
		if a.Instances < 0 || a.Instances > maxTasks {
			fault("app %q cannot have %d instances", a.Name, a.Instances)
		}
		for _, p := range a.Ports {
			if !slices.Contains([]string{"", "tcp", "udp"}, p.Protocol) {
				fault("app %q: protocol %q is neither tcp nor udp", a.Name, p.Protocol)
			}
		}
		if len(a.Ports) > 100 {
			fault("app %q has more than 100 ports", a.Name)
		}
	}
	for _, n := range s.Networks {
		for _, p := range n.Pools {
			if bits := p.Prefix.Addr().BitLen() - p.Share; !p.PerAgent && (p.Share < p.Prefix.Bits() || bits < 2 || bits > 24) {
				fault("network %q: a share of /%d cannot be had from %v", n.Name, p.Share, p.Prefix)
			}
			if size := p.Prefix.Addr().BitLen() - p.Prefix.Bits(); p.PerAgent && (size < 2 || size > 24) {
				fault("network %q: %v is no size for a bridge", n.Name, p.Prefix)
			}
		}
	}
	for i, step := range s.Steps {
		if _, ok := actions[step.Do]; !ok {
			fault("step %d: there is no action %q", i+1, step.Do)
		}
		if i > 0 && step.At < s.Steps[i-1].At {
			fault("step %d comes before step %d", i+1, i)
		}
	}
	return errors.Join(faults...)
}

const (
	maxTasks  = 1_000_000
	maxAgents = 30_000 // what the networks have shares for
)
