package marathon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"toponym/sim"
)

// Pod is a pod definition: containers that run on one agent and share their
// networks. Fields that have no influence on tasks are kept as they were written.
type Pod struct {
	ID                string            `json:"id"` // absolute
	Labels            map[string]string `json:"labels,omitempty"`
	Version           string            `json:"version,omitempty"` // set by the Scheduler
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

// PodScaling has the number of instances.
type PodScaling struct {
	Kind      string `json:"kind"` // fixed
	Instances int    `json:"instances"`
}

// PodResources are the resources of a container or of the executor.
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

// maxContainers bounds the containers of a pod.
const maxContainers = 100

// UnmarshalJSONFrom reads an endpoint, whose default protocol is tcp.
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

// UnmarshalJSONFrom reads a health check, with Marathon's defaults.
func (c *PodCheck) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain PodCheck
	*c = PodCheck{GracePeriodSeconds: 300, IntervalSeconds: 60, TimeoutSeconds: 20}
	return json.UnmarshalDecode(d, (*plain)(c))
}

// ParsePod reads a pod definition and returns an App that stands for it, whose
// instances have a task for each container. Errors are those of Parse; ok is false
// for a definition without "containers", which is not a pod.
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
	p.canonical()
	if err := p.checkLiterals().err(invalidJSON); err != nil {
		return nil, true, err
	}
	p.ID = parsePathID(p.ID).in(pathID{absolute: true}).String()
	p.Version = ""
	p.fill(s)
	if err := p.validate(s).err(notValid); err != nil {
		return nil, true, err
	}
	return p.app(), true, nil
}

// canonical spells the values of enumerations as Marathon does.
func (p *Pod) canonical() {
	canonical(&p.Scaling.Kind, "fixed")
	canonicalModes(p.Networks)
	for i := range p.Containers {
		c := &p.Containers[i]
		if c.Image != nil {
			canonical(&c.Image.Kind, "DOCKER", "APPC")
		}
		for j := range c.Endpoints {
			for k := range c.Endpoints[j].Protocol {
				canonical(&c.Endpoints[j].Protocol[k], "tcp", "udp")
			}
		}
	}
}

// app returns the App that stands for the pod.
func (p *Pod) app() *App {
	a := defaults()
	a.ID, a.Labels, a.Instances, a.Networks, a.pod = p.ID, p.Labels, p.Scaling.Instances, p.Networks, p
	a.Container = &Container{Type: typeMesos}
	return &a
}

// scaled returns the pod with the current number of instances and version.
func (a *App) scaled() *Pod {
	p := *a.pod
	p.Scaling.Instances, p.Version = a.Instances, a.Version
	return &p
}

// config returns the pod in JSON without its number of instances and version.
func (p *Pod) config() []byte {
	plain := *p
	plain.Scaling.Instances, plain.Version = 0, ""
	b, err := json.Marshal(&plain, json.Deterministic(true))
	if err != nil {
		return nil // a Pod is made of what was read as JSON
	}
	return b
}

// fill sets the defaults. On a bridge each endpoint gets a host port: without one
// it could not be reached.
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

// checkLiterals checks single values, each by itself.
func (p *Pod) checkLiterals() violations {
	var f violations
	there := func(value, path string) {
		if value == "" {
			f.add(path, "error.path.missing")
		}
	}
	there(p.ID, "/id")
	f.require(len(p.Containers) > 0, "/containers", "error.minLength")
	f.require(len(p.Containers) <= maxContainers, "/containers", "error.max")
	f.require(len(p.Networks) <= maxNetworks, "/networks", "error.max")
	f.require(p.Scaling.Kind == "" || p.Scaling.Kind == "fixed", "/scaling/kind", "error.unknown.enum.literal")
	f.require(p.Scaling.Instances >= 0, "/scaling/instances", "error.min")
	checkNetworkLiterals(&f, p.Networks)
	for i, c := range p.Containers {
		at := fmt.Sprintf("/containers(%d)", i)
		there(c.Name, at+"/name")
		f.require(c.Name == "" || validName(c.Name), at+"/name", "error.pattern")
		if c.Resources == nil {
			f.add(at+"/resources", "error.path.missing")
		} else {
			r := c.Resources
			f.require(r.CPUs >= smallest && r.Mem >= smallest && r.Disk >= 0 && r.GPUs >= 0, at+"/resources", "error.min")
		}
		f.require(len(c.Endpoints) <= maxPorts, at+"/endpoints", "error.max")
		if h := c.HealthCheck; h != nil {
			f.require(h.GracePeriodSeconds >= 0 && h.IntervalSeconds >= 0 && h.TimeoutSeconds >= 0, at+"/healthCheck", "error.min")
		}
		for j, e := range c.Endpoints {
			at := fmt.Sprintf("%s/endpoints(%d)", at, j)
			there(e.Name, at+"/name")
			f.require(e.Name == "" || validName(e.Name), at+"/name", "error.pattern")
			f.require(len(e.NetworkNames) <= maxNetworks, at+"/networkNames", "error.max")
			f.require(len(e.Protocol) <= maxProtocols && unique(e.Protocol, func(s string) string { return s }), at+"/protocol", "error.max")
			for _, protocol := range e.Protocol {
				// Marathon takes tcp and udp. Published examples have others, such as
				// "http", which Warnings tells of.
				f.require(protocol != "" && only(protocol, lower+upper+digits+"-"), at+"/protocol", "error.pattern")
			}
		}
	}
	return f
}

