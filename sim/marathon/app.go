package marathon

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"toponym/sim"
)

// App is an app definition in the form of Marathon 1.5, or stands for a pod.
// Fields that have no influence on tasks are kept as they were written.
type App struct {
	ID                         string                    `json:"id"` // absolute
	AcceptedResourceRoles      []string                  `json:"acceptedResourceRoles,omitzero"`
	Args                       []string                  `json:"args,omitempty"`
	BackoffFactor              float64                   `json:"backoffFactor"`
	BackoffSeconds             int                       `json:"backoffSeconds"`
	Cmd                        *string                   `json:"cmd,omitzero"`
	Constraints                [][]string                `json:"constraints,omitempty"`
	Container                  *Container                `json:"container,omitzero"`
	CPUs                       float64                   `json:"cpus"`
	Dependencies               []string                  `json:"dependencies,omitempty"`
	Disk                       float64                   `json:"disk"` // MB
	Env                        map[string]jsontext.Value `json:"env"`  // strings, or references to secrets
	Executor                   string                    `json:"executor"`
	Fetch                      []Artifact                `json:"fetch,omitempty"`
	GPUs                       int                       `json:"gpus"`
	HealthChecks               []HealthCheck             `json:"healthChecks,omitempty"`
	Instances                  int                       `json:"instances"`
	KillSelection              string                    `json:"killSelection"`
	Labels                     map[string]string         `json:"labels"`
	MaxLaunchDelaySeconds      int                       `json:"maxLaunchDelaySeconds"`
	Mem                        float64                   `json:"mem"` // MB
	Networks                   []Network                 `json:"networks"`
	PortDefinitions            []PortDefinition          `json:"portDefinitions,omitzero"` // empty: no ports
	ReadinessChecks            jsontext.Value            `json:"readinessChecks,omitzero"`
	RequirePorts               bool                      `json:"requirePorts"`
	Residency                  jsontext.Value            `json:"residency,omitzero"`
	Secrets                    jsontext.Value            `json:"secrets,omitzero"`
	TaskKillGracePeriodSeconds *int                      `json:"taskKillGracePeriodSeconds,omitzero"`
	UnreachableStrategy        jsontext.Value            `json:"unreachableStrategy,omitzero"`
	UpgradeStrategy            *UpgradeStrategy          `json:"upgradeStrategy,omitzero"`
	User                       string                    `json:"user,omitempty"`
	Version                    string                    `json:"version,omitempty"` // set by the Scheduler
	VersionInfo                *VersionInfo              `json:"versionInfo,omitzero"`

	pod        *Pod        // not nil: this stands for a pod
	taskLabels []sim.Label // Labels as the tasks have them
}

// VersionInfo has the times of the last change of each kind.
type VersionInfo struct {
	LastScalingAt      string `json:"lastScalingAt"`
	LastConfigChangeAt string `json:"lastConfigChangeAt"`
}

// UpgradeStrategy bounds the number of instances during an upgrade, as fractions
// of the app's instances. Both fields are required.
type UpgradeStrategy struct {
	MinimumHealthCapacity *float64 `json:"minimumHealthCapacity"`
	MaximumOverCapacity   *float64 `json:"maximumOverCapacity"`
}

// The modes of a Network.
const (
	ModeHost      = "host"
	ModeContainer = "container"
	ModeBridge    = "container/bridge"
)

// Network is a network that an app joins.
type Network struct {
	Name   string            `json:"name,omitempty"` // of container networks only
	Mode   string            `json:"mode"`
	Labels map[string]string `json:"labels,omitempty"`
}

// Container says in what container an app runs.
type Container struct {
	Type         string         `json:"type"` // DOCKER or MESOS
	Docker       *Docker        `json:"docker,omitzero"`
	AppC         jsontext.Value `json:"appc,omitzero"`
	Volumes      []Volume       `json:"volumes,omitempty"`
	LinuxInfo    jsontext.Value `json:"linuxInfo,omitzero"`
	PortMappings []PortMapping  `json:"portMappings,omitzero"` // empty: no ports
}

// Containerizers.
const (
	typeDocker = "DOCKER"
	typeMesos  = "MESOS"
)

// Docker is an image, run by either containerizer.
type Docker struct {
	Image          string         `json:"image"`
	ForcePullImage bool           `json:"forcePullImage"`
	Privileged     bool           `json:"privileged"`
	Parameters     []Parameter    `json:"parameters,omitempty"`
	PullConfig     jsontext.Value `json:"pullConfig,omitzero"`
	Credential     jsontext.Value `json:"credential,omitzero"`

	// Fields of the 1.4 form. A normalised app has none of them.
	Network      string        `json:"network,omitzero"`
	PortMappings []PortMapping `json:"portMappings,omitzero"`
}

// Parameter is an option of the Docker command line.
type Parameter struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Volume is a path in the container. Only host volumes are passed on to Mesos.
type Volume struct {
	ContainerPath string         `json:"containerPath"`
	HostPath      string         `json:"hostPath,omitempty"`
	Mode          string         `json:"mode,omitempty"`
	More          jsontext.Value `json:",embed"`
}

