package marathon

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Pod is a pod definition: containers that run together on one agent, in one
// network. Fields that names do not depend on are kept as they were written.
type Pod struct {
	ID                string            `json:"id"` // absolute
	Labels            map[string]string `json:"labels,omitempty"`
	Version           string            `json:"version,omitempty"` // set by a Marathon
	User              string            `json:"user,omitempty"`
	Environment       jsontext.Value    `json:"environment,omitzero"`
	Containers        []PodContainer    `json:"containers"`
	Secrets           jsontext.Value    `json:"secrets,omitzero"`
	Volumes           jsontext.Value    `json:"volumes,omitzero"`
	Networks          []Network         `json:"networks"`
	Scaling           PodScaling        `json:"scaling"`
	Scheduling        jsontext.Value    `json:"scheduling,omitzero"`
	ExecutorResources *PodResources     `json:"executorResources"`
	More              jsontext.Value    `json:",embed"`
}

// PodScaling is how many instances there are.
type PodScaling struct {
	Kind      string `json:"kind"` // fixed
	Instances int    `json:"instances"`
}

// PodResources is what a container holds, or the executor.
type PodResources struct {
	CPUs float64 `json:"cpus"`
	Mem  float64 `json:"mem"`  // MB
	Disk float64 `json:"disk"` // MB
	GPUs int     `json:"gpus"`
}

// PodContainer is a container of a pod. Each is a task.
type PodContainer struct {
	Name        string            `json:"name"`
	Exec        jsontext.Value    `json:"exec,omitzero"`
	Resources   *PodResources     `json:"resources"`
	Endpoints   []Endpoint        `json:"endpoints,omitempty"`
	Image       *PodImage         `json:"image,omitzero"`
	HealthCheck *PodCheck         `json:"healthCheck,omitzero"`
	Labels      map[string]string `json:"labels,omitempty"`
	More        jsontext.Value    `json:",embed"`
}

// PodImage is an image of a container.
type PodImage struct {
	Kind      string         `json:"kind"` // DOCKER or APPC
	ID        string         `json:"id"`
	ForcePull bool           `json:"forcePull,omitzero"`
	More      jsontext.Value `json:",embed"`
}

// Endpoint is a port of a pod.
type Endpoint struct {
	Name          string            `json:"name"`
	ContainerPort *uint16           `json:"containerPort,omitzero"`
	HostPort      *uint16           `json:"hostPort,omitzero"`
	Protocol      []string          `json:"protocol"`
	Labels        map[string]string `json:"labels,omitempty"`
	NetworkNames  []string          `json:"networkNames,omitempty"` // empty: all networks
}

// PodCheck is a health check of a container, which Mesos runs.
type PodCheck struct {
	HTTP *struct {
		Endpoint string `json:"endpoint"`
		Path     string `json:"path,omitempty"`
		Scheme   string `json:"scheme,omitempty"`
	} `json:"http,omitzero"`
	TCP *struct {
		Endpoint string `json:"endpoint"`
	} `json:"tcp,omitzero"`
	Exec *struct {
		Command struct {
			Shell string   `json:"shell,omitempty"`
			Argv  []string `json:"argv,omitempty"`
		} `json:"command"`
	} `json:"exec,omitzero"`
	GracePeriodSeconds int            `json:"gracePeriodSeconds"`
	IntervalSeconds    int            `json:"intervalSeconds"`
	TimeoutSeconds     int            `json:"timeoutSeconds"`
	More               jsontext.Value `json:",embed"`
}

// maxContainers is more than any pod has.
const maxContainers = 100

// UnmarshalJSONFrom reads an endpoint; the protocol is tcp when not written.
func (e *Endpoint) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain Endpoint
	*e = Endpoint{}
	if err := json.UnmarshalDecode(d, (*plain)(e)); err != nil {
		return err
	}
	if len(e.Protocol) == 0 {
		e.Protocol = []string{"tcp"}
	}
	return nil
}

// UnmarshalJSONFrom reads a health check over Marathon's defaults.
func (c *PodCheck) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain PodCheck
	*c = PodCheck{GracePeriodSeconds: 300, IntervalSeconds: 60, TimeoutSeconds: 20}
	return json.UnmarshalDecode(d, (*plain)(c))
}

