// Package compose makes tasks of the services of a compose file, as the framework
// mesos-compose does.
package compose

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"toponym/sim"
)

// Settings are those of mesos-compose that names depend on.
type Settings struct {
	Project string // that the file is sent to; part of each name
	Prefix  string // of task names; "mc" when empty
}

// file has the parts of a compose file that names and ports depend on.
type file struct {
	Services map[string]service `yaml:"services"`
	Networks map[string]network `yaml:"networks"`
}

type service struct {
	Network       string              `yaml:"network"`
	Networks      map[string]struct{} `yaml:"networks"`
	NetworkMode   string              `yaml:"network_mode"`
	Ports         []string            `yaml:"ports"`
	Labels        map[string]any      `yaml:"labels"`
	Image         string              `yaml:"image"`
	ContainerType string              `yaml:"container_type"`
	Deploy        struct {
		Replicas string `yaml:"replicas"`
	} `yaml:"deploy"`
	Mesos struct {
		TaskName string `yaml:"task_name"`
	} `yaml:"mesos"`
}

type network struct {
	Name   string `yaml:"name"`
	Driver string `yaml:"driver"`
}

// Service is a service of a compose file.
type Service struct {
	ID        string // project/service
	TaskName  string // prefix:project:service, or what the file says
	Instances int

	// Network is the name of the container network that the service joins; "" for a
	// bridge of the agent or its own network.
	Network string

	idPrefix string
	mode     string // host, bridge, user or none
	asked    string // name of the network as it was asked for
	docker   bool
	image    string
	labels   []sim.Label
	ports    []port
}

// port is a port of a container with a port of the agent.
type port struct {
	container uint16
	protocol  string
	written   string // the protocol in the file
}

// maxServices bounds the services of a file.
const maxServices = 1000

// IsFile reports whether a text is a compose file: it has services.
func IsFile(data []byte) bool {
	var members struct {
		Services map[string]yaml.Node `yaml:"services"`
	}
	return yaml.Unmarshal(data, &members) == nil && len(members.Services) > 0
}

// Parse reads a compose file. The services are in the order of their names. The
// warnings say where mesos-compose chooses at random, or does not do what is written.
func Parse(data []byte, s Settings) (services []*Service, warnings []string, err error) {
	var f file
	if err := yaml.Unmarshal(data, &f); err != nil {
		return nil, nil, fmt.Errorf("mesos-compose could not read this: %w", err)
	}
	switch {
	case s.Project == "":
		return nil, nil, errors.New("a compose file belongs to a project, which has no name")
	case len(f.Services) > maxServices:
		return nil, nil, fmt.Errorf("there are %d services, more than %d", len(f.Services), maxServices)
	}
	if s.Prefix == "" {
		s.Prefix = "mc"
	}
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		written := f.Services[name]
		if len(written.Networks) > 1 && written.Network == "" {
			warnings = append(warnings, fmt.Sprintf("services.%s.networks: mesos-compose joins one of them only, which is not defined; the first by name is shown", name))
		}
		service, err := written.service(name, f.Networks, s)
		if err != nil {
			return nil, nil, fmt.Errorf("services.%s: %w", name, err)
		}
		for i, p := range service.ports {
			if p.written != p.protocol && p.written != "" {
				warnings = append(warnings, fmt.Sprintf("services.%s.ports[%d]: mesos-compose does not know the protocol %.20q and makes it tcp", name, i, p.written))
			}
		}
		services = append(services, service)
	}
	return services, warnings, nil
}

func (w service) service(name string, networks map[string]network, s Settings) (*Service, error) {
	out := &Service{
		ID: s.Project + "/" + name, TaskName: w.Mesos.TaskName, Instances: 1, image: w.Image,
		idPrefix: s.Project + "_" + name, docker: !strings.EqualFold(w.ContainerType, "mesos"),
	}
	if first, _, _ := strings.Cut(out.TaskName, ":"); first != s.Prefix {
		out.TaskName = s.Prefix + ":" + s.Project + ":" + name
	}
	if w.Deploy.Replicas != "" {
		n, err := strconv.Atoi(w.Deploy.Replicas)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("deploy.replicas: %q is not a number", w.Deploy.Replicas)
		}
		out.Instances = n
	}
	out.join(w, networks)
	if out.mode == "none" {
		return nil, errors.New("a container without a network has no address that a name could have")
	}
	for _, key := range slices.Sorted(maps.Keys(w.Labels)) {
		out.labels = append(out.labels, sim.Label{Key: key, Value: fmt.Sprint(w.Labels[key])})
	}
	if out.mode == "host" {
		return out, nil // its ports are those of the agent, and are not announced
	}
	for i, text := range w.Ports {
		p, err := parsePort(text)
		if err != nil {
			return nil, fmt.Errorf("ports[%d]: %w", i, err)
		}
		out.ports = append(out.ports, p)
	}
	return out, nil
}