// PortMapping maps a port of the agent to a port of the container.
type PortMapping struct {
	ContainerPort uint16            `json:"containerPort"` // 0: the number of the host port
	HostPort      *uint16           `json:"hostPort,omitzero"`
	Labels        map[string]string `json:"labels,omitempty"`
	Name          string            `json:"name,omitempty"`
	Protocol      string            `json:"protocol"` // tcp, udp or "udp,tcp"
	ServicePort   uint16            `json:"servicePort"`
	NetworkNames  []string          `json:"networkNames,omitempty"` // empty: all networks
}

// PortDefinition is a port of an app on the host network.
type PortDefinition struct {
	Port     uint16            `json:"port"` // the service port; with requirePorts the host port
	Labels   map[string]string `json:"labels,omitempty"`
	Name     string            `json:"name,omitempty"`
	Protocol string            `json:"protocol"`
}

// HealthCheck is a health check. Marathon itself runs those with the protocols HTTP,
// HTTPS and TCP, of which Mesos does not know.
type HealthCheck struct {
	Protocol               string         `json:"protocol"`
	Path                   string         `json:"path,omitempty"`
	Port                   *uint16        `json:"port,omitzero"`
	PortIndex              *int           `json:"portIndex,omitzero"`
	Command                *Command       `json:"command,omitzero"`
	GracePeriodSeconds     int            `json:"gracePeriodSeconds"`
	IntervalSeconds        int            `json:"intervalSeconds"`
	TimeoutSeconds         int            `json:"timeoutSeconds"`
	DelaySeconds           int            `json:"delaySeconds"`
	MaxConsecutiveFailures int            `json:"maxConsecutiveFailures"`
	IPProtocol             string         `json:"ipProtocol,omitempty"`
	IgnoreHTTP1xx          *bool          `json:"ignoreHttp1xx,omitzero"`
	More                   jsontext.Value `json:",embed"`
}

// Command is what a COMMAND check runs.
type Command struct {
	Value string `json:"value"`
}

// Artifact is a file that is fetched before an instance starts.
type Artifact struct {
	URI        string `json:"uri"`
	Extract    bool   `json:"extract"`
	Executable bool   `json:"executable"`
	Cache      bool   `json:"cache"`
	DestPath   string `json:"destPath,omitempty"`
}

// defaults returns an app with Marathon's default values.
func defaults() App {
	all := 1.0
	return App{
		BackoffFactor:         1.15,
		BackoffSeconds:        1,
		CPUs:                  1,
		Instances:             1,
		KillSelection:         "YOUNGEST_FIRST",
		MaxLaunchDelaySeconds: 3600,
		Mem:                   128,
		UpgradeStrategy:       &UpgradeStrategy{&all, &all},
		UnreachableStrategy:   jsontext.Value(`{"inactiveAfterSeconds":0,"expungeAfterSeconds":0}`),
	}
}

// UnmarshalJSONFrom reads an upgrade strategy, which replaces the default as a whole.
func (u *UpgradeStrategy) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain UpgradeStrategy
	*u = UpgradeStrategy{}
	return json.UnmarshalDecode(d, (*plain)(u))
}

// UnmarshalJSONFrom reads a network, whose default mode is "container".
func (n *Network) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain Network
	*n = Network{Mode: ModeContainer}
	return json.UnmarshalDecode(d, (*plain)(n))
}

// UnmarshalJSONFrom reads a container, whose default type is DOCKER.
func (c *Container) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain Container
	*c = Container{Type: typeDocker}
	return json.UnmarshalDecode(d, (*plain)(c))
}

// UnmarshalJSONFrom reads a mapping, whose default protocol is tcp.
func (p *PortMapping) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain PortMapping
	*p = PortMapping{Protocol: "tcp"}
	return json.UnmarshalDecode(d, (*plain)(p))
}

// UnmarshalJSONFrom reads a port, whose default protocol is tcp.
func (p *PortDefinition) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain PortDefinition
	*p = PortDefinition{Protocol: "tcp"}
	return json.UnmarshalDecode(d, (*plain)(p))
}

// UnmarshalJSONFrom reads a health check, with Marathon's defaults.
func (h *HealthCheck) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain HealthCheck
	*h = HealthCheck{
		Protocol: "HTTP", GracePeriodSeconds: 300, IntervalSeconds: 60, TimeoutSeconds: 20,
		DelaySeconds: 15, MaxConsecutiveFailures: 3, IPProtocol: "IPv4",
	}
	return json.UnmarshalDecode(d, (*plain)(h))
}

// UnmarshalJSONFrom reads an artifact; archives are unpacked by default.
func (a *Artifact) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	type plain Artifact
	*a = Artifact{Extract: true}
	return json.UnmarshalDecode(d, (*plain)(a))
}
