package sim

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// kind is a way to run an app, with marks where its tasks differ.
type kind struct {
	percent int // of the apps
	task    Task
}

// kinds are the ways to run an app that occur in a generated state.
var kinds = []kind{
	{30, markedTask(Task{ // one port on the host network
		Resources: Resources{CPUs: 0.5, Mem: 512, Ports: PortList(markPort)},
		Discovery: discoveryOf(DiscoveryPort{Number: markPort, Name: "http", Protocol: "tcp"}),
		Container: dockerOf("HOST"),
	})},
	{28, markedTask(Task{ // two ports mapped into a Docker bridge
		Resources: Resources{CPUs: 0.25, Mem: 256, Ports: PortList(markPort, markPort+1)},
		Discovery: discoveryOf(
			DiscoveryPort{Number: markPort, Name: "http", Protocol: "tcp", Labels: scope("host", "")},
			DiscoveryPort{Number: markPort + 1, Name: "metrics", Protocol: "tcp", Labels: scope("host", "")},
		),
		Container: dockerOf("BRIDGE",
			PortMapping{markPort, 8080, "tcp"}, PortMapping{markPort + 1, 9102, "tcp"}),
		Networks: []NetworkInfo{{Addresses: []netip.Prefix{markBridge}}},
	})},
	{17, markedTask(Task{ // an address of its own
		Resources: Resources{CPUs: 1, Mem: 2048},
		Discovery: discoveryOf(
			DiscoveryPort{Number: 8080, Name: "http", Protocol: "tcp", Labels: scope("container", "dcos")},
			DiscoveryPort{Number: 9102, Name: "metrics", Protocol: "tcp", Labels: scope("container", "dcos")},
		),
		Container: dockerOf("USER"),
		Networks:  []NetworkInfo{{Name: "dcos", Addresses: []netip.Prefix{markAddr4}}},
	})},
	{5, markedTask(Task{ // two addresses of its own
		Resources: Resources{CPUs: 1, Mem: 1024},
		Discovery: discoveryOf(DiscoveryPort{Number: 8443, Name: "https", Protocol: "tcp", Labels: scope("container", "dcos6")}),
		Container: &Container{Type: "MESOS", Networks: []NetworkInfo{{Name: "dcos6"}}},
		Networks:  []NetworkInfo{{Name: "dcos6", Addresses: []netip.Prefix{markAddr4, markAddr6}}},
	})},
	{10, markedTask(Task{ // several host ports, no DiscoveryInfo
		Resources: Resources{CPUs: 2, Mem: 4096, Disk: 1024, Ports: Ports{{markPort, markPort + 3}}},
		Container: &Container{Type: "MESOS"},
	})},
	{5, markedTask(Task{ // nothing to connect to
		Resources: Resources{CPUs: 0.1, Mem: 128},
		Discovery: discoveryOf(),
	})},
	{5, markedTask(Task{ // part of a pod
		ExecutorID: "instance-@name@.@uuid@",
		Resources:  Resources{CPUs: 0.5, Mem: 256},
		Discovery:  discoveryOf(DiscoveryPort{Number: 9000, Name: "grpc", Protocol: "tcp", Labels: scope("container", "dcos")}),
		Networks:   []NetworkInfo{{Name: "dcos", Addresses: []netip.Prefix{markAddr4}}},
	})},
}

func drawKind(rng *rand.Rand) int {
	n := rng.IntN(100)
	for i, k := range kinds {
		if n -= k.percent; n < 0 {
			return i
		}
	}
	return 0
}

// markedTask adds what all kinds have: ids, labels, statuses, a health check.
// The labels are what load balancers, build servers and service meshes leave
// there; they are most of what a real state weighs.
func markedTask(t Task) Task {
	t.ID = "@idname@.instance-@uuid@._app.1"
	t.Name = "@name@"
	t.FrameworkID = "@framework@"
	t.AgentID = "@agent@"
	t.State = TaskRunning
	t.Labels = []Label{
		{Key: "HAPROXY_GROUP", Value: "external"},
		{Key: "HAPROXY_0_VHOST", Value: "@name@.apps.example.com"},
		{Key: "HAPROXY_0_BACKEND_HTTP_HEALTHCHECK_OPTIONS", Value: "  option httpchk GET {healthCheckPath} HTTP/1.1\\r\\nHost:\\ @name@\n  timeout check {healthCheckTimeoutSeconds}s\n"},
		{Key: "traefik.frontend.rule", Value: "Host:@name@.apps.example.com;PathPrefix:/"},
		{Key: "prometheus.io/scrape", Value: "true"},
		{Key: "prometheus.io/path", Value: "/metrics"},
		{Key: "owner", Value: "team-@name@@example.com"},
		{Key: "cost-center", Value: "4711-0815"},
		{Key: "build.url", Value: "https://ci.example.com/job/@name@/1342/"},
		{Key: "build.commit", Value: "a3f5c1e97b2d4860a3f5c1e97b2d4860deadbeef"},
		{Key: "MARATHON_SINGLE_INSTANCE_APP", NoValue: true},
	}
	parent := ""
	if t.ExecutorID != "" {
		parent = "@parent@"
	}
	t.Statuses = firstStatuses(&t, markAgentAddr, "@container@", parent, markTime)
	healthy := true
	t.Statuses[len(t.Statuses)-1].Healthy = &healthy
	if t.Discovery != nil && len(t.Discovery.Ports) > 0 {
		t.HealthCheck = &HealthCheck{
			Interval: 10 * time.Second, Timeout: 5 * time.Second, Grace: 300 * time.Second,
			Port: t.Discovery.Ports[0].Number, Path: "/healthz",
		}
	}
	return t
}

func discoveryOf(ports ...DiscoveryPort) *Discovery {
	return &Discovery{
		Name: "@name@", Environment: "production", Location: "dc1", Version: "2026.1.1342",
		Ports: ports, Labels: []Label{{Key: "protocol", Value: "h2c"}},
	}
}

func dockerOf(network string, mappings ...PortMapping) *Container {
	c := &Container{
		Type: "DOCKER",
		Volumes: []Volume{
			{"RO", "/etc/ssl/certs", "/etc/ssl/certs"},
			{"RW", "/var/spool/app", "/data/@name@"},
		},
		Docker: &Docker{
			Image:        "registry.example.com:5000/apps/@name@:2026.1.1342",
			Network:      network,
			PortMappings: mappings,
			Parameters: []Label{
				{Key: "label", Value: "MESOS_TASK_ID=@idname@.instance-@uuid@._app.1"},
				{Key: "log-driver", Value: "journald"},
				{Key: "log-opt", Value: "tag=@name@"},
				{Key: "ulimit", Value: "nofile=65536:65536"},
				{Key: "env", Value: "JAVA_OPTS=-Xms256m -Xmx512m -XX:+UseG1GC -Djava.net.preferIPv4Stack=true"},
			},
			ForcePull: true,
		},
	}
	if network == "USER" {
		c.Networks = []NetworkInfo{{Name: "dcos"}}
	}
	return c
}

// scope is how Marathon says where a port is open.
func scope(where, network string) []Label {
	labels := []Label{{Key: "network-scope", Value: where}}
	if network != "" {
		labels = append(labels, Label{Key: "network-name", Value: network})
	}
	return labels
}