// Marathon's messages about pods.
const (
	containerNamesRule = "container names must be unique"
	endpointNamesRule  = "endpoint names must be unique"
	hostPortsRule      = "host ports must be unique"
	needsContainerPort = "is required when using container-mode networking"
	needsHostPort      = "is required when using host-mode networking"
	noContainerPort    = "is not allowed when using host-mode networking"
	checkEndpointRule  = "is not an endpoint of this container"
	severalChecksRule  = "exactly one of http, tcp and exec must be set"
)

// validate checks a pod whose defaults are set.
func (p *Pod) validate(s Settings) violations {
	var f violations
	id := parsePathID(p.ID)
	for _, reason := range id.violations() {
		f.add("/id", reason)
	}
	on := p.app()
	on.checkNetworks(&f, s)
	f.require(unique(p.Containers, func(c PodContainer) string { return c.Name }), "/containers", containerNamesRule)
	var all []Endpoint
	for i, c := range p.Containers {
		for j, e := range c.Endpoints {
			at := fmt.Sprintf("/containers(%d)/endpoints(%d)", i, j)
			if on.onHost() {
				f.require(e.HostPort != nil, at+"/hostPort", needsHostPort)
				f.require(e.ContainerPort == nil, at+"/containerPort", noContainerPort)
			} else {
				f.require(e.ContainerPort != nil, at+"/containerPort", needsContainerPort)
			}
			several := len(p.Networks) > 1 && p.Networks[0].Mode == ModeContainer
			f.require(!several || e.HostPort == nil || len(e.NetworkNames) == 1, at, severalRule)
			for _, name := range e.NetworkNames {
				known := slices.ContainsFunc(p.Networks, func(n Network) bool { return n.Name == name })
				f.require(known, at+"/networkNames", fmt.Sprintf("%s is not a network of the pod", name))
			}
		}
		if c.HealthCheck != nil {
			c.validateHealthCheck(&f, fmt.Sprintf("/containers(%d)/healthCheck", i))
		}
		all = append(all, c.Endpoints...)
	}
	f.require(unique(all, func(e Endpoint) string { return e.Name }), "/containers", endpointNamesRule)
	f.require(unique(all, func(e Endpoint) uint16 {
		if e.HostPort == nil {
			return 0
		}
		return *e.HostPort
	}), "/containers", hostPortsRule)
	return f
}

func (c *PodContainer) validateHealthCheck(f *violations, at string) {
	h, kinds := c.HealthCheck, 0
	endpoint := func(name, path string) {
		kinds++
		known := slices.ContainsFunc(c.Endpoints, func(e Endpoint) bool { return e.Name == name })
		f.require(known, at+path, checkEndpointRule)
	}
	if h.HTTP != nil {
		endpoint(h.HTTP.Endpoint, "/http/endpoint")
	}
	if h.TCP != nil {
		endpoint(h.TCP.Endpoint, "/tcp/endpoint")
	}
	if h.Exec != nil {
		kinds++
	}
	f.require(kinds == 1, at, severalChecksRule)
}