// join finds the network that a service joins. Without one it asks for the network
// "default", which for Docker is the bridge of the agent.
func (s *Service) join(w service, networks map[string]network) {
	key := "default"
	switch {
	case w.Network != "":
		key = w.Network
	case len(w.Networks) > 0:
		key = slices.Min(slices.Collect(maps.Keys(w.Networks)))
	}
	s.asked, s.mode = key, "user"
	if w.NetworkMode != "" {
		s.mode = strings.ToLower(w.NetworkMode)
	}
	if len(networks) > 0 {
		n := networks[key]
		s.asked = n.Name
		if n.Name != "" {
			s.mode = "user"
		}
		if n.Driver != "" {
			s.mode = strings.ToLower(n.Driver)
		}
	}
	switch s.mode {
	case "host", "none", "bridge", "user":
	default:
		s.mode = "bridge"
	}
	switch {
	case !s.docker:
		s.Network = s.asked
	case s.mode == "user" && s.asked != "default" && s.asked != "bridge":
		s.Network = s.asked
	}
}

// parsePort reads [[ip:]host port:]container port[/protocol]. mesos-compose chooses
// the port of the agent itself.
func parsePort(text string) (port, error) {
	text = text[strings.LastIndexByte(text, ':')+1:]
	number, written, _ := strings.Cut(text, "/")
	written = strings.ToLower(written)
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 {
		return port{}, fmt.Errorf("%q is not a port of a container from 1 to 65535", text)
	}
	protocol := written
	switch protocol {
	case "udp", "wss", "http", "https", "h2c":
	default:
		protocol = "tcp"
	}
	return port{uint16(n), protocol, written}, nil
}

// Framework is the framework that runs the services.
func Framework() sim.Framework {
	return sim.Framework{Name: "mc", Hostname: "10.0.0.253", Roles: []string{"mc"}}
}

// HostPorts has a 0 for each port of the agent that an instance takes.
func (s *Service) HostPorts() []uint16 { return make([]uint16, len(s.ports)) }

// TaskID returns the id of a task.
func (s *Service) TaskID(uuid string) string { return s.idPrefix + "." + uuid + ".0" }

// Task returns a task with an id and a port of the agent for each of HostPorts.
func (s *Service) Task(id string, hostPorts []uint16) sim.Task {
	t := sim.Task{
		ID: id, Name: s.TaskName, Labels: s.labels,
		Discovery: &sim.Discovery{Visibility: "EXTERNAL", Name: strings.ReplaceAll(s.TaskName, ":", ".")},
		Container: &sim.Container{Type: "MESOS", Image: s.image},
		Resources: sim.Resources{CPUs: 0.1, Mem: 128, Ports: sim.PortList(hostPorts...)},
	}
	var mappings []sim.PortMapping
	for i, p := range s.ports {
		t.Discovery.Ports = append(t.Discovery.Ports, sim.DiscoveryPort{
			Number: hostPorts[i], Protocol: p.protocol,
			Name: fmt.Sprintf("%s_%d", strings.ReplaceAll(s.TaskName, ":", "_"), p.container),
		})
		transport := "tcp" // Docker knows no others
		if p.protocol == "udp" {
			transport = "udp"
		}
		mappings = append(mappings, sim.PortMapping{HostPort: hostPorts[i], ContainerPort: p.container, Protocol: transport})
	}
	if s.docker {
		t.Container = &sim.Container{Type: "DOCKER", Docker: &sim.Docker{
			Image: s.image, Network: strings.ToUpper(s.mode), PortMappings: mappings,
		}}
	}
	if s.mode == "host" {
		return t
	}
	t.Container.Networks = []sim.NetworkInfo{{Name: s.asked}}
	t.Networks = []sim.NetworkInfo{{Name: s.Network}}
	return t
}