// ParsePod reads a pod definition. It gives an App that stands for it, of which
// each instance is several tasks. Errors are those of Parse; ok is false for
// a body without "containers", which is no pod.
func ParsePod(data []byte, s Settings) (a *App, ok bool, err error) {
	p := Pod{Scaling: PodScaling{Instances: 1}}
	var some struct {
		Containers jsontext.Value `json:"containers"`
	}
	if err := decode(data, &some); err != nil {
		return nil, false, err
	}
	if some.Containers == nil {
		return nil, false, nil
	}
	if err := decode(data, &p); err != nil {
		return nil, true, err
	}
	if err := p.missing().err(invalidJSON); err != nil {
		return nil, true, err
	}
	p.ID = parsePathID(p.ID).in(pathID{absolute: true}).String()
	p.Version = ""
	p.fill(s)
	if err := p.faults(s).err(notValid); err != nil {
		return nil, true, err
	}
	return p.app(), true, nil
}

// app is what stands for the pod among the apps.
func (p *Pod) app() *App {
	a := defaults()
	a.ID, a.Labels, a.Instances, a.Networks, a.pod = p.ID, p.Labels, p.Scaling.Instances, p.Networks, p
	a.Container = &Container{Type: typeMesos}
	return &a
}

// scaled is the pod with as many instances as the app has that stands for it.
func (a *App) scaled() *Pod {
	p := *a.pod
	p.Scaling.Instances, p.Version = a.Instances, a.Version
	return &p
}

// config is all of a pod but its number of instances.
func (p *Pod) config() []byte {
	plain := *p
	plain.Scaling.Instances, plain.Version = 0, ""
	b, err := json.Marshal(&plain, json.Deterministic(true))
	if err != nil {
		return nil // a Pod is made of what was read as JSON
	}
	return b
}

// fill says what is meant by what is not written. In a bridge a port without
// a mapping leads nowhere, so it gets a host port.
func (p *Pod) fill(s Settings) {
	if len(p.Networks) == 0 {
		p.Networks = []Network{{Mode: ModeHost}}
	}
	for i, n := range p.Networks {
		if n.Mode == ModeContainer && n.Name == "" {
			p.Networks[i].Name = s.DefaultNetworkName
		}
	}
	if p.Scaling.Kind == "" {
		p.Scaling.Kind = "fixed"
	}
	if p.ExecutorResources == nil {
		p.ExecutorResources = &PodResources{CPUs: 0.1, Mem: 32, Disk: 10}
	}
	for i := range p.Containers {
		for j := range p.Containers[i].Endpoints {
			if e := &p.Containers[i].Endpoints[j]; p.Networks[0].Mode == ModeBridge && e.HostPort == nil {
				e.HostPort = new(uint16)
			}
		}
	}
}

// missing checks single values, before any of them is given a meaning.
func (p *Pod) missing() faults {
	var f faults
	there := func(value, path string) {
		if value == "" {
			f.add(path, "error.path.missing")
		}
	}
	there(p.ID, "/id")
	f.unless(len(p.Containers) > 0, "/containers", "error.minLength")
	f.unless(len(p.Containers) <= maxContainers, "/containers", "error.max")
	f.unless(len(p.Networks) <= maxNetworks, "/networks", "error.max")
	f.unless(p.Scaling.Kind == "" || p.Scaling.Kind == "fixed", "/scaling/kind", "error.unknown.enum.literal")
	f.unless(p.Scaling.Instances >= 0, "/scaling/instances", "error.min")
	networkLiterals(&f, p.Networks)
	for i, c := range p.Containers {
		at := fmt.Sprintf("/containers(%d)", i)
		there(c.Name, at+"/name")
		f.unless(c.Name == "" || validSegment(c.Name) && !strings.Contains(c.Name, "."), at+"/name", "error.pattern")
		if c.Resources == nil {
			f.add(at+"/resources", "error.path.missing")
		} else {
			r := c.Resources
			f.unless(r.CPUs >= 0 && r.Mem >= 0 && r.Disk >= 0 && r.GPUs >= 0, at+"/resources", "error.min")
		}
		f.unless(len(c.Endpoints) <= maxPorts, at+"/endpoints", "error.max")
		for j, e := range c.Endpoints {
			at := fmt.Sprintf("%s/endpoints(%d)", at, j)
			there(e.Name, at+"/name")
			f.unless(e.Name == "" || validPortName(e.Name), at+"/name", "error.pattern")
			f.unless(len(e.NetworkNames) <= maxNetworks, at+"/networkNames", "error.max")
			f.unless(len(e.Protocol) <= maxProtocols && unique(e.Protocol, func(s string) string { return s }), at+"/protocol", "error.max")
			for _, protocol := range e.Protocol {
				// Any name will do: Marathon's own examples have "http".
				f.unless(protocol != "" && only(protocol, lower+upper+digits+"-"), at+"/protocol", "error.pattern")
			}
		}
	}
	return f
}