// resources returns the resources of an instance, the executor's included.
func (p *Pod) resources() sim.Resources {
	out := p.ExecutorResources.forMesos()
	for _, c := range p.Containers {
		r := c.Resources.forMesos()
		out.CPUs, out.Mem, out.Disk, out.GPUs = out.CPUs+r.CPUs, out.Mem+r.Mem, out.Disk+r.Disk, out.GPUs+r.GPUs
	}
	return out
}

func (r *PodResources) forMesos() sim.Resources {
	return sim.Resources{CPUs: r.CPUs, Mem: r.Mem, Disk: r.Disk, GPUs: float64(r.GPUs)}
}

// hostPorts returns the host ports of all containers; 0 is any port.
func (p *Pod) hostPorts() []uint16 {
	var out []uint16
	for _, c := range p.Containers {
		out = append(out, c.hostPorts()...)
	}
	return out
}

func (c *PodContainer) hostPorts() []uint16 {
	var out []uint16
	for _, e := range c.Endpoints {
		if e.HostPort != nil {
			out = append(out, *e.HostPort)
		}
	}
	return out
}

// tasks returns the tasks of the instance with an id. All of them are in the
// network of their executor, which has the port mappings of all containers. Each
// has the ports of its own container in its DiscoveryInfo, under the pod's name.
func (p *Pod) tasks(id string, hostPorts []uint16) []sim.Task {
	on := p.app()
	name, uuid, _ := cutLastOf(id, ".instance-")
	left := hostPorts
	var out []sim.Task
	var all []mapping
	for _, c := range p.Containers {
		n := len(c.hostPorts())
		ports := c.mappings(on, left[:n])
		left = left[n:]
		all = append(all, ports...)
		t := sim.Task{
			ID:          id + "." + c.Name,
			Name:        c.Name,
			ExecutorID:  "instance-" + name + "." + uuid,
			Resources:   c.Resources.forMesos(),
			Labels:      sortedLabels(merged(p.Labels, c.Labels)),
			Discovery:   &sim.Discovery{Name: on.TaskName(), Ports: on.discovery(ports)},
			Container:   &sim.Container{Type: typeMesos},
			HealthCheck: c.check(ports),
		}
		if c.Image != nil {
			t.Container.Image, t.Container.Cached = c.Image.ID, !c.Image.ForcePull
		}
		out = append(out, t)
	}
	out[0].ExecutorPorts = sim.PortList(hostPorts...) // the executor holds them
	networks := on.mesosNetworks(all)
	for i := range out {
		out[i].Networks = networks
	}
	return out
}

// mappings returns the ports of a container with the host ports of an instance.
func (c *PodContainer) mappings(on *App, hostPorts []uint16) []mapping {
	var out []mapping
	for _, e := range c.Endpoints {
		m := mapping{PortMapping: PortMapping{
			Name: e.Name, Protocol: strings.Join(e.Protocol, ","), Labels: e.Labels, NetworkNames: e.NetworkNames,
		}}
		if e.ContainerPort != nil {
			m.ContainerPort = *e.ContainerPort
		}
		if e.HostPort != nil {
			m.host, m.has = hostPorts[0], true
			hostPorts = hostPorts[1:]
		}
		if m.ContainerPort == 0 {
			m.ContainerPort = m.host // on the host they are the same; else 0 asks for that
		}
		out = append(out, m)
	}
	return out
}

func (c *PodContainer) check(ports []mapping) *sim.HealthCheck {
	h := c.HealthCheck
	if h == nil {
		return nil
	}
	t := newCheck(h.GracePeriodSeconds, h.IntervalSeconds, h.TimeoutSeconds)
	port := func(name string) uint16 {
		i := slices.IndexFunc(ports, func(m mapping) bool { return m.Name == name })
		return ports[i].ContainerPort // validateHealthCheck made sure that it exists
	}
	switch {
	case h.HTTP != nil:
		t.Scheme, t.Path, t.Port = strings.ToLower(h.HTTP.Scheme), h.HTTP.Path, port(h.HTTP.Endpoint)
		if t.Scheme == "" {
			t.Scheme = "http"
		}
	case h.TCP != nil:
		t.TCP, t.Port = true, port(h.TCP.Endpoint)
	default:
		t.Command = h.Exec.Command.Shell
		if t.Command == "" {
			t.Command = strings.Join(h.Exec.Command.Argv, " ")
		}
	}
	return t
}

// merged returns the labels of both; those of b win.
func merged(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func cutLastOf(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
