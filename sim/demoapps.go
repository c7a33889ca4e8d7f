package sim

import (
	"net/netip"
	"time"
)

// demoApp is an app of the Demo, with a way to be on the network of its own.
type demoApp struct {
	task      Task
	instances []demoInstance
}

// demoInstance says on which agent, by number, and at which addresses.
type demoInstance struct {
	agent    int
	networks []NetworkInfo
}

func at(agent int, network string, addresses ...string) demoInstance {
	n := NetworkInfo{Name: network}
	for _, a := range addresses {
		n.Addresses = append(n.Addresses, Address(a))
	}
	return demoInstance{agent, []NetworkInfo{n}}
}

// demoApps are the apps under marathon.
func demoApps() []demoApp {
	small := Resources{CPUs: 0.1, Mem: 64}
	withPorts := func(ports ...uint16) Resources {
		r := small
		r.Ports = PortList(ports...)
		return r
	}
	return []demoApp{
		{ // each instance has an address on a Calico network, and no host port
			Task{
				Name: "nginx", Resources: small,
				Discovery: &Discovery{Name: "nginx"},
				Container: &Container{Type: "MESOS", Networks: []NetworkInfo{{Name: "calico"}}},
			},
			[]demoInstance{
				at(0, "calico", "192.168.84.192"),
				at(1, "calico", "192.168.50.65"),
				at(1, "calico", "192.168.50.66"),
			},
		},
		{ // IP-per-task, with a named port that is the container's
			Task{
				Name: "api", Resources: small,
				Discovery: &Discovery{Name: "api", Ports: []DiscoveryPort{
					{Number: 80, Name: "http", Protocol: "tcp", Labels: scope("container", "calico")},
				}},
				Container: &Container{Type: "MESOS", Networks: []NetworkInfo{{Name: "calico"}}},
				Labels:    []Label{{Key: "owner", Value: "team-api"}},
			},
			[]demoInstance{at(2, "calico", "192.168.22.130"), at(0, "calico", "192.168.84.193")},
		},
		{ // an overlay network of DC/OS
			Task{
				Name: "ledger", Resources: small,
				Discovery: &Discovery{Name: "ledger", Ports: []DiscoveryPort{
					{Number: 123, Name: "foo", Protocol: "tcp", Labels: scope("container", "dcos-1")},
				}},
				Container: &Container{
					Type:     "DOCKER",
					Docker:   &Docker{Image: "example/ledger:1.4", Network: "USER"},
					Networks: []NetworkInfo{{Name: "dcos-1"}},
				},
			},
			[]demoInstance{at(2, "dcos-1", "9.0.2.130")},
		},
		{ // the agent's network, two ports
			Task{
				Name: "registry", Resources: withPorts(31201, 31202),
				Discovery: &Discovery{Name: "registry", Ports: []DiscoveryPort{
					{Number: 31201, Name: "http", Protocol: "tcp"},
					{Number: 31202, Name: "admin", Protocol: "tcp"},
				}},
				Container: &Container{Type: "DOCKER", Docker: &Docker{Image: "example/registry:2", Network: "HOST"}},
			},
			[]demoInstance{{agent: 3}},
		},
		{ // behind a port of the agent, as Docker's bridge maps it
			Task{
				Name: "blog", Resources: withPorts(31380),
				Labels: []Label{{Key: "HAPROXY_GROUP", Value: "external"}, {Key: "HAPROXY_0_VHOST", Value: "blog.example.com"}},
				Discovery: &Discovery{Name: "blog", Ports: []DiscoveryPort{
					{Number: 31380, Name: "http", Protocol: "tcp", Labels: scope("host", "")},
				}},
				Container: &Container{Type: "DOCKER", Docker: &Docker{
					Image: "example/blog:7", Network: "BRIDGE",
					PortMappings: []PortMapping{{HostPort: 31380, ContainerPort: 80, Protocol: "tcp"}},
				}},
				HealthCheck: &HealthCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Grace: time.Minute, Port: 80, Path: "/"},
			},
			[]demoInstance{at(0, "", "172.17.0.2"), at(2, "", "172.17.0.2")},
		},
		{ // IPv4 and IPv6
			Task{
				Name: "dual", Resources: small,
				Discovery: &Discovery{Name: "dual", Ports: []DiscoveryPort{
					{Number: 8080, Name: "http", Protocol: "tcp", Labels: scope("container", "dcos6")},
				}},
				Container: &Container{Type: "MESOS", Networks: []NetworkInfo{{Name: "dcos6"}}},
			},
			[]demoInstance{{1, []NetworkInfo{{
				Name:      "dcos6",
				Addresses: []netip.Prefix{Address("9.1.1.2"), Address("fd01:b::2:8000:2/64")},
			}}}},
		},
		{ // the app /shop/cart, whose instances move: their addresses come from dcos-1
			Task{
				Name: moving, Resources: small,
				Discovery: &Discovery{Name: moving, Ports: []DiscoveryPort{
					{Number: 8080, Name: "http", Protocol: "tcp", Labels: scope("container", "dcos-1")},
				}},
				Container: &Container{
					Type:     "DOCKER",
					Docker:   &Docker{Image: "example/cart:3.2", Network: "USER"},
					Networks: []NetworkInfo{{Name: "dcos-1"}},
				},
			},
			[]demoInstance{at(0, "dcos-1"), at(1, "dcos-1"), at(2, "dcos-1")},
		},
	}
}
